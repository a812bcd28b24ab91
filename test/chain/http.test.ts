import { assert, bigInt, jsonValue, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { parseLossless } from "../../src/chain/http.js";
import { parseBtc } from "../../src/core/amount.js";

describe("numbers of the node", () => {
  test("an amount that a float would round keeps its digits", () => {
    const { value } = parseLossless('{"value":20999999.99999999}') as { value: string };
    expect(value).toBe("20999999.99999999");
    expect(parseBtc(value)).toBe(2_099_999_999_999_999n);
  });

  test("every amount is exact, written with 8 decimals as the node writes it", () => {
    const amount = bigInt({ min: 0n, max: 2_100_000_000_000_000n });
    assert(
      property(amount, (satoshi) => {
        const text = `${satoshi / 100_000_000n}.${(satoshi % 100_000_000n).toString().padStart(8, "0")}`;
        expect(parseBtc(parseLossless(text) as string)).toBe(satoshi);
      }),
    );
  });

  test("whole numbers stay numbers until a double cannot hold them", () => {
    expect(parseLossless("[0,-1,9007199254740991,9007199254740993]")).toEqual([
      0,
      -1,
      9007199254740991,
      "9007199254740993",
    ]);
  });

  test("exponents and negative decimals become text, whose exponent is resolved", () => {
    expect(parseLossless('{"difficulty":4.656542373906925e-10,"fee":-0.00000141,"n":1e-8}')).toEqual({
      difficulty: "0.0000000004656542373906925",
      fee: "-0.00000141",
      n: "0.00000001",
    });
  });

  test("digits inside strings are not touched, whatever is escaped beside them", () => {
    const value = { 'a "1.5" \\': '\\" 0.1, [2.5]', b: "\\\\", c: ["1.0\n", "\u2028 3.5"] };
    expect(parseLossless(JSON.stringify(value))).toEqual(value);
  });

  test("other numbers are read as JSON.parse reads them", () => {
    const noFloats = jsonValue().map(withoutFloats);
    assert(
      property(noFloats, (value) => {
        expect(parseLossless(JSON.stringify(value, null, 1))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test.each(["", "{", "01.5", "1.", "-", "1.5.5", '{"a":1.5e}', "[1.5", '"1.5', "NaN", "<html>1.5</html>"])(
    "%j is refused",
    (text) => {
      expect(() => parseLossless(text)).toThrow(SyntaxError);
    },
  );

  test("a block of several megabytes in one string is read", () => {
    const block = "01".repeat(4_000_000);
    expect(parseLossless(JSON.stringify({ result: block, n: 1 }))).toEqual({ result: block, n: 1 });
  });
});

function withoutFloats(value: unknown): unknown {
  if (typeof value === "number") return Math.trunc(value % 2 ** 53) + 0;
  if (Array.isArray(value)) return value.map(withoutFloats);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutFloats(inner)]));
  }
  return value;
}
