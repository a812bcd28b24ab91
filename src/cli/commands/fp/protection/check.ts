import { homeCommand } from "../../../fp-options.js";
import { helpText } from "../../../help.js";
import { answer } from "../../../output.js";
import { subjectsFacts, subjectsText } from "../../../protection-text.js";
import { withProtection } from "../../../signer.js";

const DESCRIPTION = `Checks that what the home remembers of votes is whole, and no older than its second mark.

It is what every signer does before it signs: this does it and nothing else. What no check from here can see is a
copy of the whole home, or another machine with the same key.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
tapstake fp protection check
`,
  refused: "the store is missing, empty, damaged, or older than its second mark",
});

export const command = () =>
  homeCommand("check", { description: DESCRIPTION, help: HELP }, (home, asJson) =>
    withProtection(home, (protection) => {
      const facts = { good: true, subjects: subjectsFacts(home, protection) };
      answer(
        asJson,
        facts,
        (all) => `good: whole, and no older than its second mark\n\n${subjectsText(all)}`,
      );
    }),
  );
