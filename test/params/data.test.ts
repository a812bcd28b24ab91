import { base64 } from "@scure/base";
import { describe, expect, it } from "vitest";
import { formatRate } from "../../src/core/amount.js";
import { hex, utf8 } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { checkParamSet } from "../../src/params/check.js";
import { bbnTest5 } from "../../src/params/data/bbn-test-5.js";
import { mainnet, mainnetPhase1 } from "../../src/params/data/mainnet.js";
import { regtest } from "../../src/params/data/regtest.js";
import { testnet } from "../../src/params/data/testnet.js";
import { paramsAt } from "../../src/params/in-force.js";
import { parseParamSet } from "../../src/params/read.js";
import { paramSet, paramSets } from "../../src/params/sets.js";
import { paramsWarnings } from "../../src/params/warnings.js";
import { readVectors } from "../support/vectors.js";
import { PUBLISHED, publishedVersions, refusal } from "./support.js";

/** A number as number, a rate without trailing zeros: chains and files write both in more than one way. */
function plain(name: string, value: unknown): unknown {
  if (typeof value !== "string" || name === "slashing_pk_script") return value;
  return name.endsWith("_rate") ? value.replace(/0+$/, "") : Number(value);
}

const maybe = (value: bigint | number | undefined) => (value === undefined ? undefined : Number(value));

const ofChains = [
  ["mainnet", PUBLISHED.mainnet, mainnet],
  ["testnet", PUBLISHED.testnet, testnet],
  ["bbn-test-5", PUBLISHED.bbnTest5, bbnTest5],
] as const;

describe("the published parameters", () => {
  it.each(ofChains)("of %s, parsed, equal the typed data", (_, file, set) => {
    expect(parseParamSet(publishedVersions(file), set)).toEqual(set);
  });

  it("of phase 1, parsed, equal the typed data", () => {
    expect(parseParamSet(readVectors(PUBLISHED.phase1), mainnetPhase1)).toEqual(mainnetPhase1);
  });

  it.each(ofChains)("of %s equal the typed data in every field, without the parser", (_, file, set) => {
    const published = publishedVersions(file).map((fields) => {
      // What a registration costs on the chain, and until when an old list of stakes was asked there.
      const {
        delegation_creation_base_gas_fee: _gas,
        allow_list_expiration_height: _height,
        ...rest
      } = fields;
      return Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, plain(name, value)]));
    });
    expect(published).toEqual(
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

  it("have their index as version, from 0", () => {
    for (const { versions } of paramSets.values()) {
      expect(versions.map(({ version }) => version)).toEqual([...versions.keys()]);
    }
  });

  it("of mainnet shorten unbonding to 301 blocks at height 905,634", () => {
    expect(paramsAt(mainnet, 893_361)).toMatchObject({ unbondingTime: 1008, unbondingFee: 32_000n });
    expect(paramsAt(mainnet, 893_362)).toMatchObject({ unbondingTime: 1008, unbondingFee: 9_600n });
    expect(paramsAt(mainnet, 905_633).slashing!.minFee).toBe(100_000n);
    expect(paramsAt(mainnet, 905_634)).toMatchObject({ unbondingTime: 301, unbondingFee: 9_600n });
    expect(paramsAt(mainnet, 905_634).slashing!.minFee).toBe(150_000n);
  });

  it("of the testnet had a committee of three for 1,802 blocks", () => {
    const committee = (height: number) => {
      const { keys, quorum } = paramsAt(testnet, height).covenant;
      return [quorum, keys.length];
    };
    const heights = [271_922, 271_923, 273_724, 273_725];
    expect(heights.map(committee)).toEqual([
      [6, 9],
      [2, 3],
      [2, 3],
      [6, 9],
    ]);
    // Those of the testnet before are others.
    expect(paramsAt(bbnTest5, 280_000)).toMatchObject({ activationHeight: 235_952, unbondingTime: 1008 });
  });

  it("of phase 1 equal the typed data in every field, without the parser", () => {
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

describe("the included parameter sets", () => {
  it.each([...paramSets.values()].map((set) => [set.name, set] as const))(
    "%s keeps every rule",
    (name, set) => {
      expect(() => checkParamSet(set)).not.toThrow();
      expect(paramSet(name)).toBe(set);
    },
  );

  const registering = [...paramSets.values()].filter(({ name }) => name !== "regtest");
  it.each(registering.map((set) => [set.name, set] as const))("%s gives no warning", (_, set) => {
    expect(set.versions.flatMap(paramsWarnings)).toEqual([]);
  });

  it("regtest warns of its short stakes alone, which no staking chain would activate", () => {
    expect(regtest.versions.flatMap(paramsWarnings)).toEqual([
      {
        field: "minTime",
        message: "a stake of 10 to 20 blocks is never activated: its time is not above the unbonding time",
      },
    ]);
  });

  it("are found by name, and by no other text", () => {
    expect([...paramSets.keys()]).toEqual(["mainnet", "mainnet-phase1", "testnet", "bbn-test-5", "regtest"]);
    for (const name of ["Mainnet", "", "constructor", "__proto__"]) {
      const error = refusal(() => paramSet(name));
      expect(error.code).toBe("unknown-params");
      expect(error.details.names).toEqual([...paramSets.keys()]);
    }
  });

  it("name their chain, and the day on which all their versions existed", () => {
    const origins = [...paramSets.values()].map(({ name, network, chainId, takenOn, ended }) => [
      name,
      network,
      chainId,
      takenOn !== undefined,
      ended === true,
    ]);
    expect(origins).toEqual([
      ["mainnet", "mainnet", "bbn-1", true, false],
      ["mainnet-phase1", "mainnet", undefined, true, true],
      ["testnet", "signet", "bbn-test-6", true, false],
      ["bbn-test-5", "signet", "bbn-test-5", true, true],
      ["regtest", "regtest", undefined, false, false],
    ]);
  });

  it("are each compared with a published file, except the project's own", () => {
    const compared = new Set([mainnetPhase1, ...ofChains.map(([, , set]) => set)]);
    const own = [...paramSets.values()].filter((set) => !compared.has(set));
    expect(own).toEqual([regtest]);
  });

  it("burn slashed coins on mainnet and regtest", () => {
    for (const params of mainnet.versions) {
      expect(hex.encode(params.slashing!.script)).toBe(`6a07${hex.encode(utf8("babylon"))}`);
    }
    expect(hex.encode(regtest.versions[0]!.slashing!.script)).toBe(`6a08${hex.encode(utf8("tapstake"))}`);
  });

  it("have a regtest committee with public secrets", () => {
    const keys = [1, 2, 3, 4, 5].map((i) =>
      publicKeyOf(sha256(utf8(`tapstake regtest covenant member ${i}`))),
    );
    expect(regtest.versions[0]!.covenant).toEqual({ keys, quorum: 3 });
  });
});

it.each([...paramSets.values()])("the parameters of $name: are frozen", (set) => {
  const version = set.versions[0] as { unbondingTime: number; covenant: { quorum: number } };
  expect(() => (version.unbondingTime = 1)).toThrow(TypeError);
  expect(() => (version.covenant.quorum = 1)).toThrow(TypeError);
  expect(() => (set.versions as unknown[]).pop()).toThrow(TypeError);
});
