import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ErrorCode } from "../../src/core/errors.js";
import { parseParamSet } from "../../src/params/read.js";
import { runs } from "../support/runs.js";
import { readVectors } from "../support/vectors.js";
import { answersOrRefuses, type Fields, PUBLISHED, refusal } from "./support.js";

const phase1 = (JSON.parse(readVectors(PUBLISHED.phase1)) as { versions: Fields[] }).versions;
const phase2 = JSON.parse(readVectors(PUBLISHED.phase2)) as Fields[];
const keys1 = phase1[0]!["covenant_pks"] as string[];
const keys2 = phase2[0]!["covenant_pks"] as string[];
const devnet = { name: "devnet", network: "regtest" } as const;
const parse = (json: unknown) => parseParamSet(json, devnet);

describe("published parameters of phase 2", () => {
  it("are read from text and from parsed JSON, under the caller's name and network", () => {
    const fromText = parse(JSON.stringify(phase2));
    expect(fromText).toEqual(parse(phase2));
    expect(fromText.name).toBe("devnet");
    expect(fromText).not.toHaveProperty("chainId");
    expect(fromText.versions.map((params) => params.network)).toEqual(phase2.map(() => "regtest"));
  });

  it("are read under the chain and the day that the caller names", () => {
    const as = { ...devnet, chainId: "devnet-1", takenOn: "2026-11-29", ended: true };
    expect(parseParamSet(phase2, as)).toEqual({ ...as, versions: parse(phase2).versions });
    const error = refusal(() => parseParamSet(phase2, { ...as, takenOn: "today" }));
    expect([error.code, error.details.field]).toEqual(["invalid-params", "takenOn"]);
  });

  it("may have their numbers as decimal text, as chains answer", () => {
    const asText = phase2.map((one) =>
      Object.fromEntries(
        Object.entries(one).map(([k, value]) => [k, typeof value === "number" ? `${value}` : value]),
      ),
    );
    expect(parse(asText)).toEqual(parse(phase2));
  });

  it("may have keys in upper case, unknown later fields, and rates with trailing zeros", () => {
    const later = structuredClone(phase2);
    for (const one of later) {
      one["covenant_pks"] = (one["covenant_pks"] as string[]).map((key) => key.toUpperCase());
      one["slashing_rate"] = "0.001000000000000000";
      one["max_finality_providers"] = 1;
    }
    expect(parse(later)).toEqual(parse(phase2));
  });

  const cases: readonly [rule: string, change: Fields, code: ErrorCode, where: string][] = [
    ["a missing field", { unbonding_fee_sat: undefined }, "invalid-json", "params[1].unbonding_fee_sat"],
    [
      "a number beyond 2^53",
      { max_staking_value_sat: 2 ** 53 },
      "invalid-json",
      "params[1].max_staking_value_sat",
    ],
    [
      "decimal text beyond 2^53",
      { max_staking_value_sat: "9007199254740992" },
      "invalid-json",
      "params[1].max_staking_value_sat",
    ],
    [
      "a fraction for an amount",
      { min_staking_value_sat: 0.5 },
      "invalid-json",
      "params[1].min_staking_value_sat",
    ],
    ["a negative amount", { min_staking_value_sat: -1 }, "invalid-json", "params[1].min_staking_value_sat"],
    [
      "hexadecimal text for an amount",
      { min_staking_value_sat: "0x10" },
      "invalid-json",
      "params[1].min_staking_value_sat",
    ],
    [
      "empty text for an amount",
      { min_staking_value_sat: "" },
      "invalid-json",
      "params[1].min_staking_value_sat",
    ],
    ["a key that is no text", { covenant_pks: [1] }, "invalid-json", "params[1].covenant_pks[0]"],
    ["bad base64", { slashing_pk_script: "agdiYWJ5bG9" }, "invalid-json", "params[1].slashing_pk_script"],
    [
      "hexadecimal where base64 belongs",
      { slashing_pk_script: "6a07626162796c6f6e!" },
      "invalid-json",
      "params[1].slashing_pk_script",
    ],
    ["a rate as a number", { slashing_rate: 0.001 }, "invalid-json", "params[1].slashing_rate"],
    ["a rate with 5 decimals", { slashing_rate: "0.00001" }, "invalid-rate", "params[1].slashing_rate"],
    [
      "a commission that is no number",
      { min_commission_rate: "3%" },
      "invalid-rate",
      "params[1].min_commission_rate",
    ],
    ["bad hexadecimal", { covenant_pks: ["zz"] }, "invalid-hex", "params[1].covenant_pks[0]"],
    ["a key of 33 bytes", { covenant_pks: keys1 }, "invalid-hex", "params[1].covenant_pks[0]"],
    ["an empty slashing script", { slashing_pk_script: "" }, "invalid-params", "versions[1].slashing.script"],
    ["a rate of 1", { slashing_rate: "1" }, "invalid-rate", "versions[1].slashing.rate"],
    [
      "a rate in units of 10^-18",
      { slashing_rate: "1000000000000000" },
      "invalid-rate",
      "params[1].slashing_rate",
    ],
    [
      "a key in both cases",
      { covenant_pks: [keys2[0], keys2[0]!.toUpperCase()], covenant_quorum: 2 },
      "duplicate-key",
      "versions[1].covenant",
    ],
    ["a quorum of half", { covenant_quorum: 4 }, "invalid-params", "versions[1].covenant.quorum"],
    [
      "an unbonding fee of the least stake",
      { unbonding_fee_sat: 500_000 },
      "invalid-params",
      "versions[1].unbondingFee",
    ],
    [
      "a height not above the last",
      { btc_activation_height: 857_910 },
      "invalid-params",
      "versions[1].activationHeight",
    ],
    [
      "a height that no block has",
      { btc_activation_height: 2 ** 32 },
      "invalid-number",
      "versions[1].activationHeight",
    ],
  ];
  it.each(cases)("are refused: %s", (_, change, code, where) => {
    const changed = phase2.map((one, i) => (i === 1 ? { ...one, ...change } : one));
    const error = refusal(() => parse(changed));
    expect(error.code).toBe(code);
    expect(error.message).toContain(where);
    expect(refusal(() => parse(JSON.stringify(changed))).message).toContain(where);
  });

  it("are refused: an empty list", () => {
    expect(refusal(() => parse([])).code).toBe("invalid-params");
  });
});

describe("published parameters of phase 1", () => {
  const cases: readonly [rule: string, change: Fields, code: ErrorCode, where: string][] = [
    ["a missing tag", { tag: undefined }, "invalid-json", "params.versions[1].tag"],
    ["a tag of 3 bytes", { tag: "62626e" }, "invalid-hex", "params.versions[1].tag"],
    ["a cap that is no number", { staking_cap: null }, "invalid-json", "params.versions[1].staking_cap"],
    ["an x-only key", { covenant_pks: keys2 }, "invalid-hex", "params.versions[1].covenant_pks[0]"],
    [
      "an uncompressed prefix",
      { covenant_pks: [`04${keys2[0]}`] },
      "invalid-public-key",
      "params.versions[1].covenant_pks[0]",
    ],
    [
      "a key off the curve",
      { covenant_pks: [`02${"00".repeat(32)}`] },
      "invalid-public-key",
      "versions[1].covenant",
    ],
    [
      "a key with both parities",
      { covenant_pks: [`02${keys2[0]}`, `03${keys2[0]}`], covenant_quorum: 2 },
      "duplicate-key",
      "versions[1].covenant",
    ],
    ["a version out of place", { version: 2 }, "invalid-params", "versions[1].version"],
    [
      "a confirmation depth of 0",
      { confirmation_depth: 0 },
      "invalid-number",
      "versions[1].phase1.confirmationDepth",
    ],
  ];
  it.each(cases)("are refused: %s", (_, change, code, where) => {
    const versions = phase1.map((one, i) => (i === 1 ? { ...one, ...change } : one));
    const error = refusal(() => parse({ versions }));
    expect(error.code).toBe(code);
    expect(error.message).toContain(where);
  });
});

describe("a file without parameters", () => {
  it.each(["", "{", "[1,]", "null", "1", '"text"', "{}", '{"versions":1}', "[null]", '{"versions":[]}'])(
    "is refused: %s",
    (text) => {
      expect(["invalid-json", "invalid-params"]).toContain(refusal(() => parse(text)).code);
    },
  );

  it("is refused without quoting its content", () => {
    expect(refusal(() => parse('{"secret": hunter2')).message).not.toContain("hunter2");
    expect(refusal(() => parse([{ covenant_pks: "hunter2" }])).message).not.toContain("hunter2");
  });

  it("is refused under an unknown network", () => {
    const as = { name: "devnet", network: "devnet" as "regtest" };
    expect(refusal(() => parseParamSet(phase2, as)).code).toBe("invalid-network");
  });

  it("gives no error other than a TapstakeError: any value", () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.anything()), (json) => {
        expect(answersOrRefuses(() => parse(json))).toBe(true);
      }),
      { numRuns: runs(500) },
    );
  });

  it("gives no error other than a TapstakeError: any text, also a damaged file", () => {
    const file = readVectors(PUBLISHED.phase2);
    const damaged = fc
      .tuple(fc.nat(file.length - 1), fc.nat(8), fc.string({ maxLength: 8 }))
      .map(([at, cut, put]) => file.slice(0, at) + put + file.slice(at + cut));
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), damaged), (text) => {
        expect(answersOrRefuses(() => parse(text))).toBe(true);
      }),
      { numRuns: runs(500) },
    );
  });

  it.each([
    ["phase 1", (change: Fields) => ({ versions: [{ ...phase1[0], ...change }] }), Object.keys(phase1[0]!)],
    ["phase 2", (change: Fields) => [{ ...phase2[0], ...change }], Object.keys(phase2[0]!)],
  ] as const)(
    "gives no error other than a TapstakeError: %s with any value in a field",
    (_, file, fields) => {
      const value = fc.oneof(fc.jsonValue(), fc.integer(), fc.bigInt().map(String), fc.double().map(String));
      fc.assert(
        fc.property(fc.constantFrom(...fields), value, (field, json) => {
          expect(answersOrRefuses(() => parse(file({ [field]: json })))).toBe(true);
        }),
        { numRuns: runs(500) },
      );
    },
  );
});
