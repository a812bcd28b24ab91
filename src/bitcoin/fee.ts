import { applyRateUp, formatRate, type Rate } from "../core/amount.js";
import { assertInteger } from "../core/bytes.js";
import { describeType, TapstakeError } from "../core/errors.js";
import type { Transaction } from "./transaction-class.js";

/** The lowest fee rate that nodes relay by default: 1 sat/vB. */
const MIN_FEE_RATE: Rate = { numerator: 1n, denominator: 1n };

/**
 * The default maximum, in sat/vB: ten times the rate of Bitcoin's fullest days. A higher rate is a wrong unit or
 * decimal point.
 */
export const MAX_FEE_RATE: Rate = { numerator: 1000n, denominator: 1n };

/** The permitted range of a fee rate, in sat/vB. */
export interface FeeRateLimits {
  /** The lowest rate that the node relays, in sat/vB: 1 by default, 0 for any. */
  readonly minFeeRate?: Rate;
  /** The highest rate that is not a mistake, in sat/vB: 1000 by default. */
  readonly maxFeeRate?: Rate;
}

/**
 * The fee in satoshi that a transaction pays at a rate in sat/vB, rounded up. Its witnesses must have their final size.
 */
export function feeAt(transaction: Transaction, feeRate: Rate): bigint {
  return applyRateUp(BigInt(transaction.virtualSize()), feeRate);
}

/** The fee rate of a fee, as Bitcoin Core counts it: whole satoshi per 1000 virtual bytes, rounded down. */
export function rateOf(fee: bigint, vsize: number): Rate {
  return { numerator: (fee * 1000n) / BigInt(vsize), denominator: 1000n };
}

/**
 * Returns the signed transaction, if it is not larger than the estimate its fee was computed for. A larger one pays
 * less than the requested rate, and at the lowest rate no node relays it.
 * @throws TapstakeError `size-above-estimate`
 */
export function assertEstimated(signed: Transaction, vsize: number): void {
  const got = signed.virtualSize();
  if (got <= vsize) return;
  const text = `the signed transaction has ${got} vbytes, but its fee was computed for at most ${vsize}: signatures are longer than the stated signatureLength`;
  throw new TapstakeError("size-above-estimate", text, { expected: vsize, got });
}

/**
 * The lengths of one kind of signature in bytes, hash type included. The fee must pay for the longest, unless the
 * caller states a length.
 */
export interface SignatureLengths {
  readonly least: number;
  readonly most: number;
}

/** DER with a low s (BIP-66, BIP-146): 71 bytes with a low r too, as Bitcoin Core grinds it, otherwise up to 72. */
export const ECDSA_LENGTHS: SignatureLengths = { least: 71, most: 72 };
/** BIP-340: 64 bytes with SIGHASH_DEFAULT, 65 with another hash type (BIP-341). */
export const SCHNORR_LENGTHS: SignatureLengths = { least: 64, most: 65 };

/** @throws TapstakeError `invalid-number` */
export function assertStatedLength(length: number, { least, most }: SignatureLengths): void {
  assertInteger(length, "signature length", least, most);
}

/**
 * Checks that nodes relay a fee rate, and that it is not high by mistake.
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
    const remedy = typeof rate === "number" ? `: use parseRate("${String(rate)}")` : "";
    const not = rate === null || typeof rate !== "object" ? `, not ${describeType(rate)}` : "";
    throw new TapstakeError("invalid-rate", `${name} must be a fraction in sat/vB${not}${remedy}`);
  }
}

const compareRates = (a: Rate, b: Rate): bigint => a.numerator * b.denominator - b.numerator * a.denominator;

/** A rate for people, in thousandths: its denominator can be any number. */
const decimal = ({ numerator, denominator }: Rate): string =>
  formatRate({ numerator: (numerator * 1000n) / denominator, denominator: 1000n });
