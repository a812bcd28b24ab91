import { Command } from "@commander-js/extra-typings";
import { hex } from "../../../core/bytes.js";
import { addCovenantSignatures, covenantSigner, signAsMember } from "../../../covenant/member.js";
import { writeDelegation } from "../../files.js";
import { signatureFacts, signatureText } from "../../format/delegation.js";
import { helpText, MAKE_STAKE, paragraphs, SIGN_STAKE } from "../../help.js";
import { checkOneStandardInput, readDelegation } from "../../input.js";
import {
  DELEGATION,
  heightOption,
  jsonOption,
  outOption,
  previousHeightOption,
  releaseOption,
  secretOption,
  trustedParamsOption,
} from "../../options.js";
import { answer } from "../../output.js";
import { withSecretKey } from "../../secrets.js";
import { rulesOf, trustedParams } from "../../terms.js";

const DESCRIPTION = `Adds all signatures of one committee member to a delegation, once every rule of covenant check holds.

Members can sign one file in turn, or copies at the same time: stake combine puts these together.`;

const HELP = helpText({
  examples: `
# on regtest, where everybody knows the secrets of the committee
${MAKE_STAKE}
${SIGN_STAKE}
`,
  refused: "the code names the rule that is broken; not-a-member, quorum-reached",
});

export function command() {
  return new Command("sign")
    .description(paragraphs(DESCRIPTION))
    .argument(...DELEGATION)
    .addOption(secretOption())
    .addOption(trustedParamsOption())
    .addOption(heightOption())
    .addOption(previousHeightOption())
    .addOption(releaseOption())
    .addOption(outOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (path, { out = path, ...options }) => {
      checkOneStandardInput(path, options.secretFile, options.params);
      const delegation = await readDelegation(path);
      const { params, previousParams } = await trustedParams(delegation, options);
      const against = { ...rulesOf(options), ...(previousParams && { previousParams }) };
      const signatures = await withSecretKey(options.secretFile, "the committee member", (secretKey) =>
        signAsMember(delegation, covenantSigner(secretKey), params, against),
      );
      const signed = addCovenantSignatures(delegation, signatures);
      await writeDelegation(out, signed);
      if (out === "-") return;
      const member = hex.encode(signatures.unbonding.publicKey);
      answer(options.json === true, { delegation: out, member, ...signatureFacts(signed) }, (facts) =>
        [`signed by ${member}: ${out}`, signatureText(facts)].join("\n"),
      );
    });
}
