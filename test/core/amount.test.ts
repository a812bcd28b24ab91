import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  applyRate,
  applyRateUp,
  assertSatoshi,
  formatBtc,
  formatRate,
  MAX_MONEY,
  parseBtc,
  parseRate,
} from "../../src/core/amount.js";
import { refusal } from "../support/refusal.js";

const amounts = fc.bigInt({ min: 0n, max: MAX_MONEY });

describe("satoshi", () => {
  it("are a bigint from 0 to 21 million bitcoin", () => {
    for (const good of [0n, 1n, 2_100_000_000_000_000n]) expect(() => assertSatoshi(good, "x")).not.toThrow();
    for (const bad of [-1n, MAX_MONEY + 1n, 1, 0.5, "1", null, undefined]) {
      refusal("invalid-amount", () => assertSatoshi(bad, "value"));
    }
  });

  it("are written as bitcoin and read back exactly", () => {
    expect(formatBtc(30_000_400_000n)).toBe("300.004 BTC");
    expect([0n, 1n, 100_000_000n, -150_000_000n].map(formatBtc)).toEqual([
      "0 BTC",
      "0.00000001 BTC",
      "1 BTC",
      "-1.5 BTC",
    ]);
    fc.assert(
      fc.property(amounts, (amount) => {
        expect(parseBtc(formatBtc(amount).replace(" BTC", ""))).toBe(amount);
      }),
    );
  });

  it("are refused from text that is not an exact amount", () => {
    for (const bad of [
      "",
      "-1",
      "1.",
      ".5",
      "1e8",
      "0.123456789",
      "21000000.00000001",
      "1,5",
      "0x1",
      " 1",
      "NaN",
    ]) {
      refusal("invalid-amount", () => parseBtc(bad));
    }
    expect(parseBtc("21000000")).toBe(MAX_MONEY);
    expect(parseBtc("0.1") + parseBtc("0.2")).toBe(30_000_000n);
  });
});

describe("a rate", () => {
  it("is an exact fraction, read with trailing zeros as chains write them", () => {
    expect(parseRate("0.05")).toEqual({ numerator: 500n, denominator: 10_000n });
    expect(parseRate("0.050000000000000000")).toEqual(parseRate("0.05"));
    expect(parseRate("1")).toEqual({ numerator: 10_000n, denominator: 10_000n });
    const { message } = refusal("invalid-rate", () => parseRate(2.5 as never));
    expect(message).toContain("not number; give it as text");
    expect(parseRate("0")).toEqual({ numerator: 0n, denominator: 10_000n });
    expect(parseRate("1.5", 0 + 1)).toEqual({ numerator: 15n, denominator: 10n });
  });

  it("is written as the shortest decimal and read back", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 1_000_000n }), (numerator) => {
        const rate = { numerator, denominator: 10_000n };
        expect(parseRate(formatRate(rate))).toEqual(rate);
      }),
    );
    expect(formatRate(parseRate("0.0500"))).toBe("0.05");
    expect(formatRate({ numerator: 7n, denominator: 1n })).toBe("7");
    expect(formatRate(parseRate("30"))).toBe("30");
  });

  it("is refused with too many decimals, a sign, an exponent or of a wrong type", () => {
    for (const bad of ["0.00001", "-0.05", "+1", "5e-2", ".05", "0.", "", "1/20", 0.05, null] as never[]) {
      refusal("invalid-rate", () => parseRate(bad));
    }
  });

  it("rounds half away from zero, without floats", () => {
    const half = { numerator: 1n, denominator: 2n };
    expect([0n, 1n, 2n, 3n].map((amount) => applyRate(amount, half))).toEqual([0n, 1n, 1n, 2n]);
    const third = { numerator: 1n, denominator: 3n };
    expect([1n, 2n, 3n, 4n].map((amount) => applyRate(amount, third))).toEqual([0n, 1n, 1n, 1n]);
    expect(applyRate(MAX_MONEY - 1n, parseRate("0.9999"))).toBe(2_099_789_999_999_999n);
    fc.assert(
      fc.property(amounts, fc.bigInt({ min: 0n, max: 10_000n }), (amount, numerator) => {
        const error = applyRate(amount, { numerator, denominator: 10_000n }) * 10_000n - amount * numerator;
        expect(error > -5_000n && error <= 5_000n).toBe(true);
      }),
    );
  });

  it("of a fee rounds up: never below the rate", () => {
    fc.assert(
      fc.property(amounts, fc.bigInt({ min: 0n, max: 10_000n }), (amount, numerator) => {
        const rate = { numerator, denominator: 1_000n };
        const error = applyRateUp(amount, rate) * 1_000n - amount * numerator;
        expect(error >= 0n && error < 1_000n).toBe(true);
      }),
    );
  });
});
