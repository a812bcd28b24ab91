import { Command } from "@commander-js/extra-typings";
import { checkSoFar } from "../../../delegation/check.js";
import { finishStakeFunding } from "../../../delegation/psbt.js";
import { checkReady } from "../../../delegation/status.js";
import { stakingOutput } from "../../../script/outputs.js";
import { stakeCoin } from "../../../delegation/delegation.js";
import { jsonOption } from "../../arguments.js";
import { esploraOption, openChain, rpcAuthOption, rpcOption, SERVERS } from "../../chain.js";
import { MAKE_STAKE } from "../../example-stake.js";
import { readDelegation, readPsbt } from "../../files.js";
import { helpText, paragraphs } from "../../help.js";
import { answer, table } from "../../output.js";
import { checkOneStandardInput } from "../../secrets.js";
import { deliver, deliveredRows } from "../../send.js";
import { checkNewFiles, rawOption, trustedParams, trustedParamsOption } from "../../stake-options.js";
import { amount } from "../../wording.js";

const DESCRIPTION = `Finishes the staking transaction, from the PSBT that the wallet with the coins signed, and sends it.

It is refused while signatures are missing: the staker's of both slashings, and a quorum of the committee's. Coins that
are locked without them stay so until the time lock has run out, as nobody can unbond. Where the staking chain takes a
stake only once it is in a block, and the committee signs then, --register-later says that this is known.`;

const HELP = helpText({
  examples: `
${MAKE_STAKE}
# once everybody has signed, and the wallet stake.psbt
tapstake stake broadcast --help
`,
  more: SERVERS,
  refused: "signatures are missing, the PSBT is another one or not signed, or the node refuses it",
});

export function command() {
  return new Command("broadcast")
    .description(paragraphs(DESCRIPTION))
    .argument("<delegation>", "its file; - for standard input")
    .requiredOption("--psbt <file>", "the PSBT of stake create, signed: base64, binary or hexadecimal")
    .option("--register-later", "the committee signs only once the stake is in a block")
    .addOption(trustedParamsOption())
    .addOption(rawOption())
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (path, { psbt, out, ...options }) => {
      checkOneStandardInput(path, psbt, options.params);
      await checkNewFiles(out);
      const delegation = await readDelegation(path);
      const { params } = await trustedParams(delegation, options);
      (options.registerLater ? checkSoFar : checkReady)(delegation);
      const transaction = finishStakeFunding(delegation, await readPsbt(psbt));
      const chain = await openChain(options, params.network);
      const delivered = await deliver(transaction, { out, chain });
      if (out === "-") return;
      const { address } = stakingOutput(delegation.terms, params.network);
      const facts = { ...delivered, address, satoshi: stakeCoin(delegation).value };
      answer(options.json === true, facts, () =>
        table([
          ["transaction", facts.txid],
          ["stakes", `${amount(facts.satoshi)} at ${address}`],
          ...deliveredRows(delivered),
        ]),
      );
    });
}
