import { Command } from "@commander-js/extra-typings";
import { checkForCommittee, checkForMember } from "../../../covenant/member.js";
import { signatureFacts, signatureText } from "../../format/delegation.js";
import { helpText, MAKE_STAKE, paragraphs } from "../../help.js";
import { checkOneStandardInput, readDelegation } from "../../input.js";
import {
  DELEGATION,
  heightOption,
  jsonOption,
  parseKey,
  previousHeightOption,
  releaseOption,
  trustedParamsOption,
} from "../../options.js";
import { answer, table } from "../../output.js";
import { rulesOf, trustedParams } from "../../terms.js";

const DESCRIPTION = `Checks everything that a committee member must know of a delegation before it signs.

That is every rule of stake check, with the stakers' slashing signatures complete; and with --member, that this member
is in the committee and that its signatures are still needed.`;

const HELP = helpText({
  examples: `
${MAKE_STAKE}
tapstake stake sign stake.json --secret-file staker.key
tapstake covenant check stake.json
tapstake covenant check stake.json --params regtest --height 100 \\
  --member 3becbba47b0de6c18f7fb48e6e82cfd9858dd5b372228d32006362d84c844203
`,
  refused: "the code names the rule that is broken; not-a-member, quorum-reached",
});

export function command() {
  return new Command("check")
    .description(paragraphs(DESCRIPTION))
    .argument(...DELEGATION)
    .option("--member <key>", "the member's x-only key")
    .addOption(trustedParamsOption())
    .addOption(heightOption())
    .addOption(previousHeightOption())
    .addOption(releaseOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (path, options) => {
      checkOneStandardInput(path, options.params);
      const member = options.member === undefined ? undefined : parseKey(options.member, "member");
      const delegation = await readDelegation(path);
      const { name, params, previousParams } = await trustedParams(delegation, options);
      const against = { ...rulesOf(options), ...(previousParams && { previousParams }) };
      if (member) checkForMember(delegation, member, params, against);
      else checkForCommittee(delegation, params, against);
      const facts = {
        txid: delegation.staking.transaction.getId(),
        paramSet: name,
        version: params.version,
        ...signatureFacts(delegation),
      };
      answer(options.json === true, facts, () => {
        const rows = table([
          ["rules", `all hold${member ? ", and this member may sign" : ""}`],
          ["transaction", facts.txid],
          ["parameters", `v${params.version} of the set ${name}`],
        ]);
        return [rows, signatureText(facts)].join("\n");
      });
    });
}
