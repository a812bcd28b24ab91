import { Command } from "@commander-js/extra-typings";
import { combineDelegations } from "../../../delegation/combine.js";
import { jsonOption } from "../../arguments.js";
import { signatureFacts, signatureText } from "../../delegation-text.js";
import { MAKE_STAKE } from "../../example-stake.js";
import { readDelegation, writeDelegation } from "../../files.js";
import { helpText, paragraphs } from "../../help.js";
import { answer } from "../../output.js";
import { checkOneStandardInput } from "../../secrets.js";
import { outOption } from "../../stake-options.js";

const DESCRIPTION = `Puts the signatures of several copies of a delegation into one.

Stakers and committee members can sign copies of their own, at the same time. Each signature is verified before it is
taken over, and a copy of another stake is refused.`;

const HELP = helpText({
  examples: `
${MAKE_STAKE}
cp stake.json signed-copy.json
tapstake stake sign signed-copy.json --secret-file staker.key
tapstake stake combine stake.json signed-copy.json
`,
  refused: "a copy of another stake, or with a signature that does not verify",
});

export function command() {
  return new Command("combine")
    .description(paragraphs(DESCRIPTION))
    .argument("<delegation>", "its file; - for standard input")
    .argument("<copies...>", "files of the same stake")
    .addOption(outOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (path, copies, { out = path, json }) => {
      checkOneStandardInput(path, ...copies);
      let combined = await readDelegation(path);
      for (const copy of copies) combined = combineDelegations(combined, await readDelegation(copy));
      await writeDelegation(out, combined);
      if (out === "-") return;
      answer(json === true, { delegation: out, ...signatureFacts(combined) }, (facts) =>
        [`combined: ${out}`, signatureText(facts)].join("\n"),
      );
    });
}
