import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyRate, MAX_MONEY } from "../../src/core/amount.js";
import { buildSlashing, leastSlashed } from "../../src/stake/slashing.js";
import { lifeOf, paramsFor, termsOf } from "../support/lives.js";
import { runs } from "../support/runs.js";

/** A number as a 64-bit float holds it: a whole number of 53 bits, times a power of two. */
interface Float {
  readonly mantissa: bigint;
  readonly exponent: number;
}

/** The float next to a fraction; of two that are as near, the even one (IEEE 754). In whole numbers alone. */
function nearest(numerator: bigint, denominator: bigint): Float {
  if (numerator === 0n) return { mantissa: 0n, exponent: 0 };
  let exponent = numerator.toString(2).length - denominator.toString(2).length - 53;
  for (;;) {
    const [top, bottom] =
      exponent < 0
        ? [numerator << BigInt(-exponent), denominator]
        : [numerator, denominator << BigInt(exponent)];
    const [whole, rest] = [top / bottom, 2n * (top % bottom)];
    const mantissa = whole + (rest > bottom || (rest === bottom && whole % 2n === 1n) ? 1n : 0n);
    if (mantissa < 2n ** 53n) return { mantissa, exponent };
    exponent++;
  }
}

const fraction = ({ mantissa, exponent }: Float): [bigint, bigint] =>
  exponent < 0 ? [mantissa, 1n << BigInt(-exponent)] : [mantissa << BigInt(exponent), 1n];

/** What the chain computes, step by step: the rate's float, the product's float, that of a half more, cut. */
function chainSlashes(value: bigint, tenThousandths: bigint): bigint {
  const [rateTop, rateBottom] = fraction(nearest(tenThousandths, 10_000n));
  const [top, bottom] = fraction(nearest(value * rateTop, rateBottom));
  const [sum, one] = fraction(nearest(2n * top + bottom, 2n * bottom));
  return sum / one;
}

const rates = fc.bigInt({ min: 1n, max: 9_999n });
const values = fc.oneof(
  fc.bigInt({ min: 1n, max: 10_000_000n }),
  fc.bigInt({ min: 1n, max: 500_000_000_000n }),
  fc.bigInt({ min: 1n, max: MAX_MONEY }),
);
const rateOf = (numerator: bigint) => ({ numerator, denominator: 10_000n });
/** The satoshi at which a rate's product is an exact half, if there are any: by 10,000 they repeat. */
const halvesOf = (rate: bigint): bigint[] => {
  const found: bigint[] = [];
  for (let value = 1n; value <= 10_000n; value++) {
    if ((value * rate) % 10_000n === 5_000n) found.push(value);
  }
  return found;
};

describe("the least that a slashing takes", () => {
  it("is the chain's product of floats, at every rate and value", () => {
    fc.assert(
      fc.property(values, rates, (value, rate) => {
        expect(leastSlashed(value, rateOf(rate))).toBe(chainSlashes(value, rate));
      }),
      { numRuns: runs(2_000) },
    );
  });

  it("is the chain's at exact halves, where it can be a satoshi less than ours", () => {
    let less = 0;
    for (let rate = 1n; rate < 10_000n; rate += 97n) {
      for (const half of halvesOf(rate).slice(0, 3)) {
        for (const value of [half, half + 1_080_000n, half + 987_650_000n]) {
          const least = leastSlashed(value, rateOf(rate));
          expect(least).toBe(chainSlashes(value, rate));
          const ours = applyRate(value, rateOf(rate));
          expect([0n, 1n]).toContain(ours - least);
          if (least < ours) less++;
        }
      }
    }
    expect(less).toBeGreaterThan(0);
  });

  it.each([10n, 500n, 1_000n])("is ours at the published rate of %d ten-thousandths", (rate) => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 500_000_000_000n }), (value) => {
        // Every half too: 10,000 is a multiple of these rates.
        const half = value - (value % (10_000n / rate)) + 5_000n / rate;
        for (const each of [value, half]) {
          expect(leastSlashed(each, rateOf(rate))).toBe(applyRate(each, rateOf(rate)));
        }
      }),
      { numRuns: runs(300) },
    );
  });

  it("does not depend on how the rate is written", () => {
    const value = 1_083_750n;
    expect(leastSlashed(value, { numerator: 12n, denominator: 10_000n })).toBe(1_300n);
    expect(leastSlashed(value, { numerator: 3n, denominator: 2_500n })).toBe(1_300n);
    const long = { numerator: 12n * 10n ** 40n, denominator: 10n ** 44n };
    expect(leastSlashed(value, long)).toBe(1_300n);
  });

  it("is never above what a slashing made here takes", () => {
    const terms = termsOf();
    const { transaction } = lifeOf(terms, paramsFor(terms))["staking slashing"];
    const outpoint = { txid: transaction.getId(), vout: 0 };
    const made = (value: bigint, rate: bigint) => {
      const params = paramsFor(terms);
      const slashing = { ...params.slashing!, rate: rateOf(rate) };
      return buildSlashing(terms, { ...params, slashing }, "staking", { outpoint, value }).slashed;
    };
    // An exact half; and a product so large that the floats beside it are an eighth of a satoshi away.
    expect(made(1_083_750n, 12n)).toBe(leastSlashed(1_083_750n, rateOf(12n)) + 1n);
    const [value, rate] = [7_611_088_522_491n, 7_778n];
    expect(made(value, rate)).toBe(leastSlashed(value, rateOf(rate)));
    expect(made(value, rate)).toBe(applyRate(value, rateOf(rate)) + 1n);
  });
});
