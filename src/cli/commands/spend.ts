import { Option } from "@commander-js/extra-typings";
import { scriptOfAddress } from "../../bitcoin/address.js";
import type { ChainAccess } from "../../chain/access.js";
import { stakeOnChain } from "../../chain/stake.js";
import { TapstakeError } from "../../core/errors.js";
import { checkTransactions } from "../../delegation/check.js";
import type { Delegation } from "../../delegation/delegation.js";
import {
  STAKE_OUTPUTS,
  type StakeOutput,
  type StakeOutputName,
  stakeOutputNamed,
} from "../../delegation/outputs.js";
import { finishUnbonding, signUnbonding } from "../../delegation/sign.js";
import { isComplete, signatureStatus } from "../../delegation/status.js";
import { evidenceFromJson, extractFromVotes } from "../../extract/evidence.js";
import { finishSlashing } from "../../extract/slashing.js";
import { signaturesFromPsbts } from "../../psbt/signatures.js";
import { spendPsbt } from "../../psbt/write.js";
import { finishSpend, keySigner, type LeafSignature, signLeaf, withSignature } from "../../spending/spend.js";
import type { Slashable } from "../../stake/slashing.js";
import { buildWithdrawal, type Withdrawal } from "../../stake/withdrawal.js";
import { deliver, feeRateOf, maxFeeRateOf, openChain } from "../chain.js";
import { newCommand } from "../command.js";
import { UsageError } from "../errors.js";
import { checkNewFiles, writeDocument } from "../files.js";
import { withdrawalFacts, withdrawalText } from "../format/created.js";
import { answerSpent } from "../format/spend.js";
import { blocks } from "../format/text.js";
import { MAKE_STAKE, SERVERS, SIGN_STAKE } from "../help.js";
import { checkOneStandardInput, readDelegation, readPsbt, readText } from "../input.js";
import {
  DELEGATION,
  esploraOption,
  feeRateOption,
  jsonOption,
  maxFeeRateOption,
  originOption,
  rawOption,
  rpcAuthOption,
  rpcOption,
  secretOption,
  votesOption,
} from "../options.js";
import { answer } from "../output.js";
import { withSecretKey } from "../secrets.js";
import { readOrigins } from "../terms.js";

const UNBOND = {
  description: `Ends a stake early: finishes the unbonding transaction that the committee has signed, and sends it.

The staker's signature is made with the secret key, unless stake sign --unbonding has put it into the delegation. From
then on the coins are unbonding, still slashable for what was voted before; withdraw takes them when that time is over.`,
  examples: `
${MAKE_STAKE}
${SIGN_STAKE}
tapstake unbond stake.json --secret-file staker.key --out unbonding.hex
`,
  more: `${SERVERS}

Without a server, the raw transaction is the answer.`,
  refused: "signatures are missing, the transaction breaks a rule, or the node refuses it",
};

export const unbond = () =>
  newCommand("unbond", UNBOND)
    .argument(...DELEGATION)
    .addOption(secretOption())
    .addOption(rawOption())
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption())
    .addOption(jsonOption())
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

const WITHDRAW = {
  description: `Takes coins back once their time lock has run out: the stake itself, what was unbonded, or what a slashing left.

The transaction is signed with the secret key, or by any wallet: --psbt writes it as a PSBT, and --signed takes it back,
with everything else given as before. Of several stakers, each adds a signature to the PSBT. It waits for nothing: while the time lock runs, it says how many blocks are left,
and sends nothing.`,
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
};

export const withdraw = () =>
  newCommand("withdraw", WITHDRAW)
    .argument(...DELEGATION)
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
      const limit = { maxFeeRate: maxFeeRateOf(options) };
      const built = buildWithdrawal({ terms, params, from, coin, destination, feeRate, ...limit });
      const isBySecret = options.secretFile !== undefined || (psbt === undefined && signed === undefined);
      const returned = await Promise.all((signed ?? []).map(readPsbt));
      const own = isBySecret ? [await signNow(built, options.secretFile)] : [];
      const signatures = own.reduce(withSignature, signaturesFromPsbts(built, returned));
      if (psbt !== undefined) {
        await writeDocument(psbt, `${spendPsbt(built, signatures, derivations).toBase64()}\n`);
        if (psbt === "-") return;
        const facts = { psbt, ...withdrawalFacts(built, { signatures: signatures.length, to, blocksLeft }) };
        return answer(options.json === true, facts, withdrawalText);
      }
      const transaction = finishSpend(built, signatures);
      if (out === undefined && blocksLeft !== undefined && blocksLeft > 0)
        await refuseEarly(chain!, blocksLeft);
      const delivered = await deliver(transaction, { out, chain });
      answerSpent(options.json === true, delegation, transaction, delivered);
    });

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

const SLASH = {
  description: `Slashes a stake: finishes the slashing transaction with the leaked key of its finality provider, and sends it.

The key comes from the evidence of two votes (--votes, as of tapstake extract), or from whoever extracted it before.
Whether the stake is slashed, or what is unbonding of it, the server tells, or --from.`,
  examples: `
${MAKE_STAKE}
${SIGN_STAKE}
tapstake slash stake.json --secret-file fp.key --out slashing.hex
`,
  more: `${SERVERS}

Parameters can have the slashed coins burnt in an OP_RETURN: bitcoind is told that this is meant;
an Esplora server may have a limit of its own.`,
  refused: "another provider's key, signatures that are missing, nothing left to slash",
};

export const slash = () =>
  newCommand("slash", SLASH)
    .argument(...DELEGATION)
    .addOption(votesOption().conflicts("secretFile"))
    .addOption(secretOption())
    .addOption(
      new Option(
        "--from <output>",
        "which output to slash: asked of the server unless told, else staking",
      ).choices(["staking", "unbonding"] as const),
    )
    .addOption(rawOption())
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption())
    .addOption(jsonOption())
    .action(async (path, { out, votes, ...options }) => {
      checkOneStandardInput(path, votes, options.secretFile);
      await checkNewFiles(out);
      const delegation = await readDelegation(path);
      checkTransactions(delegation);
      const chain = await openChain(options, delegation.params.network);
      const from = options.from ?? (await slashableNow(delegation, chain));
      const finish = (secretKey: Uint8Array) => finishSlashing(delegation, from, secretKey);
      const transaction =
        votes === undefined
          ? await withSecretKey(options.secretFile, "the finality provider", finish)
          : finish(extractFromVotes(evidenceFromJson(await readText(votes))));
      const delivered = await deliver(transaction, { out, chain });
      answerSpent(options.json === true, delegation, transaction, delivered);
    });

/** @throws TapstakeError `not-a-stake` when neither output is unspent */
async function slashableNow(delegation: Delegation, chain: ChainAccess | undefined): Promise<Slashable> {
  if (!chain) return "staking";
  const found = await stakeOnChain(delegation, chain);
  if (found?.name === "staking" || found?.name === "unbonding") return found.name;
  throw new TapstakeError("not-a-stake", `${chain.url} knows no unspent output of this stake to slash`);
}
