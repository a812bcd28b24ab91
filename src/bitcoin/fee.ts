import { applyRateUp, formatRate, type Rate } from "../core/amount.js";
import { assertInteger } from "../core/bytes.js";
import { describeType, TapstakeError } from "../core/errors.js";
import type { Transaction } from "./bitcoinjs.js";

/** What nodes relay unless they are set up otherwise: 1 satoshi per virtual byte. */
const MIN_FEE_RATE: Rate = { numerator: 1n, denominator: 1n };

/** Ten times what Bitcoin's fullest days have asked for: above it, a decimal point or a unit has slipped. */
export const MAX_FEE_RATE: Rate = { numerator: 1000n, denominator: 1n };

/** Between which rates a fee rate must be, in satoshi per virtual byte. */
export interface FeeRateLimits {
  /** The least that the node relays: 1 unless told, 0 for any. */
  readonly minFeeRate?: Rate;
  /** The most that is meant: 1000 unless told. */
  readonly maxFeeRate?: Rate;
}

/** What a transaction pays at a rate in satoshi per virtual byte, rounded up, once its witnesses have this size. */
export function feeAt(transaction: Transaction, feeRate: Rate): bigint {
  return applyRateUp(BigInt(transaction.virtualSize()), feeRate);
}

/**
 * What a fee is per virtual byte, as Bitcoin Core counts it: whole satoshi per 1000 virtual bytes, rounded down.
 */
export function rateOf(fee: bigint, vsize: number): Rate {
  return { numerator: (fee * 1000n) / BigInt(vsize), denominator: 1000n };
}

/**
 * A signed transaction of no more virtual bytes than its fee was reckoned for. With more it would pay less than the rate
 * that was asked, and at the least rate no node would relay it.
 * @throws TapstakeError `size-above-estimate`
 */
export function assertEstimated(signed: Transaction, vsize: number): void {
  const got = signed.virtualSize();
  if (got <= vsize) return;
  const text = `the signed transaction has ${got} vbytes, but its fee was computed for at most ${vsize}: signatures are longer than the stated signatureLength`;
  throw new TapstakeError("size-above-estimate", text, { expected: vsize, got });
}

/**
 * How long signatures of a kind are, in bytes, hash type included. A fee must be enough for the longest that may come,
 * unless the caller knows better.
 */
export interface SignatureLengths {
  readonly least: number;
  readonly most: number;
}

/** DER with a low s (BIP-66, BIP-146): 71 bytes with a low r too, as Bitcoin Core grinds it, otherwise up to 72. */
export const ECDSA_LENGTHS: SignatureLengths = { least: 71, most: 72 };
/** BIP-340, with SIGHASH_DEFAULT or with another hash type behind (BIP-341). */
export const SCHNORR_LENGTHS: SignatureLengths = { least: 64, most: 65 };

/** @throws TapstakeError `invalid-number` */
export function assertStatedLength(length: number, { least, most }: SignatureLengths): void {
  assertInteger(length, "signature length", least, most);
}

/**
 * A fee rate that nodes relay, and that nobody pays by mistake.
 * @throws TapstakeError `invalid-rate` unless the rates are exact fractions, the first above 0; `fee-rate-too-low`,
 * `fee-rate-too-high`
 */
export function assertFeeRate(feeRate: Rate, limits: FeeRateLimits = {}): void {
  const { minFeeRate = MIN_FEE_RATE, maxFeeRate = MAX_FEE_RATE } = limits;
  assertRate(feeRate, "fee rate");
  if (feeRate.numerator === 0n) {
    throw new TapstakeError("invalid-rate", "the fee rate must be above 0 sat/vB");
  }
  assertRate(minFeeRate, "least fee rate");
  if (compareRates(feeRate, minFeeRate) < 0n) {
    const [got, least] = [decimal(feeRate), decimal(minFeeRate)];
    const text = `the fee rate of ${got} sat/vB is below ${least} sat/vB, the least that nodes relay`;
    throw new TapstakeError("fee-rate-too-low", text, { got, least });
  }
  assertRate(maxFeeRate, "highest fee rate");
  if (compareRates(feeRate, maxFeeRate) > 0n) {
    const [got, most] = [decimal(feeRate), decimal(maxFeeRate)];
    const text = `the fee rate of ${got} sat/vB is above the limit of ${most} sat/vB; if you mean it, raise maxFeeRate`;
    throw new TapstakeError("fee-rate-too-high", text, { got, most });
  }
}

/** @throws TapstakeError `invalid-rate` unless the rate is an exact fraction of at least 0 */
export function assertRate(rate: Rate, name: string): void {
  const { numerator, denominator } = rate ?? {};
  const isFraction = typeof numerator === "bigint" && typeof denominator === "bigint";
  if (!isFraction || numerator < 0n || denominator <= 0n) {
    const remedy = typeof rate === "number" ? `; use parseRate("${String(rate)}")` : "";
    const got = rate === null || typeof rate !== "object" ? `, got ${describeType(rate)}` : "";
    throw new TapstakeError("invalid-rate", `${name}: expected a fraction, in sat/vB${got}${remedy}`);
  }
}

const compareRates = (a: Rate, b: Rate): bigint => a.numerator * b.denominator - b.numerator * a.denominator;

/** A rate for people, to thousandths: fractions of any denominator come in. */
const decimal = ({ numerator, denominator }: Rate): string =>
  formatRate({ numerator: (numerator * 1000n) / denominator, denominator: 1000n });
