import { homeCommand } from "../../../fp-options.js";
import { helpText } from "../../../help.js";
import { answer } from "../../../output.js";
import { subjectsFacts, subjectsText } from "../../../protection-text.js";
import { withProtection } from "../../../signer.js";

const DESCRIPTION = `Shows, for every key and chain, how many votes are remembered and between which marks.

It opens the store, so it is refused while a signer runs: the signer's metrics show its last height; for
the rest stop the daemon first.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
tapstake fp protection show
tapstake fp protection show --json
`,
  refused: "another signer runs, or what the home remembers cannot be trusted",
});

export const command = () =>
  homeCommand("show", { description: DESCRIPTION, help: HELP }, (home, asJson) =>
    withProtection(home, (protection) => {
      answer(asJson, { subjects: subjectsFacts(home, protection) }, subjectsText);
    }),
  );
