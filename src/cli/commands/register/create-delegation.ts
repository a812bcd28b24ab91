import { Option } from "@commander-js/extra-typings";
import { createDelegationMessage } from "../../../babylon/stake.js";
import { helpText, MAKE_PROOF, MAKE_STAKE, SERVERS } from "../../help.js";
import { checkOneStandardInput, readDelegation } from "../../input.js";
import { DELEGATION, esploraOption, rpcAuthOption, rpcOption } from "../../options.js";
import {
  giveMessage,
  messageCommand,
  proofOption,
  readInclusion,
  readProof,
  txOutProofOption,
} from "../../register-message.js";

const DESCRIPTION = `The message that registers a stake: MsgCreateBTCDelegation.

The delegation has the staker's signatures of both slashings, and is checked as a whole, with the proof of possession.
A stake that is registered before it is mined needs no inclusion proof; register inclusion-proof tells of it later.`;

const HELP = helpText({
  examples: `
${MAKE_STAKE}
tapstake stake sign stake.json --secret-file staker.key
${MAKE_PROOF}
tapstake register create-delegation stake.json --proof proof.json --message
`,
  more: SERVERS,
  refused: "a rule that the stake breaks, another's proof of possession, not in the block",
});

export function command() {
  return messageCommand("create-delegation", DESCRIPTION)
    .argument(...DELEGATION)
    .addOption(proofOption())
    .addOption(txOutProofOption().conflicts("inclusion"))
    .addOption(new Option("--inclusion", "the stake is in a block: ask the server for the proof"))
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption())
    .addHelpText("after", HELP)
    .action(async (path, options) => {
      checkOneStandardInput(path, options.proof, options.txoutproof);
      const delegation = await readDelegation(path);
      const { address: stakerAddress, proof, context } = await readProof(options.proof);
      const isMined = options.inclusion === true || options.txoutproof !== undefined;
      const { transaction } = delegation.staking;
      const inclusion = isMined
        ? await readInclusion(options, transaction, delegation.params.network)
        : undefined;
      const message = createDelegationMessage({ delegation, stakerAddress, proof, context, inclusion });
      await giveMessage(options, "MsgCreateBTCDelegation", message);
    });
}
