import { expandedStake } from "../../../delegation/delegation.js";
import { expandMessage } from "../../../babylon/stake.js";
import { EXPAND_STAKE, MAKE_PROOF, MAKE_STAKE, SIGN_STAKE } from "../../example-stake.js";
import { UsageError } from "../../errors.js";
import { readDelegation, readTransaction } from "../../files.js";
import { helpText } from "../../help.js";
import { giveMessage, messageCommand, proofOption, readProof } from "../../register-message.js";
import { checkOneStandardInput } from "../../secrets.js";

const DESCRIPTION = `The message that registers an expansion: MsgBtcStakeExpand.

The delegation is that of tapstake expand, with the staker's signatures of both slashings. The chain asks for the whole
transaction that made the funding coin: it is in the delegation where a server had it, else give --funding.`;

const HELP = helpText({
  examples: `
${MAKE_STAKE}
${SIGN_STAKE}
${EXPAND_STAKE}
tapstake stake sign larger.json --secret-file staker.key
${MAKE_PROOF}

# with the transaction of the coin
tapstake register expand --help
`,
  refused: "a rule that the expansion breaks, another's proof of possession, another transaction",
});

export function command() {
  return messageCommand("expand", DESCRIPTION)
    .argument("<delegation>", "the file of the new stake; - for standard input")
    .addOption(proofOption())
    .option("--funding <transaction>", "the transaction that made the coin: hexadecimal, or a file")
    .addHelpText("after", HELP)
    .action(async (path, options) => {
      checkOneStandardInput(path, options.proof, options.funding);
      const delegation = await readDelegation(path);
      const expansion = expandedStake(delegation);
      const { transaction: known } = expansion.funding;
      const transaction = options.funding === undefined ? known : await readTransaction(options.funding);
      if (!transaction) throw new UsageError("the delegation lacks the coin's transaction: give --funding");
      const whole = {
        ...delegation,
        expansion: { ...expansion, funding: { ...expansion.funding, transaction } },
      };
      const { address: stakerAddress, proof, context } = await readProof(options.proof);
      const message = expandMessage({ delegation: whole, stakerAddress, proof, context });
      await giveMessage(options, "MsgBtcStakeExpand", message);
    });
}
