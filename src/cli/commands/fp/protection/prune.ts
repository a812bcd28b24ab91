import { helpText } from "../../../help.js";
import { type MarkCommand, markCommand } from "../../../mark-command.js";
import { answer } from "../../../output.js";
import { marksText, watermarkFacts } from "../../../protection-text.js";
import { withProtection } from "../../../signer.js";

const DESCRIPTION = `Forgets the votes below a height, and raises the lowest mark to it: nothing below it is ever signed again, not
even what was signed there already.

A store of millions of votes needs it now and then; nothing else does. The mark cannot be lowered afterwards.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
tapstake fp commit --key validator-1 --chain bsn-1 --start 1000 --count 100
tapstake fp vote --key validator-1 --chain bsn-1 --height 1002 \\
  --hash d3a2b263b23169056f06d5439c0cf9e201ed645ed6f10412a4091c99fb001bd8
tapstake fp protection prune --key validator-1 --chain bsn-1 --below 1000 --yes
`,
  refused: "a height below the mark that is there or beyond the last vote, or it was not confirmed",
});

const COMMAND: MarkCommand = {
  description: DESCRIPTION,
  help: HELP,
  flags: "--below <height>",
  meaning: "forget what is below, and sign nothing there",
  warning: ({ key, chain, height }) =>
    `The votes of ${key} on ${chain} below ${height} will be forgotten, and nothing signed there.`,
  question: "Type the height again to forget what is below it",
};

export const command = () =>
  markCommand("prune", COMMAND, ({ home, key, chain, height, asJson }) =>
    withProtection(home, (protection) => {
      const forgotten = protection.prune(key, chain, height);
      const marks = protection.watermarks(key, chain)!;
      answer(asJson, { key, chain, forgotten, ...watermarkFacts(marks) }, marksText);
    }),
  );
