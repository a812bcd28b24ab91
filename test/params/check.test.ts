import { describe, expect, it } from "vitest";
import type { ErrorCode } from "../../src/core/errors.js";
import { checkParams, checkParamSet } from "../../src/params/check.js";
import { mainnet, mainnetPhase1 } from "../../src/params/data/mainnet.js";
import { regtest } from "../../src/params/data/regtest.js";
import type { ParamSet, ProtocolParams } from "../../src/params/types.js";
import { readCase } from "../support/vectors.js";
import { refusal } from "./support.js";

const good = regtest.versions[0]!;
const { keys } = good.covenant;
const slashing = good.slashing!;
const phase1 = mainnetPhase1.versions[0]!.phase1!;

/** Parameters as a caller without types could give them. */
type Loose = { readonly [Field in keyof ProtocolParams]?: unknown };
const broken = (change: Loose) => ({ ...good, ...change }) as ProtocolParams;

const cases: readonly [rule: string, change: Loose, code: ErrorCode, field: string][] = [
  ["a version number is whole", { version: 0.5 }, "invalid-number", "version"],
  ["a version number is not negative", { version: -1 }, "invalid-number", "version"],
  ["a network is a known one", { network: "litecoin" }, "invalid-network", "network"],
  ["an activation height is not negative", { activationHeight: -1 }, "invalid-number", "activationHeight"],
  ["an activation height is a number", { activationHeight: "857910" }, "invalid-number", "activationHeight"],
  ["there is a committee", { covenant: undefined }, "no-keys", "covenant"],
  ["a committee has a member", { covenant: { keys: [], quorum: 1 } }, "no-keys", "covenant"],
  [
    "a member's key is a point",
    { covenant: { keys: [new Uint8Array(32)], quorum: 1 } },
    "invalid-public-key",
    "covenant",
  ],
  [
    "a member's key is x-only",
    { covenant: { keys: [new Uint8Array(33)], quorum: 1 } },
    "invalid-public-key",
    "covenant",
  ],
  [
    "no member counts twice",
    { covenant: { keys: [...keys, keys[0]], quorum: 4 } },
    "duplicate-key",
    "covenant",
  ],
  [
    "a committee has few enough members",
    { covenant: { keys: Array(1000).fill(keys[0]), quorum: 501 } },
    "too-many-keys",
    "covenant",
  ],
  ["a quorum is not 0", { covenant: { keys, quorum: 0 } }, "invalid-quorum", "covenant"],
  ["a quorum is at most the committee", { covenant: { keys, quorum: 6 } }, "invalid-quorum", "covenant"],
  [
    "a quorum is above half of an odd committee",
    { covenant: { keys, quorum: 2 } },
    "invalid-params",
    "covenant.quorum",
  ],
  [
    "a quorum is above half of an even committee",
    { covenant: { keys: keys.slice(1), quorum: 2 } },
    "invalid-params",
    "covenant.quorum",
  ],
  ["a minimum value is an amount", { minValue: 50_000 }, "invalid-amount", "minValue"],
  ["a maximum value is an amount", { maxValue: 2_100_000_000_000_001n }, "invalid-amount", "maxValue"],
  ["a minimum value is at most the maximum", { maxValue: 49_999n }, "invalid-params", "minValue"],
  ["a minimum time is at least 1", { minTime: 0 }, "invalid-timelock", "minTime"],
  ["a maximum time is at most 65535", { maxTime: 65_536 }, "invalid-timelock", "maxTime"],
  ["a minimum time is at most the maximum", { maxTime: 9 }, "invalid-params", "minTime"],
  ["an unbonding time is at least 1", { unbondingTime: 0 }, "invalid-timelock", "unbondingTime"],
  ["an unbonding time is at most 65535", { unbondingTime: 65_536 }, "invalid-timelock", "unbondingTime"],
  ["an unbonding fee is an amount", { unbondingFee: -1n }, "invalid-amount", "unbondingFee"],
  ["an unbonding fee is above 0", { unbondingFee: 0n }, "invalid-params", "unbondingFee"],
  [
    "an unbonding fee is below the minimum value",
    { unbondingFee: 50_000n },
    "invalid-params",
    "unbondingFee",
  ],
  [
    "a least slashing fee is above 0",
    { slashing: { ...slashing, minFee: 0n } },
    "invalid-params",
    "slashing.minFee",
  ],
  ["slashing is an object", { slashing: null }, "invalid-params", "slashing"],
  [
    "a slashing script is bytes",
    { slashing: { ...slashing, script: "6a" } },
    "invalid-bytes",
    "slashing.script",
  ],
  [
    "a slashing script is not empty",
    { slashing: { ...slashing, script: new Uint8Array() } },
    "invalid-params",
    "slashing.script",
  ],
  [
    "a slashing rate is a fraction",
    { slashing: { ...slashing, rate: 0.1 } },
    "invalid-rate",
    "slashing.rate",
  ],
  [
    "a slashing rate has a denominator",
    { slashing: { ...slashing, rate: { numerator: 1n, denominator: 0n } } },
    "invalid-rate",
    "slashing.rate",
  ],
  [
    "a slashing rate is given",
    { slashing: { ...slashing, rate: undefined } },
    "invalid-rate",
    "slashing.rate",
  ],
  [
    "a slashing rate is above 0",
    { slashing: { ...slashing, rate: { numerator: 0n, denominator: 10_000n } } },
    "invalid-rate",
    "slashing.rate",
  ],
  [
    "a slashing rate is below 1",
    { slashing: { ...slashing, rate: { numerator: 10_000n, denominator: 10_000n } } },
    "invalid-rate",
    "slashing.rate",
  ],
  [
    "a slashing rate has at most 4 decimals",
    { slashing: { ...slashing, rate: { numerator: 1n, denominator: 100_000n } } },
    "invalid-rate",
    "slashing.rate",
  ],
  [
    "a slashing rate is a decimal",
    { slashing: { ...slashing, rate: { numerator: 1n, denominator: 3n } } },
    "invalid-rate",
    "slashing.rate",
  ],
  [
    "a slashing fee is an amount",
    { slashing: { ...slashing, minFee: 1000 } },
    "invalid-amount",
    "slashing.minFee",
  ],
  [
    "a commission is not negative",
    { minCommission: { numerator: -1n, denominator: 100n } },
    "invalid-rate",
    "minCommission",
  ],
  [
    "a commission is at most 1",
    { minCommission: { numerator: 101n, denominator: 100n } },
    "invalid-rate",
    "minCommission",
  ],
  [
    "a commission has at most 18 decimals",
    { minCommission: { numerator: 1n, denominator: 10n ** 19n } },
    "invalid-rate",
    "minCommission",
  ],
  ["phase 1 is an object", { phase1: 1 }, "invalid-params", "phase1"],
  ["a tag has 4 bytes", { phase1: { ...phase1, tag: new Uint8Array(5) } }, "invalid-bytes", "phase1.tag"],
  ["a cap is an amount", { phase1: { ...phase1, cap: -1n } }, "invalid-amount", "phase1.cap"],
  [
    "a cap height is a height",
    { phase1: { ...phase1, capHeight: -1 } },
    "invalid-number",
    "phase1.capHeight",
  ],
  [
    "a confirmation depth is at least 1",
    { phase1: { ...phase1, confirmationDepth: 0 } },
    "invalid-number",
    "phase1.confirmationDepth",
  ],
];

describe("one version of parameters", () => {
  it.each(cases)("%s", (_, change, code, field) => {
    const error = refusal(() => checkParams(broken(change)));
    expect([error.code, error.details.field]).toEqual([code, field]);
    expect(error.message).toContain(field);

    const set = { ...regtest, versions: [broken(change)] };
    const inSet = refusal(() => checkParamSet(set));
    expect([inSet.code, inSet.details.field]).toEqual([code, `versions[0].${field}`]);
    expect(inSet.message).toContain(`versions[0].${field}`);
  });

  it("is refused with a fee of 0, as by the staking chain", () => {
    const { input } = readCase<{ unbondingFee: string; "slashing.minFee": string }>("05-zero-fees-in-params");
    const [unbondingFee, minFee] = [input.unbondingFee, input["slashing.minFee"]].map(BigInt);
    expect(refusal(() => checkParams(broken({ unbondingFee }))).code).toBe("invalid-params");
    expect(refusal(() => checkParams(broken({ slashing: { ...slashing, minFee } }))).code).toBe(
      "invalid-params",
    );
  });

  it.each([null, undefined, 1, "mainnet"])("is refused when it is not an object: %s", (value) => {
    expect(refusal(() => checkParams(value as unknown as ProtocolParams)).code).toBe("invalid-params");
  });

  it("may be at the limit of every rule", () => {
    const edge: ProtocolParams = {
      ...good,
      activationHeight: 0,
      covenant: { keys: keys.slice(0, 1), quorum: 1 },
      minValue: 50_000n,
      maxValue: 50_000n,
      minTime: 1,
      maxTime: 1,
      unbondingTime: 65_535,
      unbondingFee: 49_999n,
      slashing: { ...slashing, rate: { numerator: 9_999n, denominator: 10_000n }, minFee: 1n },
      minCommission: { numerator: 1n, denominator: 1n },
    };
    expect(() => checkParams(edge)).not.toThrow();
    const tenth = { numerator: 1n, denominator: 10n };
    expect(() => checkParams({ ...edge, slashing: { ...slashing, rate: tenth } })).not.toThrow();
    expect(() => checkParams({ ...edge, unbondingFee: 1n })).not.toThrow();
  });
});

describe("a set of parameters", () => {
  const [zero, one, two] = mainnet.versions as [ProtocolParams, ProtocolParams, ProtocolParams];
  const setCases: readonly [rule: string, set: unknown, code: ErrorCode, field: string][] = [
    ["is an object", null, "invalid-params", "set"],
    ["has a name", { ...mainnet, name: "" }, "invalid-params", "name"],
    ["has a name that is text", { ...mainnet, name: 1 }, "invalid-params", "name"],
    ["has a known network", { ...mainnet, network: "bitcoin" }, "invalid-network", "network"],
    ["has a chain that is text", { ...mainnet, chainId: 1 }, "invalid-params", "chainId"],
    ["has a chain with a name", { ...mainnet, chainId: "" }, "invalid-params", "chainId"],
    ["has a day that is text", { ...mainnet, takenOn: 20_260_512 }, "invalid-params", "takenOn"],
    [
      "has a day without a time",
      { ...mainnet, takenOn: "2026-05-12T00:00:00Z" },
      "invalid-params",
      "takenOn",
    ],
    ["has a day with all its digits", { ...mainnet, takenOn: "2026-5-12" }, "invalid-params", "takenOn"],
    ["has a day of the month", { ...mainnet, takenOn: "2026-02-30" }, "invalid-params", "takenOn"],
    ["has a day of the year", { ...mainnet, takenOn: "2026-13-01" }, "invalid-params", "takenOn"],
    ["has ended or not", { ...mainnet, ended: "yes" }, "invalid-params", "ended"],
    ["has versions", { ...mainnet, versions: undefined }, "invalid-params", "versions"],
    ["has at least one version", { ...mainnet, versions: [] }, "invalid-params", "versions"],
    [
      "has versions that are objects",
      { ...mainnet, versions: [zero, null] },
      "invalid-params",
      "versions[1]",
    ],
    ["starts at version 0", { ...mainnet, versions: [one, two] }, "invalid-params", "versions[0].version"],
    ["leaves no version out", { ...mainnet, versions: [zero, two] }, "invalid-params", "versions[1].version"],
    ["has no version twice", { ...mainnet, versions: [zero, zero] }, "invalid-params", "versions[1].version"],
    [
      "has one network",
      { ...mainnet, versions: [zero, { ...one, network: "signet" }] },
      "invalid-params",
      "versions[1].network",
    ],
    [
      "has no two versions at one height",
      { ...mainnet, versions: [zero, { ...one, activationHeight: zero.activationHeight }] },
      "invalid-params",
      "versions[1].activationHeight",
    ],
    [
      "has activation heights that rise",
      { ...mainnet, versions: [zero, one, { ...two, activationHeight: one.activationHeight - 1 }] },
      "invalid-params",
      "versions[2].activationHeight",
    ],
  ];
  it("may be without a chain", () => {
    const { name, network, versions } = mainnet;
    expect(() => checkParamSet({ name, network, versions })).not.toThrow();
    expect(() => checkParamSet({ ...mainnet, takenOn: "2028-02-29", ended: false })).not.toThrow();
  });

  it.each(setCases)("%s", (_, set, code, field) => {
    const error = refusal(() => checkParamSet(set as ParamSet));
    expect([error.code, error.details.field]).toEqual([code, field]);
    expect(error.message).toContain(field);
  });
});
