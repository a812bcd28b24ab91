import { Command } from "@commander-js/extra-typings";
import { hex } from "../../../core/bytes.js";
import { addCovenantSignatures, covenantSigner, signAsMember } from "../../../covenant/member.js";
import { jsonOption } from "../../arguments.js";
import { esploraOption, rpcAuthOption, rpcOption } from "../../chain.js";
import { signatureFacts, signatureText } from "../../delegation-text.js";
import { MAKE_STAKE, SIGN_STAKE } from "../../example-stake.js";
import { readDelegation, writeDelegation } from "../../files.js";
import { helpText, paragraphs } from "../../help.js";
import { answer } from "../../output.js";
import { checkOneStandardInput, secretOption, withSecretKey } from "../../secrets.js";
import {
  heightOption,
  MEMBERS,
  membersReleaseOption,
  memberView,
  outOption,
  previousHeightOption,
  trustedParamsOption,
} from "../../stake-options.js";

const DESCRIPTION = `Adds all signatures of one committee member to a delegation, once every rule of covenant check holds.

Members can sign one file in turn, or copies at the same time: stake combine puts these together.`;

const HELP = helpText({
  examples: `
# on regtest, where everybody knows the secrets of the committee
${MAKE_STAKE}
${SIGN_STAKE}
`,
  more: MEMBERS,
  refused: "the code names the rule that is broken; not-a-member, quorum-reached",
});

export function command() {
  return new Command("sign")
    .description(paragraphs(DESCRIPTION))
    .argument("<delegation>", "its file; - for standard input")
    .addOption(secretOption())
    .addOption(trustedParamsOption())
    .addOption(heightOption())
    .addOption(previousHeightOption())
    .addOption(membersReleaseOption())
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption())
    .addOption(outOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (path, { out = path, ...options }) => {
      checkOneStandardInput(path, options.secretFile, options.params);
      const delegation = await readDelegation(path);
      const { own, ...against } = await memberView(delegation, options);
      const signatures = await withSecretKey(options.secretFile, "the committee member", (secretKey) =>
        signAsMember(delegation, covenantSigner(secretKey), own, against),
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
