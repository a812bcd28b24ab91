import type { Transaction } from "../bitcoin/transaction-class.js";
import { assertRate, ECDSA_LENGTHS, SCHNORR_LENGTHS } from "../bitcoin/fee.js";
import { dustThreshold, spendSize } from "../bitcoin/output-script.js";
import { createTransaction } from "../bitcoin/transaction.js";
import type { WalletScript } from "../bitcoin/wallet-script.js";
import { applyRateUp, type Rate } from "../core/amount.js";
import { compactSize } from "../core/bytes.js";
import { type Coin, coinKind, spendingScript, walletScriptOf } from "./coin.js";

/** A coin with what the search reads often. */
export interface Candidate {
  readonly coin: Coin;
  readonly value: bigint;
  /** Weight units of its input. */
  readonly weight: number;
  readonly segwit: boolean;
}

/** The sums of some coins. */
export interface Sums {
  readonly count: number;
  readonly value: bigint;
  readonly weight: number;
  /** How many are spent by a witness. */
  readonly segwit: number;
}

export interface Selected extends Sums {
  readonly candidates: readonly Candidate[];
}

export const NOTHING: Sums = { count: 0, value: 0n, weight: 0, segwit: 0 };

export const withCoin = (sums: Sums, { value, weight, segwit }: Candidate): Sums => ({
  count: sums.count + 1,
  value: sums.value + value,
  weight: sums.weight + weight,
  segwit: sums.segwit + (segwit ? 1 : 0),
});

export const selectedOf = (candidates: readonly Candidate[]): Selected => ({
  ...candidates.reduce(withCoin, NOTHING),
  candidates,
});

export const candidateOf = (coin: Coin): Candidate => ({
  coin,
  value: coin.value,
  weight: inputWeight(coin),
  segwit: hasWitness(coin),
});

/** What a selection must know of the transaction that it pays for. */
export interface Recipient {
  /** Where change goes. */
  readonly changeScript: Uint8Array;
  /** The transaction that spends these coins, with this much change. */
  readonly build: (coins: readonly Coin[], change: bigint) => Transaction;
}

/** What coins cost: see `Spending`. */
interface Rates {
  readonly feeRate: Rate;
  readonly longTermFeeRate?: Rate;
}

/** The result of paying with a set of coins. */
export interface Outcome {
  readonly fee: bigint;
  readonly change: bigint;
  /** In units of the {@link CoinCost}. */
  readonly waste: bigint;
}

/** The arithmetic of one payment: exact, in whole numbers. */
export interface CoinCost {
  /** What the coins must hold beyond the cost of their inputs, in units. */
  readonly target: bigint;
  /** Units in a satoshi: in these units, a rate times a weight is a whole number. */
  readonly unit: bigint;
  /** Units per weight unit, now and later. */
  readonly now: bigint;
  readonly later: bigint;
  /** Weight units of the transaction without inputs and change. */
  readonly plain: number;
  /** Weight units of the signed transaction; without change by default. */
  weightOf(sums: Sums, change?: bigint): number;
  /** The fee without change, in satoshi. */
  feeOf(sums: Sums): bigint;
  /** The result with or without change, whichever wastes less; null if the coins cannot pay. */
  settle(sums: Sums): Outcome | null;
}

export function costOf(rates: Rates, value: bigint, { changeScript, build }: Recipient): CoinCost {
  const { feeRate, longTermFeeRate = { numerator: 0n, denominator: 1n } } = rates;
  assertRate(longTermFeeRate, "long-term fee rate");
  const unit = 4n * feeRate.denominator * longTermFeeRate.denominator;
  const now = feeRate.numerator * longTermFeeRate.denominator;
  const later = longTermFeeRate.numerator * feeRate.denominator;
  const plain = build([], 0n).weight();
  const withChange = build([], 1n).weight();
  const leastChange = dustThreshold(changeScript) || 1n;
  const spendingChange = later * BigInt(4 * spendSize(changeScript));

  const feeFor = (weight: number) => applyRateUp(BigInt(Math.ceil(weight / 4)), feeRate);
  const settle = (sums: Sums): Outcome | null => {
    const surplus = sums.value - value;
    if (surplus < feeFor(signedWeight(plain, sums))) return null;
    const saved = later * BigInt(sums.weight);
    const changeless = { fee: surplus, change: 0n, waste: surplus * unit - saved };
    const fee = feeFor(signedWeight(withChange, sums));
    const waste = fee * unit + spendingChange - saved;
    return surplus - fee >= leastChange && waste < changeless.waste
      ? { fee, change: surplus - fee, waste }
      : changeless;
  };
  return {
    target: value * unit + now * BigInt(plain),
    unit,
    now,
    later,
    plain,
    weightOf: (sums, change = 0n) => signedWeight(change > 0n ? withChange : plain, sums),
    feeOf: (sums) => feeFor(signedWeight(plain, sums)),
    settle,
  };
}

/** The most inputs whose count takes one byte; of more it takes three. */
export const FEW_INPUTS = 252;
const MANY_INPUTS_WEIGHT = 4 * 2;
/** The marker and the flag of a transaction with witnesses (BIP-144). */
export const SEGWIT_WEIGHT = 2;

/** The weight of a signed transaction, from its weight without inputs. */
function signedWeight(withoutInputs: number, { count, weight, segwit }: Sums): number {
  const head = count > FEW_INPUTS ? MANY_INPUTS_WEIGHT : 0;
  // Beside inputs with witnesses, an input without one takes a byte to say so.
  const witnesses = segwit === 0 ? 0 : SEGWIT_WEIGHT + count - segwit;
  return withoutInputs + head + witnesses + weight;
}

/** The most virtual bytes of a transaction that spends these coins, once it is signed. */
export function signedVsize({ outs }: Transaction, coins: readonly Coin[]): number {
  const plain = createTransaction([], outs).weight();
  return Math.ceil(signedWeight(plain, selectedOf(coins.map(candidateOf))) / 4);
}

/** A compressed key. */
const KEY_LENGTH = 33;
/** Outpoint and sequence. */
const OUTPOINT_LENGTH = 36 + 4;

/**
 * The most weight units of an input once it is signed, its witness included (BIP-141). It leaves out the byte for an
 * empty witness, which an input needs in a transaction that has other witnesses.
 */
export function inputWeight(coin: Coin): number {
  return 4 * (OUTPOINT_LENGTH + elementLength(scriptLength(coin))) + witnessWeight(coin);
}

/** Whether a witness spends the coin: true for all but P2PKH. */
export const hasWitness = (coin: Coin): boolean => coinKind(coin) !== "p2pkh";

/** The weight units of a witness whose elements have these lengths. */
export function stackWeight(lengths: readonly number[]): number {
  return lengths.reduce((sum, length) => sum + elementLength(length), compactSize(lengths.length).length);
}

const signatureLength = (coin: Coin): number =>
  coin.signatureLength ?? (coinKind(coin) === "p2tr" ? SCHNORR_LENGTHS : ECDSA_LENGTHS).most;

function scriptLength(coin: Coin): number {
  const kind = coinKind(coin);
  if (kind === "p2pkh") return elementLength(signatureLength(coin)) + elementLength(KEY_LENGTH);
  return kind === "p2sh-p2wpkh" ? elementLength(coin.redeemScript!.length) : 0;
}

function witnessWeight(coin: Coin): number {
  if (coin.witnessWeight !== undefined) return coin.witnessWeight;
  const kind = coinKind(coin);
  if (kind === "p2pkh") return 0;
  return stackWeight(witnessLengths(coin));
}

/** The lengths of the elements of a coin's witness, for a script whose witness has a known size. */
export function witnessLengths(coin: Coin): number[] {
  const kind = coinKind(coin);
  const signature = signatureLength(coin);
  if (kind === "p2wpkh" || kind === "p2sh-p2wpkh") return [signature, KEY_LENGTH];
  const script = spendingScript(coin);
  if (!script) return [signature];
  const satisfied = walletScriptOf(coin)!;
  return coin.leaf
    ? [...leafLengths(satisfied, signature), script.length, coin.leaf.controlBlock.length]
    : [...witnessScriptLengths(satisfied, signature), script.length];
}

function witnessScriptLengths(script: WalletScript, signature: number): number[] {
  if (script.kind === "pk") return [signature];
  if (script.kind === "pkh") return [signature, KEY_LENGTH];
  // CHECKMULTISIG takes one element more than there are signatures (BIP-147).
  return [0, ...Array.from({ length: script.quorum }, () => signature)];
}

function leafLengths(script: WalletScript, signature: number): number[] {
  if (script.kind === "pk") return [signature];
  if (script.kind === "pkh") return [signature, KEY_LENGTH - 1];
  return script.keys.map((_, i) => (i < script.quorum ? signature : 0));
}

/** Bytes after their length. */
const elementLength = (length: number): number => compactSize(length).length + length;
