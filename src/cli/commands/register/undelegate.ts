import { Option } from "@commander-js/extra-typings";
import { undelegateMessage } from "../../../babylon/lifecycle.js";
import { helpText, MAKE_STAKE, SERVERS, SIGN_STAKE } from "../../help.js";
import { checkOneStandardInput, readDelegation, readTransaction } from "../../input.js";
import { DELEGATION, esploraOption, rpcAuthOption, rpcOption, several } from "../../options.js";
import {
  addressOption,
  giveMessage,
  messageCommand,
  readInclusion,
  txOutProofOption,
} from "../../register-message.js";

const DESCRIPTION = `The message that tells of a spent stake, by its unbonding or anything else: MsgBTCUndelegate.

The transaction is the signed one, as it is in its block, and the proof that it is there comes from the server or from a
file. Of an expansion the chain also wants the transactions that its other coins are of: --funding.`;

const HELP = helpText({
  examples: `
${MAKE_STAKE}
${SIGN_STAKE}
tapstake unbond stake.json --secret-file staker.key --out unbonding.hex
# once it is mined, with --rpc, --esplora or --txoutproof
tapstake register undelegate --help
`,
  more: SERVERS,
  refused: "it does not spend the stake, is not signed as it must be, or is in no block",
});

export function command() {
  return messageCommand("undelegate", DESCRIPTION)
    .argument(...DELEGATION)
    .requiredOption("--transaction <transaction>", "what spent the stake, signed: hexadecimal, or a file")
    .addOption(
      new Option("--funding <transaction...>", "what made the other coins that it spends").argParser(several),
    )
    .addOption(addressOption())
    .addOption(txOutProofOption())
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption())
    .addHelpText("after", HELP)
    .action(async (path, options) => {
      const { address: signer, funding = [] } = options;
      checkOneStandardInput(path, options.transaction, options.txoutproof, ...funding);
      const delegation = await readDelegation(path);
      const transaction = await readTransaction(options.transaction);
      const fundingTransactions = await Promise.all(funding.map(readTransaction));
      const inclusion = await readInclusion(options, transaction, delegation.params.network);
      const undelegation = { signer, transaction, inclusion, fundingTransactions };
      await giveMessage(options, "MsgBTCUndelegate", undelegateMessage(delegation, undelegation));
    });
}
