import fc from "fast-check";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { coinsFromJson } from "../../src/chain/coins-json.js";
import { parseBtc } from "../../src/core/amount.js";
import { parseExactJson, parseJson, parseNumbers, readJson } from "../../src/core/json.js";
import { paramsObject } from "../../src/params/json.js";
import { readParamSet } from "../../src/params/read.js";
import { regtest } from "../../src/params/data/regtest.js";
import { refusal } from "../support/refusal.js";
import { readCopy } from "../support/vectors.js";

const txid = "07".repeat(32);
const scriptPubKey = "0014751e76e8199196d454941c45d1b3a323f1433bd6";
const coin = (field: string, number: string) =>
  `[{"txid":"${txid}","vout":0,"${field}":${number},"scriptPubKey":"${scriptPubKey}"}]`;
const held = (field: string, number: string) => coinsFromJson(coin(field, number))[0]!.value;

/** A decimal number as a fraction of BigInts: the judge, which knows no exponents of JSON. */
function fraction(sign: string, whole: string, decimals: string, exponent: number) {
  const digits = BigInt(`${sign}${whole}${decimals}`);
  const shift = exponent - decimals.length;
  return shift < 0
    ? { numerator: digits, denominator: 10n ** BigInt(-shift) }
    : { numerator: digits * 10n ** BigInt(shift), denominator: 1n };
}

/** 20 MB that would take a day if each open quote were looked at to the end of the text. */
const HOSTILE: readonly string[] = [
  `[${'\\"'.repeat(10_000_000)}`,
  `"${'\\"'.repeat(10_000_000)}`,
  `${'"\\"'.repeat(7_000_000)}`,
];

it.each(HOSTILE.map((text) => [text.slice(0, 8), text] as const))(
  "JSON: a long text of quotes that end nowhere, such as %s, is refused",
  (_start, text) => {
    expect(refusal("invalid-json", () => parseJson(text, "x")).message).toBe("x: not JSON");
    expect(refusal("invalid-json", () => parseExactJson(text, "x")).message).toBe("x: not JSON");
    expect(() => parseNumbers(text)).toThrow(SyntaxError);
  },
);

const digits = (min: number, max: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: min, maxLength: max });
const spelling = fc.record({
  sign: fc.constantFrom("", "-"),
  whole: fc.oneof(
    fc.constant("0"),
    digits(1, 20).map((text) => text.replace(/^0+(?=\d)/, "")),
  ),
  decimals: digits(0, 20),
  exponent: fc.option(fc.integer({ min: -30, max: 30 }), { nil: undefined }),
  letter: fc.constantFrom("e", "E"),
  plus: fc.constantFrom("", "+"),
  zeros: fc.constantFrom("", "0", "00"),
});

describe("a JSON number", () => {
  it.each([
    ["5.46e-05", "0.0000546"],
    ["5.46E-5", "0.0000546"],
    ["0.00005460", "0.0000546"],
    ["1E3", 1000],
    ["1e+3", 1000],
    ["1000.0", 1000],
    ["0.1e1", 1],
    ["10e-1", 1],
    ["1e-9", "0.000000001"],
    ["-0", -0],
    ["-0.0", 0],
    ["0e5", 0],
    ["-1.5e0", "-1.5"],
    ["9007199254740991", 9_007_199_254_740_991],
    ["9007199254740993", "9007199254740993"],
    ["9.007199254740993e15", "9007199254740993"],
    ["1.00000000000000000001", "1.00000000000000000001"],
    ["1e400", `1${"0".repeat(400)}`],
    ["1e401", "1e401"],
    ["1e-99999999999", "1e-99999999999"],
  ])("is read exactly: %s", (text, expected) => {
    expect(parseExactJson(text, "number")).toBe(expected);
    expect(parseExactJson(`{"a":[${text},"${text}"]}`, "number")).toEqual({ a: [expected, text] });
  });

  it.each(["01", "1.", ".5", "+1", "1e", "1e1.5", "--1", "0x1", "1_000", "Infinity", "NaN", "1,5"])(
    "is not JSON: %s",
    (text) => void refusal("invalid-json", () => parseExactJson(text, "number")),
  );

  it("has one value in every spelling, as BigInt computes it", () => {
    fc.assert(
      fc.property(spelling, ({ sign, whole, decimals, exponent, letter, plus, zeros }) => {
        const power = exponent ?? 0;
        const behind =
          exponent === undefined ? "" : `${letter}${power < 0 ? "-" : plus}${zeros}${Math.abs(power)}`;
        const text = `${sign}${whole}${decimals && `.${decimals}`}${behind}`;
        const read = parseNumbers(text) as number | string;
        const [, minus, before, after = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(
          Object.is(read, -0) ? "0" : `${read}`,
        )!;
        const is = fraction(minus!, before!, after, 0);
        const want = fraction(sign, whole, decimals, power);
        expect(is.numerator * want.denominator).toBe(want.numerator * is.denominator);
        const isWhole = want.numerator % want.denominator === 0n;
        const size = want.numerator / want.denominator;
        const isSafe = isWhole && size >= -(2n ** 53n) + 1n && size <= 2n ** 53n - 1n;
        expect(typeof read).toBe(isSafe ? "number" : "string");
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("coins in JSON", () => {
  const { input } = JSON.parse(readCopy("wallets/json-exponent-amounts.json")) as { input: string };

  it.each([input, input.replace("0.0000546", "5.46e-05"), input.replace("0.02", "2E-2")])(
    "have the same value in every spelling",
    (text) => {
      expect(coinsFromJson(text).map(({ value }) => value)).toEqual([5_460n, 2_000_000n]);
    },
  );

  it("have the same amount in every spelling", () => {
    const amount = fc.bigInt({ min: 0n, max: 2_100_000_000_000_000n });
    fc.assert(
      fc.property(amount, fc.integer({ min: 0, max: 25 }), fc.boolean(), (satoshi, shift, isUp) => {
        const zeros = "0".repeat(shift);
        const written = satoshi === 0n ? "0" : `${satoshi}${isUp ? zeros : `.0${zeros}`}`;
        const power = isUp ? -shift : 0;
        expect(held("amount", `${written}e${power - 8}`)).toBe(satoshi);
      }),
    );
  });

  it.each([
    ["amount", "0.1e1", 100_000_000n],
    ["amount", "-0", 0n],
    ["amount", "-0.0e3", 0n],
    ["amount", "0.000000010000", 1n],
    ["value", '"5460"', 5_460n],
  ])("keep %s %s", (field, text, expected) => {
    expect(held(field, text)).toBe(expected);
  });

  it.each([
    ["amount", "1e400", "invalid-amount"],
    ["amount", "1e-9", "invalid-amount"],
    ["amount", "1.000000001e-8", "invalid-amount"],
    ["amount", "-1e-8", "invalid-amount"],
    ["amount", "2.100000000000001e7", "invalid-amount"],
    ["amount", '"5.46e-05"', "invalid-amount"],
    ["value", "0.5", "invalid-json"],
    ["value", "1e400", "invalid-json"],
    ["value", '"1e3"', "invalid-json"],
    ["value", "1e-3", "invalid-json"],
  ] as const)("are refused with %s %s", (field, text, code) => {
    refusal(code, () => coinsFromJson(coin(field, text)));
  });
});

describe("a value of another form", () => {
  const whole = v.object({ a: v.custom<number>(() => false, "a whole number from 1 to 9") });
  const text = v.object({ a: v.string() });

  it.each([
    [whole, -3, "-3"],
    [whole, "-3", '"-3"'],
    [whole, "a passphrase", "string"],
    [whole, "9".repeat(64), "string"],
    [whole, null, "null"],
    [text, 1234, "number"],
  ])("is shown only where a number is expected and given: %#", (schema, a, shown) => {
    const { message } = refusal("invalid-json", () => readJson(schema, { a }, "x"));
    expect(message).toMatch(/^x\.a: must be /);
    expect(message.split(", not ")[1]).toBe(shown);
  });
});

it("a field that is not there: the message says so", () => {
  for (const form of [v.object({ a: v.string() }), v.strictObject({ a: v.object({}) })]) {
    expect(refusal("invalid-json", () => readJson(form, {}, "x")).message).toBe("x.a: is missing");
  }
});

describe("JSON of other kinds", () => {
  it.each(["5.0000000000000000001", "4.99999999999999999999", "1e-400", "9007199254740993.5", "1e-99999"])(
    "keeps %s, which a float would round to a whole number, as text",
    (text) => {
      expect(Number.isInteger(JSON.parse(text))).toBe(true);
      expect(parseJson(text, "number")).toBe(text);
    },
  );

  it.each(["5.0", "0.5", "1E3", "-1e1", "1.5e1", "9007199254740993", "1e300", "0.1", "-0.0", "1e-5"])(
    "reads %s as JSON.parse does",
    (text) => {
      expect(parseJson(`{"a":[${text}]}`, "number")).toEqual(JSON.parse(`{"a":[${text}]}`));
    },
  );

  const params = JSON.stringify(paramsObject(regtest.versions[0]!));
  const read = (minTime: string) =>
    readParamSet(params.replace(/"minTime":\d+/, `"minTime":${minTime}`), { name: "a file" }).versions[0]!;

  it.each(["20", "20.0", "2E1", "0.2e+2", "200e-01"])("parameters: read a time of %s", (minTime) => {
    expect(read(minTime).minTime).toBe(20);
  });

  it.each(["20.5", "20.00000000000000000001", '"20"', "2e-1"])(
    "parameters: refuse a time of %s",
    (minTime) => {
      expect(() => read(minTime)).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^invalid-/) }),
      );
    },
  );
});

it("an amount as text: may have zeros behind its eighth decimal, and no other digit", () => {
  expect(parseBtc("0.000054600000")).toBe(5_460n);
  refusal("invalid-amount", () => parseBtc("0.000054600001"));
});

describe("an object in JSON", () => {
  const forms = {
    object: v.object({ a: v.optional(v.number()) }),
    strictObject: v.strictObject({}),
    looseObject: v.looseObject({}),
    record: v.record(v.string(), v.number()),
    "with further checks": v.pipe(
      v.strictObject({}),
      v.transform((each) => each),
    ),
  };

  it.each(Object.entries(forms))("is no array: %s", (_form, form) => {
    for (const value of [[], [1]]) {
      const { message } = refusal("invalid-json", () => readJson(form, value, "it"));
      expect(message).toBe(`it: must be Object, not an array of ${value.length}`);
    }
    expect(readJson(form, {}, "it")).toEqual({});
  });
});
