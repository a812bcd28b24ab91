import { Command } from "@commander-js/extra-typings";
import { isFundable, stakeOnChain } from "../../../chain/stake.js";
import { checkSoFar } from "../../../delegation/check.js";
import { stakeCoin } from "../../../delegation/delegation.js";
import { jsonOption } from "../../arguments.js";
import { esploraOption, openChain, rpcAuthOption, rpcOption, SERVERS } from "../../chain.js";
import {
  onChainFacts,
  onChainText,
  signatureFacts,
  signatureText,
  stakeState,
  stateText,
} from "../../delegation-text.js";
import { MAKE_STAKE, SIGN_STAKE } from "../../example-stake.js";
import { readDelegation } from "../../files.js";
import { helpText, paragraphs } from "../../help.js";
import { answer, table } from "../../output.js";
import {
  RELEASES,
  heldRules,
  releaseFacts,
  releaseText,
  stakersReleaseOption,
  warnOfRelease,
} from "../../release.js";
import { checkOneStandardInput } from "../../secrets.js";
import {
  heightOption,
  previousHeightOption,
  trustedParams,
  trustedParamsOption,
} from "../../stake-options.js";
import { amount } from "../../wording.js";

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
    .argument("<delegation>", "its file; - for standard input")
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
      const { terms, expansion } = delegation;
      const held = heldRules({ terms, params, ...(expansion && { previous: expansion.terms }) }, options);
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
