import { Option } from "@commander-js/extra-typings";
import { createDelegationMessage } from "../../../babylon/stake.js";
import { esploraOption, rpcAuthOption, rpcOption, SERVERS } from "../../chain.js";
import { MAKE_PROOF, MAKE_STAKE } from "../../example-stake.js";
import { readDelegation } from "../../files.js";
import { helpText } from "../../help.js";
import {
  giveMessage,
  messageCommand,
  proofOption,
  readInclusion,
  readProof,
  txOutProofOption,
} from "../../register-message.js";
import { checkOneStandardInput } from "../../secrets.js";

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
    .argument("<delegation>", "its file; - for standard input")
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
