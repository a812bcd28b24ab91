import { Command } from "@commander-js/extra-typings";
import { checkForCommittee, checkForMember } from "../../../covenant/member.js";
import { jsonOption, parseKey } from "../../arguments.js";
import { esploraOption, rpcAuthOption, rpcOption } from "../../chain.js";
import { signatureFacts, signatureText } from "../../delegation-text.js";
import { MAKE_STAKE } from "../../example-stake.js";
import { readDelegation } from "../../files.js";
import { helpText, paragraphs } from "../../help.js";
import { answer, table } from "../../output.js";
import { checkOneStandardInput } from "../../secrets.js";
import {
  heightOption,
  MEMBERS,
  membersReleaseOption,
  memberView,
  previousHeightOption,
  trustedParamsOption,
} from "../../stake-options.js";

const DESCRIPTION = `Checks everything that a committee member must know of a delegation before it signs.

That is every rule of stake check, with the stakers' slashing signatures complete; and with --member, that this member
is in the committee and that its signatures are still needed.`;

const HELP = helpText({
  examples: `
${MAKE_STAKE}
tapstake stake sign stake.json --secret-file staker.key
tapstake covenant check stake.json --height 100
tapstake covenant check stake.json --params regtest --height 100 \\
  --member 3becbba47b0de6c18f7fb48e6e82cfd9858dd5b372228d32006362d84c844203
`,
  more: MEMBERS,
  refused: "the code names the rule that is broken; not-a-member, quorum-reached",
});

export function command() {
  return new Command("check")
    .description(paragraphs(DESCRIPTION))
    .argument("<delegation>", "its file; - for standard input")
    .option("--member <key>", "the member's x-only key")
    .addOption(trustedParamsOption())
    .addOption(heightOption())
    .addOption(previousHeightOption())
    .addOption(membersReleaseOption())
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (path, options) => {
      checkOneStandardInput(path, options.params);
      const member = options.member === undefined ? undefined : parseKey(options.member, "member");
      const delegation = await readDelegation(path);
      const { own, ...against } = await memberView(delegation, options);
      if (member) checkForMember(delegation, member, own, against);
      else checkForCommittee(delegation, own, against);
      const facts = {
        txid: delegation.staking.transaction.getId(),
        paramSet: own.set.name,
        version: delegation.params.version,
        height: own.height,
        ...signatureFacts(delegation),
      };
      answer(options.json === true, facts, () => {
        const rows = table([
          ["rules", `all hold${member ? ", and this member may sign" : ""}`],
          ["transaction", facts.txid],
          ["parameters", `v${facts.version} of the set ${facts.paramSet}, in force at height ${own.height}`],
        ]);
        return [rows, signatureText(facts)].join("\n");
      });
    });
}
