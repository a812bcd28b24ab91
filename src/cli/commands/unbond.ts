import { Command } from "@commander-js/extra-typings";
import { checkTransactions } from "../../delegation/check.js";
import { finishUnbonding, signUnbonding } from "../../delegation/sign.js";
import { isComplete, signatureStatus } from "../../delegation/status.js";
import { keySigner } from "../../spending/spend.js";
import { jsonOption } from "../arguments.js";
import { esploraOption, openChain, rpcAuthOption, rpcOption, SERVERS } from "../chain.js";
import { MAKE_STAKE, SIGN_STAKE } from "../example-stake.js";
import { readDelegation } from "../files.js";
import { helpText, paragraphs } from "../help.js";
import { checkOneStandardInput, secretOption, withSecretKey } from "../secrets.js";
import { deliver } from "../send.js";
import { answerSpent } from "../spent.js";
import { checkNewFiles, rawOption } from "../stake-options.js";

const DESCRIPTION = `Ends a stake early: finishes the unbonding transaction that the committee has signed, and sends it.

The staker's signature is made with the secret key, unless stake sign --unbonding has put it into the delegation. From
then on the coins are unbonding, still slashable for what was voted before; withdraw takes them when that time is over.`;

const HELP = helpText({
  examples: `
${MAKE_STAKE}
${SIGN_STAKE}
tapstake unbond stake.json --secret-file staker.key --out unbonding.hex
`,
  more: `${SERVERS}

Without a server, the raw transaction is the answer.`,
  refused: "signatures are missing, the transaction breaks a rule, or the node refuses it",
});

export function command() {
  return new Command("unbond")
    .description(paragraphs(DESCRIPTION))
    .argument("<delegation>", "its file; - for standard input")
    .addOption(secretOption())
    .addOption(rawOption())
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (path, { out, ...options }) => {
      checkOneStandardInput(path, options.secretFile);
      await checkNewFiles(out);
      const delegation = await readDelegation(path);
      checkTransactions(delegation);
      const [unbonding] = signatureStatus(delegation);
      const signed = isComplete(unbonding!.staker)
        ? delegation
        : await withSecretKey(options.secretFile, "the staker", (secretKey) =>
            signUnbonding(delegation, keySigner(secretKey)),
          );
      const transaction = finishUnbonding(signed);
      const chain = await openChain(options, delegation.params.network);
      const delivered = await deliver(transaction, { out, chain });
      answerSpent(options.json === true, delegation, transaction, delivered);
    });
}
