import type { Transaction } from "../bitcoin/transaction-class.js";
import { outpointOf, type Prevout, spends } from "../bitcoin/transaction.js";
import { SCHNORR_LENGTHS } from "../bitcoin/fee.js";
import { hex } from "../core/bytes.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { assertChoice } from "../core/text.js";
import type { Coin } from "../funding/coin.js";
import type { ProtocolParams } from "../params/types.js";
import type { Psbt } from "../psbt/psbt.js";
import { parseAnswer, parsePsbt, prevoutsOf, type PsbtLike, transactionOf } from "../psbt/read.js";
import { assertSameTransaction } from "../psbt/returned.js";
import { assertExpected, assertSignedBy, fromEachPsbt, signaturesBySome } from "../psbt/signatures.js";
import { describeOutput, spendPsbt } from "../psbt/write.js";
import type { KeyOrigin } from "../script/key-origin.js";
import type { StakeOutputs } from "../script/outputs.js";
import type { StakeTerms } from "../script/terms.js";
import { type LeafSignature, withSignature } from "../spending/spend.js";
import { FUNDING_INPUT } from "../stake/funding-coin.js";
import { coinsSpentBy, finishStaking, transactionFromPsbt } from "../stake/staking.js";
import { checkedOutputs, checkTransactions } from "./check.js";
import {
  assertDelegation,
  createDelegation,
  type Delegation,
  outputsIn,
  stakeCoin,
  unbondedCoin,
} from "./delegation.js";
import { finishExpansion } from "./sign.js";
import { signedNames, type SignedName, signedOf, signedSpend, signersOf } from "./spends.js";
import { namingStep, STEP_WORDS } from "./step.js";

/** What a staker's wallet signs of a delegation: one PSBT for each transaction. */
export interface StakerPsbts {
  readonly unbonding: Psbt;
  readonly slashing: Psbt;
  readonly unbondingSlashing: Psbt;
  /** For an expansion: the staking transaction, which spends the previous stake. */
  readonly expansion?: Psbt;
}

/**
 * What stakers sign of a delegation, as PSBTs for their wallets. They contain no signatures of others: a wallet that
 * finds one may treat the input as signed, or finalise a witness without its empty slots. `addStakerPsbts` combines
 * them. Every transaction of the delegation is checked first.
 * @param derivations of the stakers' keys: a wallet that knows a key by its origin signs without importing anything
 * @throws TapstakeError the codes of `checkTransactions` and of `spendPsbt`
 */
export function stakerPsbts(delegation: Delegation, derivations: readonly KeyOrigin[] = []): StakerPsbts {
  assertDelegation(delegation);
  const { staking, expansion } = delegation;
  const outputs = checkedOutputs(delegation);
  const psbtOf = (name: SignedName, index: number, output: Parameters<typeof describeOutput>[2]) => {
    const psbt = spendPsbt(signedSpend(delegation, name, outputs), [], derivations);
    describeOutput(psbt, index, output, derivations);
    return psbt;
  };
  const psbts = {
    unbonding: psbtOf("unbonding", 0, outputs.unbonding),
    slashing: psbtOf("slashing", 1, outputs.refund),
    unbondingSlashing: psbtOf("unbondingSlashing", 1, outputs.refund),
  };
  if (!expansion) return psbts;
  const psbt = psbtOf("expansion", staking.outputIndex, outputs.staking);
  const { transaction } = expansion.funding;
  if (transaction) psbt.updateInput(FUNDING_INPUT, { nonWitnessUtxo: transaction.toBuffer() });
  return { ...psbts, expansion: psbt };
}

/**
 * The delegation with the stakers' signatures from PSBTs of its transactions, in any order, from one wallet or several.
 * What a PSBT spends shows which transaction it is. Each signature is verified over the delegation's own transaction;
 * signatures of the committee are ignored.
 *
 * Only signatures of slashings are added unless others are asked for. With a staker's signature of the unbonding or of
 * the expansion, anyone who has the delegation can end or move the stake.
 * @param expected x-only keys that must have signed each of the transactions given
 * @param asked the transactions that the PSBTs may be of: both slashings by default; `["unbonding"]` to end a stake
 * @throws TapstakeError `psbt-mismatch` if a PSBT spends something else, was altered, or is of a transaction that was
 * not asked for; `missing-signature` if no staker has signed it, or an expected key has not; the codes of
 * `signaturesFromPsbt`. The details name the PSBT by its index, from 0 (`psbt`)
 */
export function addStakerPsbts(
  delegation: Delegation,
  returned: readonly PsbtLike[],
  expected: readonly Uint8Array[] = [],
  asked: readonly SignedName[] = SLASHINGS,
): Delegation {
  assertExpected(expected);
  assertAsked(delegation, asked);
  const outputs = outputsIn(delegation);
  const byName = new Map<SignedName, LeafSignature[]>();
  for (const [name, more] of fromEachPsbt(returned, (psbt) =>
    signedByStakers(delegation, psbt, { outputs, expected, asked }),
  )) {
    byName.set(name, [...(byName.get(name) ?? []), ...more]);
  }
  const signed = [...byName].map(([name, signatures]) => {
    assertSignedBy(signedSpend(delegation, name, outputs), signatures, expected);
    for (const signature of signatures) assertAcceptable(name, signature);
    const stakerSignatures = signatures.reduce(withSignature, [...signedOf(delegation, name).staker]);
    return [name, { ...delegation[name], stakerSignatures }];
  });
  return { ...delegation, ...Object.fromEntries(signed) };
}

const SLASHINGS: readonly SignedName[] = ["slashing", "unbondingSlashing"];

function assertAsked(delegation: Delegation, asked: readonly SignedName[]): void {
  if (!Array.isArray(asked) || asked.length === 0) {
    const got = Array.isArray(asked) ? "an empty list" : describeType(asked);
    throw new TapstakeError("invalid-argument", `asked must be a list of transactions, not ${got}`);
  }
  for (const name of asked) assertChoice(name, "asked", signedNames(delegation));
}

/**
 * Checks that the staking chain accepts a signature: signatures of slashings must be 64 bytes. The error comes while
 * the user still has the wallet at hand.
 * @throws TapstakeError `unsupported-sighash`
 */
export function assertAcceptable(name: SignedName, { publicKey, signature }: LeafSignature): void {
  if (!SLASHINGS.includes(name) || signature.length === SCHNORR_LENGTHS.least) return;
  const key = hex.encode(publicKey);
  const text = `${name}: the signature by ${key} has ${signature.length} bytes, and the staking chain takes 64; have the wallet sign with SIGHASH_DEFAULT (0)`;
  throw new TapstakeError("unsupported-sighash", text, { transaction: name, key });
}

/**
 * The signed staking transaction of a delegation, from what the funding wallet returned. For an expansion, the
 * signatures are verified over the coins that the delegation names.
 * @param coins what it spends: `coins` in the result of `buildStaking`. Without them the signatures are verified over
 * the coins that the PSBT names; a whole signed transaction names none
 * @throws TapstakeError `psbt-mismatch` if it was altered; `txid-not-final` if signing changed its txid, so that the
 * pre-signed transactions could not spend it; `invalid-psbt` for a whole transaction without `coins`; the codes of
 * `finishStaking` and {@link transactionFromPsbt}, for an expansion those of `finishExpansion`
 */
export function finishStakeFunding(
  delegation: Delegation,
  returned: PsbtLike,
  coins?: readonly Coin[],
): Transaction {
  assertDelegation(delegation);
  return delegation.expansion
    ? namingStep(delegation, "expansion", returned, (answer) => finishExpansion(delegation, answer))
    : namingStep(delegation, "funding", returned, (answer) => fundedBy(delegation, answer, coins));
}

function fundedBy(delegation: Delegation, returned: PsbtLike, coins?: readonly Coin[]): Transaction {
  const psbt = parseAnswer(returned);
  const expected = delegation.staking.transaction;
  assertSameTransaction(expected, psbt);
  const signed = coins
    ? finishStaking({ transaction: expected, coins: coinsSpentBy(expected, coins) }, psbt)
    : transactionFromPsbt(psbt);
  const [wanted, got] = [expected.getId(), signed.getId()];
  if (got !== wanted) {
    const text = `the signed staking transaction is ${got}, but the delegation is of ${wanted}: once it is sent, it cannot be unbonded or slashed. Make the delegation from the signed transaction`;
    throw new TapstakeError("txid-not-final", text, { expected: wanted, got });
  }
  return signed;
}

/** The delegation of a signed staking transaction, and what that transaction pays. */
export interface SignedStake {
  readonly delegation: Delegation;
  /** Satoshi, and virtual bytes of the signed transaction. */
  readonly fee: bigint;
  readonly vsize: number;
  /**
   * Whether the delegation has the whole signed transaction in it, so that anyone who has the delegation can send it.
   */
  readonly sendable: boolean;
}

/**
 * The delegation of a staking transaction that its wallets have signed already: one that P2PKH coins pay for, whose
 * txid is known only then, or one that a wallet built by itself. Witnesses are left out, so that the delegation cannot
 * lock the coins yet. The input scripts of P2PKH coins stay, as they are part of the txid.
 * @param original the PSBT before signing, to compare it with
 * @throws TapstakeError `psbt-mismatch` if signing altered it; the codes of {@link transactionFromPsbt},
 * {@link createDelegation} and `checkTransactions`
 */
export function delegationFromSigned(
  terms: StakeTerms,
  params: ProtocolParams,
  returned: PsbtLike,
  original?: PsbtLike,
): SignedStake {
  const psbt = parsePsbt(returned);
  if (original !== undefined) assertSameTransaction(transactionOf(parsePsbt(original)), psbt);
  const transaction = transactionFromPsbt(psbt);
  const vsize = transaction.virtualSize();
  const fee = sum(prevoutsOf(psbt) as readonly Prevout[]) - sum(transaction.outs);
  const sendable = transaction.ins.every(({ witness }) => witness.length === 0);
  transaction.ins.forEach((_, i) => transaction.setWitness(i, []));
  const delegation = createDelegation(terms, params, { transaction, txidFinal: true });
  checkTransactions(delegation);
  return { delegation, fee, vsize, sendable };
}

const sum = (outputs: readonly Pick<Prevout, "value">[]) =>
  outputs.reduce((total, { value }) => total + value, 0n);

interface Wanted {
  readonly outputs: StakeOutputs;
  readonly expected: readonly Uint8Array[];
  readonly asked: readonly SignedName[];
}

function signedByStakers(
  delegation: Delegation,
  returned: PsbtLike,
  { outputs, expected, asked }: Wanted,
): [SignedName, LeafSignature[]] {
  const signed = namingStep(delegation, asked, returned, (answer): [SignedName, LeafSignature[]] => {
    const name = whichOf(delegation, answer);
    const { keys } = signersOf(delegation, name).staker;
    const missing = expected.length > 0 ? expected : keys;
    return [name, signaturesBySome(signedSpend(delegation, name, outputs), answer, keys, name, missing)];
  });
  const [name] = signed;
  if (!asked.includes(name)) throw notAsked(name);
  return signed;
}

function notAsked(name: SignedName): TapstakeError {
  const can = CAN[name];
  const why =
    can === undefined
      ? ""
      : `: with it and the committee's signatures, anyone who has the delegation can ${can}`;
  const text = `this is a signature of the ${STEP_WORDS[name]}, which was not asked for${why}; if you want it, name it in asked: ["${name}"]`;
  return new TapstakeError("psbt-mismatch", text, { what: name, step: name });
}

/** What a staker's signature lets others do. */
const CAN: Readonly<Partial<Record<SignedName, string>>> = {
  unbonding: "end the stake",
  expansion: "move the stake",
};

/**
 * The transaction that a PSBT is most like, by what it spends and its number of outputs: the error then names the
 * difference.
 */
function whichOf(delegation: Delegation, psbt: Psbt): SignedName {
  const { ins, outs } = transactionOf(psbt);
  const spent = ({ outpoint }: Pick<ReturnType<typeof stakeCoin>, "outpoint">) =>
    ins.some((input) => spends(input, outpoint));
  if (spent(unbondedCoin(delegation))) return "unbondingSlashing";
  if (spent(stakeCoin(delegation))) return outs.length === 1 ? "unbonding" : "slashing";
  const { staking: before } = delegation.expansion ?? {};
  if (before && spent({ outpoint: outpointOf(before.transaction, before.outputIndex) })) return "expansion";
  throw new TapstakeError("psbt-mismatch", "the PSBT spends neither the stake nor what was unbonded", {
    what: "input 0",
  });
}
