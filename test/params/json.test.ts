import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ErrorCode } from "../../src/core/errors.js";
import { sha256 } from "../../src/core/hashes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { NETWORKS } from "../../src/core/network.js";
import { mainnet, mainnetPhase1 } from "../../src/params/data/mainnet.js";
import { regtest } from "../../src/params/data/regtest.js";
import { paramsFromJson, paramsObject, paramsOf, paramsToJson } from "../../src/params/json.js";
import { paramSets } from "../../src/params/sets.js";
import type { ProtocolParams } from "../../src/params/types.js";
import { runs } from "../support/runs.js";
import { answersOrRefuses, refusal } from "./support.js";

const throughText = (params: ProtocolParams): unknown => JSON.parse(JSON.stringify(paramsObject(params)));

describe("parameters in JSON", () => {
  it("are text, as all documents are, and are read back", () => {
    const [params] = mainnet.versions;
    const text = paramsToJson(params!);
    expect(text).toBe(`${JSON.stringify(paramsObject(params!), null, 2)}\n`);
    expect(paramsFromJson(text)).toEqual(params);
    expect(refusal(() => paramsFromJson("{")).code).toBe("invalid-json");
  });

  it("are read back unchanged, for every published version", () => {
    for (const set of paramSets.values()) {
      for (const params of set.versions) expect(paramsOf(throughText(params))).toEqual(params);
    }
  });

  it("have this form", () => {
    expect(paramsObject({ ...regtest.versions[0]!, phase1: mainnetPhase1.versions[0]!.phase1! })).toEqual({
      version: 0,
      network: "regtest",
      activationHeight: 0,
      covenant: {
        keys: [
          "3becbba47b0de6c18f7fb48e6e82cfd9858dd5b372228d32006362d84c844203",
          "c2e4612d288bf81b66291d6f4ede1a7342d3d112ee96dd09ffbcf61661adf1c1",
          "3643986eb64b386acba3d8436e692040d87064700dd92b6e91e3d1bd534a1f2d",
          "103237470f5779aef827d03751d4a3e560b8674c5f96fa7b0d8fa88644bb1063",
          "4e64b39c5832cd5de5892fec407e390910244875e52a4011b694cce8087390c9",
        ],
        quorum: 3,
      },
      minValue: "50000",
      maxValue: "10000000000",
      minTime: 10,
      maxTime: 65535,
      unbondingTime: 20,
      unbondingFee: "1000",
      slashing: { script: "6a087461707374616b65", rate: "0.1", minFee: "1000" },
      minCommission: "0.03",
      phase1: { tag: "62626e31", cap: "100000000000", confirmationDepth: 10 },
    });
  });

  it("are read back unchanged, for any valid parameters", () => {
    fc.assert(
      fc.property(validParams, (params) => {
        const json = throughText(params);
        const back = paramsOf(json);
        expect(back).toEqual(params);
        expect(paramsObject(back)).toEqual(json);
      }),
      { numRuns: runs(100) },
    );
  });

  it("have one spelling for a rate with any denominator", () => {
    const [good] = regtest.versions as [ProtocolParams];
    const slashing = { ...good.slashing!, rate: { numerator: 1n, denominator: 8n } };
    expect(paramsObject({ ...good, slashing }).slashing!.rate).toBe("0.125");
  });

  it("are not written when they break a rule", () => {
    const bad = { ...mainnet.versions[0]!, unbondingFee: 500_000n };
    expect(refusal(() => paramsObject(bad)).code).toBe("invalid-params");
  });

  const good = paramsObject({ ...mainnet.versions[0]!, phase1: mainnetPhase1.versions[0]!.phase1! });
  const { slashing, covenant, phase1 } = good;
  const cases: readonly [rule: string, change: Record<string, unknown>, code: ErrorCode, where: string][] = [
    ["an unknown field", { slashingRate: "0.1" }, "invalid-json", "params.slashingRate"],
    [
      "an unknown field inside",
      { slashing: { ...slashing, fee: "1" } },
      "invalid-json",
      "params.slashing.fee",
    ],
    [
      "an unknown field in phase 1",
      { phase1: { ...phase1, depth: 1 } },
      "invalid-json",
      "params.phase1.depth",
    ],
    ["a missing field", { minTime: undefined }, "invalid-json", "params.minTime"],
    ["a missing list", { covenant: { quorum: 6 } }, "invalid-json", "params.covenant.keys"],
    ["null for an absent part", { slashing: null }, "invalid-json", "params.slashing"],
    ["text for a number", { version: "0" }, "invalid-json", "params.version"],
    ["a number for an amount", { minValue: 500_000 }, "invalid-json", "params.minValue"],
    ["an amount with a sign", { minValue: "+500000" }, "invalid-json", "params.minValue"],
    ["an amount with leading zeros", { minValue: "0500000" }, "invalid-json", "params.minValue"],
    ["an amount of endless digits", { maxValue: "9".repeat(100) }, "invalid-json", "params.maxValue"],
    ["an amount above all bitcoin", { maxValue: "2100000000000001" }, "invalid-amount", "maxValue"],
    ["a fraction of a block", { minTime: 0.5 }, "invalid-timelock", "minTime"],
    ["an unknown network", { network: "Mainnet" }, "invalid-network", "network"],
    ["a negative version", { version: -1 }, "invalid-number", "version"],
    ["a bad key", { covenant: { ...covenant, keys: ["00"] } }, "invalid-hex", "params.covenant.keys[0]"],
    [
      "a key off the curve",
      { covenant: { ...covenant, keys: ["00".repeat(32)] } },
      "invalid-public-key",
      "covenant",
    ],
    [
      "a key in both cases",
      { covenant: { keys: [covenant.keys[0], covenant.keys[0]!.toUpperCase()], quorum: 2 } },
      "duplicate-key",
      "covenant",
    ],
    ["a quorum of 0", { covenant: { ...covenant, quorum: 0 } }, "invalid-quorum", "covenant"],
    ["a quorum below half", { covenant: { ...covenant, quorum: 4 } }, "invalid-params", "covenant.quorum"],
    ["half a byte", { slashing: { ...slashing, script: "6a0" } }, "invalid-hex", "params.slashing.script"],
    [
      "a rate that is no number",
      { slashing: { ...slashing, rate: "x" } },
      "invalid-rate",
      "params.slashing.rate",
    ],
    ["a rate of 0", { slashing: { ...slashing, rate: "0" } }, "invalid-rate", "slashing.rate"],
    ["a commission above 1", { minCommission: "1.01" }, "invalid-rate", "minCommission"],
    ["a long tag", { phase1: { ...phase1, tag: "62626e3131" } }, "invalid-hex", "params.phase1.tag"],
    ["a bad cap height", { phase1: { ...phase1, capHeight: 0.5 } }, "invalid-number", "phase1.capHeight"],
  ];
  it.each(cases)("are refused with %s", (_, change, code, where) => {
    const error = refusal(() => paramsOf({ ...good, ...change }));
    expect(error.code).toBe(code);
    expect(error.message).toContain(where);
  });

  it("give no error other than a TapstakeError: any value, and any value in any field", () => {
    const changed = fc
      .tuple(fc.constantFrom(...Object.keys(good)), fc.jsonValue())
      .map(([field, value]) => Object.assign({}, good, { [field]: value }));
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.anything(), changed), (json) => {
        expect(answersOrRefuses(() => paramsOf(json))).toBe(true);
      }),
      { numRuns: runs(1000) },
    );
  });
});

const keyPool = Array.from({ length: 20 }, (_, i) => publicKeyOf(sha256(Uint8Array.of(i))));
const blocks = fc.integer({ min: 1, max: 65_535 });
const height = fc.integer({ min: 0, max: 0xffff_ffff });
const amount = fc.bigInt({ min: 1n, max: 2_100_000_000_000_000n });
/** Above 1: the unbonding fee is below it, and above 0. */
const value = amount.filter((satoshi) => satoshi > 1n);
const ordered = <T extends number | bigint>(a: T, b: T): [T, T] => (a < b ? [a, b] : [b, a]);

const decimal = (min: bigint, max: bigint, denominator: bigint) =>
  fc.bigInt({ min, max }).map((numerator) => ({ numerator, denominator }));

const validParams: fc.Arbitrary<ProtocolParams> = fc
  .record(
    {
      version: height,
      network: fc.constantFrom(...NETWORKS),
      activationHeight: height,
      covenant: fc.shuffledSubarray(keyPool, { minLength: 1 }).chain((keys) =>
        fc.record({
          keys: fc.constant(keys),
          quorum: fc.integer({ min: Math.floor(keys.length / 2) + 1, max: keys.length }),
        }),
      ),
      values: fc.tuple(value, value).map(([a, b]) => ordered(a, b)),
      times: fc.tuple(blocks, blocks).map(([a, b]) => ordered(a, b)),
      unbondingTime: blocks,
      /** In ten-thousandths of the minimum value. */
      feePart: fc.bigInt({ min: 0n, max: 9_999n }),
      slashing: fc.record({
        script: fc.uint8Array({ minLength: 1, maxLength: 40 }),
        rate: decimal(1n, 9_999n, 10_000n),
        minFee: amount,
      }),
      minCommission: decimal(0n, 10n ** 18n, 10n ** 18n),
      phase1: fc.record(
        {
          tag: fc.uint8Array({ minLength: 4, maxLength: 4 }),
          cap: amount,
          capHeight: height,
          confirmationDepth: blocks,
        },
        { requiredKeys: ["tag", "confirmationDepth"] },
      ),
    },
    {
      requiredKeys: [
        "version",
        "network",
        "activationHeight",
        "covenant",
        "values",
        "times",
        "unbondingTime",
        "feePart",
      ],
    },
  )
  .map(({ values: [minValue, maxValue], times: [minTime, maxTime], feePart, ...rest }) =>
    Object.assign(rest, {
      minValue,
      maxValue,
      minTime,
      maxTime,
      unbondingFee: 1n + ((minValue - 1n) * feePart) / 10_000n,
    }),
  );
