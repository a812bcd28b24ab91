/** An exact fraction, `[numerator, denominator]`, as the file writes it. The denominator is above 0. */
export type Fraction = readonly [numerator: bigint, denominator: bigint];

export const ZERO: Fraction = [0n, 1n];
export const ONE: Fraction = [1n, 1n];

/** A fraction in lowest terms. */
export function fraction(numerator: bigint, denominator: bigint): Fraction {
  const sign = denominator < 0n ? -1n : 1n;
  const common = gcd(numerator, denominator) * sign;
  return [numerator / common, denominator / common];
}

export const add = (a: Fraction, b: Fraction): Fraction => fraction(a[0] * b[1] + b[0] * a[1], a[1] * b[1]);

export const subtract = (a: Fraction, b: Fraction): Fraction => add(a, [-b[0], b[1]]);

export const multiply = (a: Fraction, b: Fraction): Fraction => fraction(a[0] * b[0], a[1] * b[1]);

/** @param a not zero */
export const inverse = (a: Fraction): Fraction => fraction(a[1], a[0]);

/** Below 0 where `a` is less, 0 where both are equal, above 0 where `a` is more. */
export function compare(a: Fraction, b: Fraction): number {
  const difference = a[0] * b[1] - b[0] * a[1];
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

export const greater = (a: Fraction, b: Fraction): Fraction => (compare(a, b) >= 0 ? a : b);

export const lesser = (a: Fraction, b: Fraction): Fraction => (compare(a, b) <= 0 ? a : b);

/** `amount × rate`, rounded up. */
export const timesUp = (amount: bigint, rate: Fraction): bigint =>
  (amount * rate[0] + rate[1] - 1n) / rate[1];

/** `amount × rate`, rounded half up, as the staking chain rounds the slashed part (PROTOCOL 3). */
export const timesRounded = (amount: bigint, rate: Fraction): bigint =>
  (2n * amount * rate[0] + rate[1]) / (2n * rate[1]);

/** A fraction as a float, for what is not exact anyway: a solver, a picture. */
export function toNumber([numerator, denominator]: Fraction): number {
  const quotient = Number(numerator) / Number(denominator);
  if (Number.isFinite(quotient)) return quotient;
  // Both are beyond a float: the leading digits decide.
  const shift = BigInt(Math.max(0, denominator.toString(2).length - 900));
  return Number(numerator >> shift) / Number(denominator >> shift);
}

export function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x === 0n ? 1n : x;
}

export const sum = (values: Iterable<bigint>): bigint => {
  let total = 0n;
  for (const value of values) total += value;
  return total;
};
