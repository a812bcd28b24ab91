import { describe, expect, it } from "vitest";
import { bbnTest5 } from "../../src/params/data/bbn-test-5.js";
import { regtest } from "../../src/params/data/regtest.js";
import { testnet } from "../../src/params/data/testnet.js";
import { identifyParams, paramSets } from "../../src/params/sets.js";
import type { ParamSet } from "../../src/params/types.js";

describe("identifyParams", () => {
  it("names the published version", () => {
    for (const set of paramSets.values()) {
      for (const params of set.versions) {
        const found = identifyParams({ ...params });
        expect(found?.params.version).toBe(params.version);
        expect(found?.params).toEqual(params);
      }
    }
  });

  it("names the first set that has it, when a chain began with the versions of another", () => {
    const names = (set: ParamSet) => set.versions.map((params) => identifyParams(params)?.set.name);
    const [shared, own] = [bbnTest5.versions.slice(0, 5), bbnTest5.versions.slice(5)];
    expect(testnet.versions.slice(0, 5)).toEqual(shared);
    expect(names(testnet)).toEqual(testnet.versions.map(() => "testnet"));
    expect(names(bbnTest5)).toEqual([...shared.map(() => "testnet"), ...own.map(() => "bbn-test-5")]);
  });

  it("names testnet or signet as requested, and no other network", () => {
    const [params] = testnet.versions;
    for (const network of ["testnet", "signet"] as const) {
      expect(identifyParams({ ...params!, network })?.set.name).toBe("testnet");
    }
    expect(identifyParams({ ...params!, network: "mainnet" })).toBeUndefined();
  });

  it("names none when any field is another", () => {
    const [params] = regtest.versions;
    const changes = [
      { version: 1 },
      { unbondingTime: 21 },
      { unbondingFee: 1_001n },
      { minValue: 50_001n },
      { maxTime: 100 },
      { activationHeight: 1 },
      { covenant: { ...params!.covenant, quorum: 4 } },
      { slashing: { ...params!.slashing!, minFee: 999n } },
    ];
    for (const change of changes) expect(identifyParams({ ...params!, ...change })).toBeUndefined();
  });
});
