import { Command } from "@commander-js/extra-typings";
import { isFundable, stakeOnChain } from "../../../chain/stake.js";
import { checkSoFar } from "../../../delegation/check.js";
import { stakeCoin } from "../../../delegation/delegation.js";
import { openChain } from "../../chain.js";
import {
  onChainFacts,
  onChainText,
  signatureFacts,
  signatureText,
  stakeState,
  stateText,
} from "../../format/delegation.js";
import { amount, releaseFacts, releaseText } from "../../format/text.js";
import { helpText, MAKE_STAKE, paragraphs, RELEASES, SERVERS, SIGN_STAKE } from "../../help.js";
import { checkOneStandardInput, readDelegation } from "../../input.js";
import {
  DELEGATION,
  esploraOption,
  heightOption,
  jsonOption,
  previousHeightOption,
  rpcAuthOption,
  rpcOption,
  stakersReleaseOption,
  trustedParamsOption,
} from "../../options.js";
import { answer, table } from "../../output.js";
import { heldDelegation, trustedParams, warnOfRelease } from "../../terms.js";

const DESCRIPTION = `Holds every rule of the protocol against a delegation, and says what is signed and what is missing.

Outputs are built again from the keys and compared, amounts and fees held against the parameters, and every signature
that is there is verified. Missing ones are no error here: they are counted. Asked with a server, it also says where
the stake is.`;

const HELP = helpText({
  examples: `
${MAKE_STAKE}
${SIGN_STAKE}
tapstake stake check stake.json
tapstake stake check stake.json --params regtest --height 100 --json
`,
  more: `${RELEASES}
${SERVERS}`,
  refused: "the code names the rule that is broken: a transaction, an amount, a key, a signature",
});

export function command() {
  return new Command("check")
    .description(paragraphs(DESCRIPTION))
    .argument(...DELEGATION)
    .addOption(trustedParamsOption())
    .addOption(heightOption())
    .addOption(previousHeightOption())
    .addOption(stakersReleaseOption())
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (path, options) => {
      checkOneStandardInput(path, options.params);
      const delegation = await readDelegation(path);
      const { name, params } = await trustedParams(delegation, options);
      checkSoFar(delegation);
      const held = heldDelegation(delegation, options);
      const chain = await openChain(options, params.network);
      const found = chain && (await stakeOnChain(delegation, chain));
      const fundable = found !== null || (await isFundable(delegation, chain!));
      warnOfRelease(held);
      const signatures = signatureFacts(delegation);
      const facts = {
        txid: delegation.staking.transaction.getId(),
        satoshi: stakeCoin(delegation).value,
        paramSet: name,
        version: params.version,
        ...releaseFacts(held),
        state: stakeState(signatures, found === undefined ? undefined : { output: found, fundable }),
        ...signatures,
        ...(chain && { onChain: found ? onChainFacts(found) : null }),
      };
      answer(options.json === true, facts, () => {
        const rows = table([
          ["rules", "all hold"],
          ["transaction", facts.txid],
          ["stakes", amount(facts.satoshi)],
          ["parameters", `v${params.version} of the set ${name}`],
          ["release", releaseText(held)],
          ["on chain", facts.onChain === undefined ? undefined : onChainText(facts.onChain)],
          ["state", stateText(facts.state, facts)],
        ]);
        return [rows, signatureText(facts)].join("\n");
      });
    });
}
