import { Command, Option } from "@commander-js/extra-typings";
import { hex } from "../../../../core/bytes.js";
import { openProtection } from "../../../../finality/protection.js";
import { chainHeight, jsonOption } from "../../../arguments.js";
import { chainOption, keyOption, publicKeyNamed } from "../../../fp-options.js";
import { helpText, paragraphs } from "../../../help.js";
import { answer } from "../../../output.js";
import { marksText } from "../../../protection-text.js";
import { enterHome, homeOption, mustType, yesOption } from "../../../secrets.js";

const DESCRIPTION = `Forgets the votes below a height, and raises the lowest mark to it: nothing below it is ever signed again, not
even what was signed there already.

A store of millions of votes needs it now and then; nothing else does. The mark cannot be lowered afterwards.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
tapstake fp keys new validator-1 > words
tapstake fp vote --key validator-1 --chain bsn-1 --height 1002 \\
  --hash d3a2b263b23169056f06d5439c0cf9e201ed645ed6f10412a4091c99fb001bd8
tapstake fp protection prune --key validator-1 --chain bsn-1 --below 1000 --yes
`,
  refused: "a height below the mark that is there or beyond the last vote, or it was not confirmed",
});

export function command() {
  return new Command("prune")
    .description(paragraphs(DESCRIPTION))
    .addOption(keyOption().makeOptionMandatory())
    .addOption(chainOption().makeOptionMandatory())
    .addOption(
      new Option("--below <height>", "forget what is below, and sign nothing there")
        .argParser(chainHeight)
        .makeOptionMandatory(),
    )
    .addOption(yesOption())
    .addOption(homeOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (options) => {
      const { chain, below } = options;
      const home = enterHome(options.home);
      const key = publicKeyNamed(home, options.key);
      await mustType(`${below}`, {
        warning: `The votes of ${hex.encode(key)} on ${chain} below ${below} will be forgotten, and nothing signed there.`,
        message: "Type the height again to forget what is below it",
        yes: options.yes === true,
      });
      const protection = openProtection(home);
      try {
        const forgotten = protection.prune(key, chain, below);
        const marks = protection.marks(key, chain)!;
        answer(options.json === true, { key, chain, forgotten, ...marks }, marksText);
      } finally {
        protection.close();
      }
    });
}
