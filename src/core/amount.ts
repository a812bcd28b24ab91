import { describeType, TapstakeError } from "./errors.js";
import { show } from "./text.js";

/** Satoshi in one bitcoin. */
export const SATOSHI_PER_BTC = 100_000_000n;
/** The most bitcoin that can exist, in satoshi. No amount is larger. */
export const MAX_MONEY = 21_000_000n * SATOSHI_PER_BTC;

/**
 * An amount of Bitcoin: a whole number of satoshi.
 * @throws TapstakeError `invalid-amount` unless `value` is a bigint from 0 to {@link MAX_MONEY} satoshi
 */
export function assertSatoshi(value: unknown, name: string): asserts value is bigint {
  if (typeof value !== "bigint" || value < 0n || value > MAX_MONEY) {
    const got = typeof value === "bigint" ? `${value}` : describeType(value);
    throw new TapstakeError(
      "invalid-amount",
      `${name} must be satoshi as a bigint, 0 to ${MAX_MONEY}, not ${got}`,
    );
  }
}

/** Satoshi as bitcoin for people: `30000400000n` is `"300.004 BTC"`. @throws TapstakeError `invalid-amount` */
export function formatBtc(satoshi: bigint): string {
  assertBigint(satoshi, "amount");
  const sign = satoshi < 0n ? "-" : "";
  const size = satoshi < 0n ? -satoshi : satoshi;
  const fraction = (size % SATOSHI_PER_BTC).toString().padStart(8, "0").replace(/0+$/, "");
  return `${sign}${size / SATOSHI_PER_BTC}${fraction && `.${fraction}`} BTC`;
}

/**
 * Bitcoin as satoshi: `"300.004"` is `30000400000n`. It reads what Bitcoin Core and people write. Zeros after the
 * eighth decimal are accepted, as in {@link parseRate}.
 * @throws TapstakeError `invalid-amount`
 */
export function parseBtc(text: string, name = "amount"): bigint {
  const match = typeof text === "string" ? /^(\d{1,8})(?:\.(\d{1,8})0{0,22})?$/.exec(text) : null;
  if (!match) {
    throw new TapstakeError(
      "invalid-amount",
      `${name} must be bitcoin as text with at most 8 decimals, not ${show(text)}`,
    );
  }
  const satoshi = BigInt(match[1]!) * SATOSHI_PER_BTC + BigInt((match[2] ?? "").padEnd(8, "0"));
  assertSatoshi(satoshi, name);
  return satoshi;
}

/** An exact fraction: a slashing rate, or a fee rate in sat/vB. Never a float. */
export interface Rate {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/**
 * A decimal number as an exact fraction: `"0.05"` is 500 / 10000 with 4 decimals. Zeros after the last significant
 * decimal are accepted, as chains write them.
 * @param decimals the most significant decimals; the denominator is 10 to this power
 * @throws TapstakeError `invalid-rate`
 */
export function parseRate(text: string, decimals = 4, name = "rate"): Rate {
  const match = typeof text === "string" ? /^(\d{1,15})(?:\.(\d{1,30}))?$/.exec(text) : null;
  const fraction = match?.[2]?.replace(/0+$/, "") ?? "";
  if (!match || fraction.length > decimals) {
    throw new TapstakeError(
      "invalid-rate",
      `${name} must be a decimal number with at most ${decimals} decimals, not ${show(text)}${typeof text === "number" ? "; give it as text" : ""}`,
    );
  }
  const denominator = 10n ** BigInt(decimals);
  return {
    numerator: BigInt(match[1]!) * denominator + BigInt(fraction.padEnd(decimals, "0") || "0"),
    denominator,
  };
}

/** The shortest decimal number for a rate whose denominator is a power of ten. @throws TapstakeError `invalid-rate` */
export function formatRate(rate: Rate): string {
  assertRate(rate);
  const decimals = rate.denominator.toString().length - 1;
  const whole = rate.numerator / rate.denominator;
  const fraction = (rate.numerator % rate.denominator).toString().padStart(decimals, "0").replace(/0+$/, "");
  return fraction && decimals > 0 ? `${whole}.${fraction}` : `${whole}`;
}

/**
 * `amount × rate`, rounded half away from zero (PROTOCOL 3: the slashing amount).
 * @throws TapstakeError `invalid-amount`, `invalid-rate`
 */
export function applyRate(amount: bigint, rate: Rate): bigint {
  assertBigint(amount, "amount");
  assertRate(rate);
  return (2n * amount * rate.numerator + rate.denominator) / (2n * rate.denominator);
}

/**
 * `amount × rate`, rounded up: a fee is never below its rate.
 * @throws TapstakeError `invalid-amount`, `invalid-rate`
 */
export function applyRateUp(amount: bigint, rate: Rate): bigint {
  assertBigint(amount, "amount");
  assertRate(rate);
  return (amount * rate.numerator + rate.denominator - 1n) / rate.denominator;
}

function assertBigint(value: unknown, name: string): asserts value is bigint {
  if (typeof value === "bigint") return;
  const text = `${name} must be a bigint of satoshi, not ${describeType(value)}`;
  throw new TapstakeError("invalid-amount", text);
}

function assertRate(value: unknown): asserts value is Rate {
  const { numerator, denominator } = (value ?? {}) as Partial<Rate>;
  if (typeof numerator === "bigint" && typeof denominator === "bigint" && denominator > 0n) return;
  const text = `the rate must be what parseRate returns, not ${describeType(value)}`;
  throw new TapstakeError("invalid-rate", text);
}

/** The lesser of two, as `Math.min` is for numbers. */
export const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** The greater of two, as `Math.max` is for numbers. */
export const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
