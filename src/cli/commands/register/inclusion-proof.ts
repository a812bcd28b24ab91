import { addInclusionProofMessage } from "../../../babylon/lifecycle.js";
import { helpText, MAKE_STAKE, SERVERS } from "../../help.js";
import { checkOneStandardInput, readDelegation } from "../../input.js";
import { DELEGATION, esploraOption, rpcAuthOption, rpcOption } from "../../options.js";
import {
  addressOption,
  giveMessage,
  messageCommand,
  readInclusion,
  txOutProofOption,
} from "../../register-message.js";

const DESCRIPTION = `The message that shows a registered stake to be in a block: MsgAddBTCDelegationInclusionProof.

The proof is asked of the server, or comes from a file, and is verified against the block's header.`;

const HELP = helpText({
  examples: `
${MAKE_STAKE}
# once it is mined, with --rpc, --esplora or --txoutproof
tapstake register inclusion-proof --help
`,
  more: SERVERS,
  refused: "the stake is in no block, or the proof is of another transaction",
});

export function command() {
  return messageCommand("inclusion-proof", DESCRIPTION)
    .argument(...DELEGATION)
    .addOption(addressOption())
    .addOption(txOutProofOption())
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption())
    .addHelpText("after", HELP)
    .action(async (path, options) => {
      checkOneStandardInput(path, options.txoutproof);
      const delegation = await readDelegation(path);
      const { transaction } = delegation.staking;
      const inclusion = await readInclusion(options, transaction, delegation.params.network);
      const message = addInclusionProofMessage(delegation, options.address, inclusion);
      await giveMessage(options, "MsgAddBTCDelegationInclusionProof", message);
    });
}
