import { base64 } from "@scure/base";
import { describe, expect, it } from "vitest";
import { formatRate } from "../../src/core/amount.js";
import { hex, utf8 } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { checkParamSet } from "../../src/params/check.js";
import { mainnet, mainnetPhase1 } from "../../src/params/data/mainnet.js";
import { regtest } from "../../src/params/data/regtest.js";
import { testnet } from "../../src/params/data/testnet.js";
import { parseParamSet } from "../../src/params/published.js";
import { paramSet, paramSets } from "../../src/params/sets.js";
import { paramsWarnings } from "../../src/params/warnings.js";
import { PUBLISHED, refusal } from "./support.js";
import { readVectors } from "../support/vectors.js";

const maybe = (value: bigint | number | undefined) => (value === undefined ? undefined : Number(value));

describe("the published parameters", () => {
  it.each([
    [PUBLISHED.phase1, mainnetPhase1, 3],
    [PUBLISHED.phase2, mainnet, 4],
    [PUBLISHED.testnet, testnet, 6],
  ] as const)("%s, parsed, is the typed data", (file, set, versions) => {
    const parsed = parseParamSet(readVectors(file), { name: set.name, network: set.network });
    expect(parsed).toEqual(set);
    expect(set.versions).toHaveLength(versions);
  });

  it.each([
    [PUBLISHED.phase2, mainnet],
    [PUBLISHED.testnet, testnet],
  ] as const)("%s is the typed data written in its form, without the parser", (file, set) => {
    const published = JSON.parse(readVectors(file)) as { slashing_rate: string }[];
    for (const one of published) one.slashing_rate = one.slashing_rate.replace(/0+$/, "");
    expect(published).toMatchObject(
      set.versions.map((params) => ({
        covenant_pks: params.covenant.keys.map((key) => hex.encode(key)),
        covenant_quorum: params.covenant.quorum,
        min_staking_value_sat: Number(params.minValue),
        max_staking_value_sat: Number(params.maxValue),
        min_staking_time_blocks: params.minTime,
        max_staking_time_blocks: params.maxTime,
        slashing_pk_script: base64.encode(params.slashing!.script),
        min_slashing_tx_fee_sat: Number(params.slashing!.minFee),
        slashing_rate: formatRate(params.slashing!.rate),
        unbonding_time_blocks: params.unbondingTime,
        unbonding_fee_sat: Number(params.unbondingFee),
        min_commission_rate: formatRate(params.minCommission!),
        btc_activation_height: params.activationHeight,
      })),
    );
  });

  it("of phase 1 is the typed data written in its form, without the parser", () => {
    const published = JSON.parse(readVectors(PUBLISHED.phase1)) as { versions: Record<string, unknown>[] };
    for (const one of published.versions) {
      one["covenant_pks"] = (one["covenant_pks"] as string[]).map((key) => key.slice(2));
    }
    expect(published.versions).toEqual(
      mainnetPhase1.versions.map(({ phase1, ...params }) => ({
        version: params.version,
        activation_height: params.activationHeight,
        staking_cap: maybe(phase1!.cap),
        cap_height: maybe(phase1!.capHeight),
        tag: hex.encode(phase1!.tag),
        covenant_pks: params.covenant.keys.map((key) => hex.encode(key)),
        covenant_quorum: params.covenant.quorum,
        unbonding_time: params.unbondingTime,
        unbonding_fee: Number(params.unbondingFee),
        max_staking_amount: Number(params.maxValue),
        min_staking_amount: Number(params.minValue),
        max_staking_time: params.maxTime,
        min_staking_time: params.minTime,
        confirmation_depth: phase1!.confirmationDepth,
      })),
    );
  });
});

describe("the sets that come with tapstake", () => {
  it.each([...paramSets.values()].map((set) => [set.name, set] as const))(
    "%s keeps every rule",
    (name, set) => {
      expect(() => checkParamSet(set)).not.toThrow();
      expect(paramSet(name)).toBe(set);
    },
  );

  it.each([...paramSets.values()].map((set) => [set.name, set] as const))("%s gives no warning", (_, set) => {
    expect(set.versions.flatMap(paramsWarnings)).toEqual([]);
  });

  it("are found by name, and by no other name", () => {
    expect([...paramSets.keys()]).toEqual(["mainnet", "mainnet-phase1", "testnet", "regtest"]);
    for (const name of ["Mainnet", "", "constructor", "__proto__"]) {
      const error = refusal(() => paramSet(name));
      expect(error.code).toBe("unknown-params");
      expect(error.details.names).toEqual([...paramSets.keys()]);
    }
  });

  it("burn slashed coins on mainnet and regtest", () => {
    for (const params of mainnet.versions) {
      expect(hex.encode(params.slashing!.script)).toBe(`6a07${hex.encode(utf8("babylon"))}`);
    }
    expect(hex.encode(regtest.versions[0]!.slashing!.script)).toBe(`6a08${hex.encode(utf8("tapstake"))}`);
  });

  it("have a regtest committee whose secrets everybody can compute", () => {
    const keys = [1, 2, 3, 4, 5].map((i) =>
      publicKeyOf(sha256(utf8(`tapstake regtest covenant member ${i}`))),
    );
    expect(regtest.versions[0]!.covenant).toEqual({ keys, quorum: 3 });
  });
});

it.each([...paramSets.values()])(
  "the parameters of $name cannot be changed by another part of a program",
  (set) => {
    const version = set.versions[0] as { unbondingTime: number; covenant: { quorum: number } };
    expect(() => (version.unbondingTime = 1)).toThrow(TypeError);
    expect(() => (version.covenant.quorum = 1)).toThrow(TypeError);
    expect(() => (set.versions as unknown[]).pop()).toThrow(TypeError);
  },
);
