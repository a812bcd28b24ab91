import { Command } from "@commander-js/extra-typings";
import { openProtection } from "../../../../finality/protection.js";
import { jsonOption } from "../../../arguments.js";
import { helpText, paragraphs } from "../../../help.js";
import { answer } from "../../../output.js";
import { subjectsFacts, subjectsText } from "../../../protection-text.js";
import { enterHome, homeOption } from "../../../secrets.js";

const DESCRIPTION = `Shows, for every key and chain, how many votes are remembered and between which marks.

It opens the store, so it is refused while a signer runs: the signer's metrics show its last height.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home
tapstake fp protection show
tapstake fp protection show --json
`,
  refused: "another signer runs, or what the home remembers cannot be trusted",
});

export function command() {
  return new Command("show")
    .description(paragraphs(DESCRIPTION))
    .addOption(homeOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action((options) => {
      const home = enterHome(options.home);
      const protection = openProtection(home);
      try {
        answer(options.json === true, { subjects: subjectsFacts(home, protection) }, subjectsText);
      } finally {
        protection.close();
      }
    });
}
