import { Command } from "@commander-js/extra-typings";
import { openProtection } from "../../../../finality/protection.js";
import { jsonOption } from "../../../arguments.js";
import { helpText, paragraphs } from "../../../help.js";
import { answer } from "../../../output.js";
import { subjectsFacts, subjectsText } from "../../../protection-text.js";
import { enterHome, homeOption } from "../../../secrets.js";

const DESCRIPTION = `Checks that what the home remembers of votes is whole, and no older than its second mark.

It is what every signer does before it signs: this does it and nothing else. What no check from here can see is a
copy of the whole home, or another machine with the same key.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home
tapstake fp protection check
`,
  refused: "the store is missing, empty, damaged, or older than its second mark",
});

export function command() {
  return new Command("check")
    .description(paragraphs(DESCRIPTION))
    .addOption(homeOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action((options) => {
      const home = enterHome(options.home);
      const protection = openProtection(home);
      try {
        const facts = { good: true, subjects: subjectsFacts(home, protection) };
        answer(
          options.json === true,
          facts,
          (all) => `good: whole, and no older than its second mark\n\n${subjectsText(all)}`,
        );
      } finally {
        protection.close();
      }
    });
}
