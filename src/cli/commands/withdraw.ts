import { Command, Option } from "@commander-js/extra-typings";
import { formatRate } from "../../core/amount.js";
import { TapstakeError } from "../../core/errors.js";
import type { ChainAccess } from "../../chain/access.js";
import { stakeOnChain } from "../../chain/stake.js";
import { checkTransactions } from "../../delegation/check.js";
import type { Delegation } from "../../delegation/delegation.js";
import {
  STAKE_OUTPUTS,
  type StakeOutput,
  stakeOutputNamed,
  type StakeOutputName,
} from "../../delegation/outputs.js";
import { scriptOfAddress } from "../../bitcoin/address.js";
import { signaturesFromPsbts } from "../../psbt/signatures.js";
import { spendPsbt } from "../../psbt/write.js";
import { finishSpend, type LeafSignature, signLeaf, keySigner, withSignature } from "../../spending/spend.js";
import { buildWithdrawal, type Withdrawal } from "../../stake/withdrawal.js";
import { jsonOption, originOption, readOrigins } from "../arguments.js";
import {
  esploraOption,
  feeRateOf,
  feeRateOption,
  maxFeeRateOption,
  openChain,
  rpcAuthOption,
  rpcOption,
  SERVERS,
} from "../chain.js";
import { UsageError } from "../errors.js";
import { MAKE_STAKE } from "../example-stake.js";
import { readDelegation, readPsbt, writeDocument } from "../files.js";
import { helpText, paragraphs } from "../help.js";
import { answer, table } from "../output.js";
import { checkOneStandardInput, secretOption, withSecretKey } from "../secrets.js";
import { deliver } from "../send.js";
import { answerSpent } from "../spent.js";
import { checkNewFiles, rawOption } from "../stake-options.js";
import { amount, blocks } from "../wording.js";

const DESCRIPTION = `Takes coins back once their time lock has run out: the stake itself, what was unbonded, or what a slashing left.

The transaction is signed with the secret key, or by any wallet: --psbt writes it as a PSBT, and --signed takes it back,
with everything else given as before. Of several stakers, each adds a signature to the PSBT. It waits for nothing: while the time lock runs, it says how many blocks are left,
and sends nothing.`;

const HELP = helpText({
  examples: `
${MAKE_STAKE}
tapstake withdraw stake.json --from staking --fee-rate 2 --secret-file staker.key \\
  --to bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080 --out withdrawal.hex

# the same by a wallet
tapstake withdraw stake.json --from staking --fee-rate 2 \\
  --to bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080 --psbt withdrawal.psbt
`,
  more: `${SERVERS}

--from is what there is to withdraw from:
  staking           the stake, whose own time lock has run out
  unbonding         what the unbonding transaction put aside
  refund            what the slashing of the stake left
  unbonding-refund  what the slashing of the unbonding left`,
  refused: "the time lock has not run out, nothing is left to withdraw, or the fee takes all of it",
});

export function command() {
  return new Command("withdraw")
    .description(paragraphs(DESCRIPTION))
    .argument("<delegation>", "its file; - for standard input")
    .requiredOption("--to <address>", "where the coins go")
    .addOption(
      new Option("--from <output>", "what is withdrawn; asked of the server unless told").choices(
        STAKE_OUTPUTS,
      ),
    )
    .addOption(feeRateOption())
    .addOption(maxFeeRateOption())
    .addOption(
      new Option(
        "--psbt <file>",
        "only write the PSBT, with the signatures so far; - for standard output",
      ).conflicts("out"),
    )
    .addOption(new Option("--signed <file...>", "PSBTs of it that wallets, or other stakers, signed"))
    .addOption(originOption())
    .addOption(secretOption())
    .addOption(rawOption())
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (path, { out, psbt, signed, to, ...options }) => {
      const derivations = readOrigins(options.origin);
      if (derivations.length > 0 && psbt === undefined) {
        throw new UsageError("--origin goes into the PSBT: give --psbt too");
      }
      checkOneStandardInput(path, ...(signed ?? []), options.secretFile);
      await checkNewFiles(out, psbt);
      const delegation = await readDelegation(path);
      const { terms, params } = delegation;
      checkTransactions(delegation);
      const destination = scriptOfAddress(to, params.network);
      const chain = await openChain(options, params.network);
      const { from, coin, blocksLeft } = await whatIsThere(delegation, options.from, chain);
      const feeRate = await feeRateOf(options, chain);
      const built = buildWithdrawal({ terms, params, from, coin, destination, feeRate });
      const isBySecret = options.secretFile !== undefined || (psbt === undefined && signed === undefined);
      const returned = signaturesFromPsbts(built, await Promise.all((signed ?? []).map(readPsbt)));
      const signatures = isBySecret
        ? withSignature(returned, await signNow(built, options.secretFile))
        : returned;
      if (psbt !== undefined) {
        await writeDocument(psbt, `${spendPsbt(built, signatures, derivations).toBase64()}\n`);
        if (psbt === "-") return;
        const { value, fee, vsize, timelock } = built;
        const paid = formatRate(built.feeRate);
        const signedBy = { signatures: signatures.length };
        const facts = {
          psbt,
          ...signedBy,
          satoshi: value,
          to,
          fee,
          vsize,
          feeRate: paid,
          timelock,
          blocksLeft,
        };
        return answer(options.json === true, facts, () =>
          table([
            ["PSBT", `${psbt}; give it back by --signed`],
            ["signatures", `${facts.signatures}`],
            ["pays", `${amount(value)} to ${to}`],
            ["fee", `${amount(fee)}: ${paid} sat/vB for ${vsize} vB`],
            ["possible", `once the output is ${blocks(timelock)} old${leftText(blocksLeft)}`],
          ]),
        );
      }
      const transaction = finishSpend(built, signatures);
      if (out === undefined && blocksLeft !== undefined && blocksLeft > 0)
        await refuseEarly(chain!, blocksLeft);
      const delivered = await deliver(transaction, { out, chain });
      answerSpent(options.json === true, delegation, transaction, delivered);
    });
}

const leftText = (left: number | undefined) =>
  left === undefined ? "" : left === 0 ? ": now" : `: in ${blocks(left)}`;

/** @returns how many blocks are left too, where a server can tell */
async function whatIsThere(
  delegation: Delegation,
  name: StakeOutputName | undefined,
  chain: ChainAccess | undefined,
): Promise<StakeOutput & { readonly blocksLeft?: number }> {
  if (!chain) {
    if (name === undefined) throw new UsageError("give --from, or a server that knows what is left");
    return stakeOutputNamed(delegation, name);
  }
  const found = await stakeOnChain(delegation, chain);
  if (found && (name === undefined || found.name === name)) return found;
  const text = found
    ? `expected coins at ${name}, but they are at ${found.name}`
    : `${chain.url} knows no unspent output of this stake: it is not mined yet, or has left`;
  throw new TapstakeError("output-not-found", text);
}

const signNow = (built: Withdrawal, secretFile: string | undefined): Promise<LeafSignature> =>
  withSecretKey(secretFile, "the staker", (secretKey) => signLeaf(built, keySigner(secretKey)));

async function refuseEarly(chain: ChainAccess, left: number): Promise<never> {
  const { height } = await chain.tip();
  const text = `the time lock runs for ${blocks(left)} more: nodes take the withdrawal from height ${height + left} on`;
  throw new TapstakeError("timelock-running", text, { blocksLeft: left, height: height + left });
}
