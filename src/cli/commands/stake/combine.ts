import { Command } from "@commander-js/extra-typings";
import { combineDelegations } from "../../../delegation/combine.js";
import { writeDelegation } from "../../files.js";
import { signatureFacts, signatureText } from "../../format/delegation.js";
import { helpText, MAKE_STAKE, paragraphs } from "../../help.js";
import { checkOneStandardInput, readDelegation } from "../../input.js";
import { DELEGATION, jsonOption, outOption } from "../../options.js";
import { answer } from "../../output.js";

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
    .argument(...DELEGATION)
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
