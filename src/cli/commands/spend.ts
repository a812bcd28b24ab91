import { Option } from "@commander-js/extra-typings";
import { scriptOfAddress } from "../../bitcoin/address.js";
import type { ChainAccess } from "../../chain/access.js";
import { stakeOnChain } from "../../chain/stake.js";
import { containsBytes, hex } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import { checkTransactions } from "../../delegation/check.js";
import type { Delegation } from "../../delegation/delegation.js";
import {
  STAKE_OUTPUTS,
  type StakeOutput,
  type StakeOutputName,
  stakeOutputNamed,
} from "../../delegation/outputs.js";
import { stakerPsbts } from "../../delegation/psbt.js";
import { unbondingSpend } from "../../delegation/spends.js";
import { isComplete, signatureStatus } from "../../delegation/status.js";
import { namingStep, type StakerStep, WITHDRAWAL_STEPS } from "../../delegation/step.js";
import { evidenceFromJson, extractFromVotes } from "../../extract/evidence.js";
import { finishSlashing } from "../../extract/slashing.js";
import { assertSameTransaction } from "../../psbt/returned.js";
import { signaturesFromPsbts } from "../../psbt/signatures.js";
import { spendPsbt } from "../../psbt/write.js";
import { stakerKeys } from "../../script/terms.js";
import {
  finishSpend,
  keySigner,
  type LeafSignature,
  type LeafSpend,
  signLeaf,
  withSignature,
} from "../../spending/spend.js";
import type { KeyOrigin } from "../../script/key-origin.js";
import type { Slashable } from "../../stake/slashing.js";
import { buildWithdrawal } from "../../stake/withdrawal.js";
import { deliver, feeRateOf, maxFeeRateOf, openChain } from "../chain.js";
import { newCommand } from "../command.js";
import { advising, UsageError } from "../errors.js";
import { checkNewFiles, writeDocument } from "../files.js";
import { withdrawalFacts, withdrawalText } from "../format/created.js";
import { answerSpent } from "../format/spend.js";
import { blocks } from "../format/text.js";
import { checkOneStandardInput, inFile, readDelegation, readPsbt, readDocument } from "../input.js";
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
  signedOption,
  spendPsbtOption,
  wordsPassphraseOption,
  wordsPathOption,
  votesOption,
} from "../options.js";
import { answer, table } from "../output.js";
import { type SecretKeySource, secretFiles, withSecretKey, withStakerKey } from "../secret-key.js";
import { readOrigins } from "../terms.js";

const UNBOND = {
  description: `Needs a quorum of committee signatures. Then wait for the unbonding time and run withdraw. Until then, the stake can still
be slashed for earlier votes. Without a server, prints the transaction.

The staker signs with the secret key, unless stake sign --unbonding has added that signature before; or with a wallet:
--psbt writes the PSBT, and --signed takes it back.`,
  examples: `
# stake.json: signed by the staker and the committee
tapstake unbond stake.json --secret-file staker.key --out unbonding.hex
`,
  topics: ["delegation", "secrets", "servers"],
  refused: "missing signatures, a transaction that breaks a rule, or the node refuses it",
} as const;

export const unbond = () =>
  newCommand("unbond", UNBOND)
    .argument(...DELEGATION)
    .addOption(spendPsbtOption())
    .addOption(signedOption())
    .addOption(originOption())
    .addOption(secretOption())
    .addOption(wordsPathOption())
    .addOption(wordsPassphraseOption())
    .addOption(rawOption())
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption())
    .addOption(jsonOption())
    .action(async (path, { out, psbt, signed, ...options }) => {
      const derivations = originsOf(options.origin, psbt);
      checkOneStandardInput(path, ...(signed ?? []), ...secretFiles(options));
      await checkNewFiles(out, psbt);
      const delegation = await readDelegation(path);
      checkTransactions(delegation);
      const [unbonding] = signatureStatus(delegation);
      const spend = unbondingSpend(delegation);
      const isSigned = psbt === undefined && isComplete(unbonding!.staker);
      const isBySecret = !isSigned && isSecretAsked(options, psbt, signed);
      const answers = { ...options, signed, isBySecret, step: "unbonding" } as const;
      const given = await signaturesOf(delegation, spend, answers);
      if (psbt !== undefined) {
        await writeDocument(psbt, `${unbondingPsbt(delegation, given, derivations)}\n`);
        if (psbt === "-") return;
        const facts = { psbt, txid: spend.transaction.getId(), signatures: given.length };
        return answer(options.json === true, facts, () =>
          table([
            ["PSBT", psbt],
            ["unbonding transaction", facts.txid],
            ["signatures in it", String(given.length)],
          ]),
        );
      }
      const { stakerSignatures, covenantSignatures } = delegation.unbonding;
      const stakers = given.reduce(withSignature, [...stakerSignatures]);
      const transaction = await advising(
        "missing-signature",
        (error) => unbondingAdvice(path, delegation, error),
        () => finishSpend(spend, [...stakers, ...covenantSignatures]),
      );
      const chain = await openChain(options, delegation.params.network);
      const delivered = await deliver(transaction, { out, chain });
      answerSpent(options.json === true, delegation, transaction, delivered);
    });

/** Who must sign, and how to put the signatures into the file. */
function unbondingAdvice(path: string, { terms }: Delegation, { details }: TapstakeError): string {
  const missing = details["missing"] as readonly string[];
  const stakers = new Set(stakerKeys(terms.staker).keys.map((key) => hex.encode(key)));
  return missing.some((key) => stakers.has(key))
    ? `add the staker's signature with tapstake stake sign ${path} --unbonding, by --secret-file or --psbt`
    : `ask committee members to run tapstake covenant sign, then join their copies with tapstake stake combine ${path}`;
}

/** The PSBT for the stakers' wallets: without the committee's signatures, as in `stakerPsbts`. */
function unbondingPsbt(
  delegation: Delegation,
  signatures: readonly LeafSignature[],
  derivations: readonly KeyOrigin[],
): string {
  const psbt = stakerPsbts(delegation, derivations).unbonding;
  const [{ tapScriptSig } = {}] = spendPsbt(unbondingSpend(delegation), signatures).data.inputs;
  if (tapScriptSig) psbt.updateInput(0, { tapScriptSig });
  return psbt.toBase64();
}

/** A user who gives PSBTs signs with a wallet: a secret beside them must be named. */
const isSecretAsked = (
  { secretFile }: SecretKeySource,
  psbt: string | undefined,
  signed: readonly string[] | undefined,
): boolean => secretFile !== undefined || (psbt === undefined && signed === undefined);

interface Answers extends SecretKeySource {
  readonly signed?: readonly string[] | undefined;
  readonly isBySecret: boolean;
  /** What the answers must be of. */
  readonly step: StakerStep;
}

/** The stakers' signatures: from the PSBTs that their wallets returned, and by the secret key. */
async function signaturesOf(
  delegation: Delegation,
  spend: LeafSpend,
  { signed = [], isBySecret, step, ...source }: Answers,
): Promise<LeafSignature[]> {
  const returned = await Promise.all(signed.map(readPsbt));
  for (const [i, each] of returned.entries()) {
    inFile(signed[i]!, () =>
      namingStep(delegation, step, each, (psbt) => assertSameTransaction(spend.transaction, psbt)),
    );
  }
  const sign = (secretKey: Uint8Array) => signLeaf(spend, keySigner(secretKey));
  const own = isBySecret ? [await withStakerKey(delegation, source, sign)] : [];
  const { keys } = stakerKeys(delegation.terms.staker);
  const answered = signaturesFromPsbts(spend, returned);
  return own.reduce(
    withSignature,
    answered.filter(({ publicKey }) => containsBytes(keys, publicKey)),
  );
}

/** @throws UsageError if no PSBT is written that could contain them */
function originsOf(origins: readonly string[] | undefined, psbt: string | undefined): KeyOrigin[] {
  const derivations = readOrigins(origins);
  if (derivations.length > 0 && psbt === undefined) {
    throw new UsageError("--origin is for the PSBT: give --psbt too");
  }
  return derivations;
}

const WITHDRAW = {
  description: `Withdraws the stake itself, what was unbonded, or what a slashing left. While the time lock runs, says how many blocks
are left and sends nothing. Without a server, prints the transaction.

Sign with the secret key or with a wallet: --psbt writes the PSBT, and --signed takes it back.`,
  examples: `
tapstake withdraw stake.json --from staking --fee-rate 2 --secret-file staker.key \\
  --to bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080 --out withdrawal.hex

# with a wallet: write the PSBT that it signs
tapstake withdraw stake.json --from staking --fee-rate 2 \\
  --to bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080 --psbt withdrawal.psbt
`,
  more: `
--from takes one of these:
  staking           the stake, after its time lock
  unbonding         the output of the unbonding transaction
  refund            what the slashing of the stake left
  unbonding-refund  what the slashing of the unbonding left`,
  topics: ["wallets", "secrets", "servers"],
  refused: "the time lock runs, nothing is left to withdraw, or the fee takes everything",
} as const;

export const withdraw = () =>
  newCommand("withdraw", WITHDRAW)
    .argument(...DELEGATION)
    .requiredOption("--to <address>", "address for the coins")
    .addOption(
      new Option("--from <output>", "output to withdraw (default: the one that the server finds)").choices(
        STAKE_OUTPUTS,
      ),
    )
    .addOption(feeRateOption())
    .addOption(maxFeeRateOption())
    .addOption(spendPsbtOption())
    .addOption(signedOption())
    .addOption(originOption())
    .addOption(secretOption())
    .addOption(wordsPathOption())
    .addOption(wordsPassphraseOption())
    .addOption(rawOption())
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption())
    .addOption(jsonOption())
    .action(async (path, { out, psbt, signed, to, ...options }) => {
      const derivations = originsOf(options.origin, psbt);
      checkOneStandardInput(path, ...(signed ?? []), ...secretFiles(options));
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
      const isBySecret = isSecretAsked(options, psbt, signed);
      const advised = <T>(run: () => T | Promise<T>) => advising("missing-signature", MORE_SIGNATURES, run);
      const signatures = await advised(() =>
        signaturesOf(delegation, built, { ...options, signed, isBySecret, step: WITHDRAWAL_STEPS[from] }),
      );
      if (psbt !== undefined) {
        await writeDocument(psbt, `${spendPsbt(built, signatures, derivations).toBase64()}\n`);
        if (psbt === "-") return;
        const facts = { psbt, ...withdrawalFacts(built, { signatures: signatures.length, to, blocksLeft }) };
        return answer(options.json === true, facts, withdrawalText);
      }
      const transaction = await advised(() => finishSpend(built, signatures));
      if (out === undefined && blocksLeft !== undefined && blocksLeft > 0)
        await refuseEarly(chain!, blocksLeft);
      const delivered = await deliver(transaction, { out, chain });
      answerSpent(options.json === true, delegation, transaction, delivered);
    });

/** @returns also how many blocks remain, if a server can say */
async function whatIsThere(
  delegation: Delegation,
  name: StakeOutputName | undefined,
  chain: ChainAccess | undefined,
): Promise<StakeOutput & { readonly blocksLeft?: number }> {
  if (!chain) {
    if (name === undefined)
      throw new UsageError("give --from, or a server that finds the output: --rpc or --esplora");
    return stakeOutputNamed(delegation, name);
  }
  const found = await stakeOnChain(delegation, chain);
  if (found && (name === undefined || found.name === name)) return found;
  const text = found
    ? `--from is ${name}, but the coins are at ${found.name}. Do: give --from ${found.name}`
    : `${chain.url} finds no unspent output of this stake: it is not confirmed yet, or spent. Do: run tapstake stake check`;
  throw new TapstakeError("output-not-found", text);
}

const MORE_SIGNATURES =
  "sign with --secret-file, or write the PSBT with --psbt, have a wallet sign it, and give it back by --signed";

async function refuseEarly(chain: ChainAccess, left: number): Promise<never> {
  const { height } = await chain.tip();
  const text = `the time lock ends in ${blocks(left)}. Do: withdraw from height ${height + left} on`;
  throw new TapstakeError("timelock-running", text, { blocksLeft: left, height: height + left });
}

const SLASH = {
  description: `Finishes the slashing transaction with the leaked key, and sends it. Without a server, prints it.

The key comes from the evidence of two votes (--votes), or from tapstake extract (--secret-file). The server says
whether the stake itself or its unbonding output is unspent; else give --from.`,
  examples: `
# stake.json: signed by the staker and the committee
tapstake slash stake.json --votes evidence.json --out slashing.hex
`,
  topics: ["votes", "secrets", "servers"],
  refused: "another provider's key, missing signatures, or nothing left to slash",
} as const;

export const slash = () =>
  newCommand("slash", SLASH)
    .argument(...DELEGATION)
    .addOption(votesOption().conflicts("secretFile"))
    .addOption(secretOption())
    .addOption(wordsPathOption())
    .addOption(wordsPassphraseOption())
    .addOption(
      new Option(
        "--from <output>",
        "staking or unbonding (default: what the server finds, else staking)",
      ).choices(["staking", "unbonding"] as const),
    )
    .addOption(rawOption())
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption())
    .addOption(jsonOption())
    .action(async (path, { out, votes, ...options }) => {
      checkOneStandardInput(path, votes, ...secretFiles(options));
      await checkNewFiles(out);
      const delegation = await readDelegation(path);
      checkTransactions(delegation);
      const chain = await openChain(options, delegation.params.network);
      const from = options.from ?? (await slashableNow(delegation, chain));
      const finish = (secretKey: Uint8Array) => finishSlashing(delegation, from, secretKey);
      const use = { whose: "the finality provider", network: delegation.params.network };
      const transaction =
        votes === undefined
          ? await withSecretKey(options, use, finish)
          : finish(extractFromVotes(await readDocument(votes, evidenceFromJson)));
      const delivered = await deliver(transaction, { out, chain });
      answerSpent(options.json === true, delegation, transaction, delivered);
    });

/** @throws TapstakeError `output-not-found` if neither output is unspent */
async function slashableNow(delegation: Delegation, chain: ChainAccess | undefined): Promise<Slashable> {
  if (!chain) return "staking";
  const found = await stakeOnChain(delegation, chain);
  if (found?.name === "staking" || found?.name === "unbonding") return found.name;
  throw new TapstakeError(
    "output-not-found",
    `${chain.url} finds no unspent output of this stake to slash. Do: run tapstake stake check`,
  );
}
