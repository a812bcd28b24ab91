import { describe, expect, it } from "vitest";
import { mainnet } from "../../src/params/data/mainnet.js";
import { regtest } from "../../src/params/data/regtest.js";
import { testnet } from "../../src/params/data/testnet.js";
import { paramsObject } from "../../src/params/json.js";
import { parseParamSet, readParamSet } from "../../src/params/read.js";
import { readVectors } from "../support/vectors.js";
import { PUBLISHED } from "./support.js";

const refusing = (code: string) => expect.objectContaining({ name: "TapstakeError", code });
const written = mainnet.versions.map(paramsObject);

describe("readParamSet", () => {
  it("reads a list of versions that paramsToJson wrote", () => {
    const { network, versions } = mainnet;
    const read = readParamSet(JSON.stringify(written), { name: "mine" });
    expect(read).toEqual({ name: "mine", network, versions });
  });

  it("reads a single version, and keeps its number", () => {
    const set = readParamSet(JSON.stringify(written[2]), { name: "mine", network: "mainnet" });
    expect(set.versions).toEqual([mainnet.versions[2]]);
  });

  it("reads the published form, given the network", () => {
    const text = readVectors(PUBLISHED.phase2);
    const { versions } = readParamSet(text, { name: "mine", network: "mainnet" });
    expect(versions).toEqual(mainnet.versions.slice(0, versions.length));
    expect(() => readParamSet(text, { name: "mine" })).toThrow(refusing("invalid-network"));
  });

  it("refuses another network than requested, gaps between versions, and invalid JSON", () => {
    const one = JSON.stringify(paramsObject(regtest.versions[0]!));
    expect(() => readParamSet(one, { name: "mine", network: "mainnet" })).toThrow(refusing("wrong-network"));
    const gap = JSON.stringify([written[0], written[2]]);
    expect(() => readParamSet(gap, { name: "mine" })).toThrow(refusing("invalid-params"));
    expect(() => readParamSet("{", { name: "mine" })).toThrow(refusing("invalid-json"));
  });
});

describe("parameters as the chain's servers answer with them", () => {
  const recorded = (chain: string) =>
    JSON.parse(readVectors(`chain/lcd-params_versions-${chain}.json`)) as {
      version: number;
      params: Record<string, unknown>;
    }[];
  const list = recorded("bbn-1");
  const AS = { name: "mine", network: "mainnet" } as const;

  it.each([
    ["bbn-1", mainnet],
    ["bbn-test-6", testnet],
  ])("are those of %s in the shipped set, from the bare list and from the whole answer", (chain, shipped) => {
    const { network, versions } = shipped;
    const answer = { params: recorded(chain), pagination: { next_key: null, total: "0" } };
    for (const form of [recorded(chain), answer]) {
      for (const json of [form, JSON.stringify(form)]) {
        expect(parseParamSet(json, { name: "mine", network })).toEqual({ name: "mine", network, versions });
      }
      const file = readParamSet(JSON.stringify(form), { name: "mine", network });
      expect(file.versions).toEqual(versions);
    }
  });

  it("are one version where the server was asked for one", () => {
    const alone = { params: list[4]!.params };
    const set = parseParamSet(alone, { ...AS, version: 4 });
    expect(set).toEqual({ ...AS, versions: [mainnet.versions[4]] });
    const byHeight = readParamSet(JSON.stringify({ ...alone, version: 4 }), AS);
    expect(byHeight).toEqual(set);
    expect(() => parseParamSet(alone, AS)).toThrow(at("invalid-json", { path: "params.version" }));
    const broken = { params: { ...list[4]!.params, covenant_quorum: 10 }, version: 4 };
    expect(() => parseParamSet(broken, AS)).toThrow(refusing("invalid-quorum"));
  });

  const at = (code: string, details: object) =>
    expect.objectContaining({ code, details: expect.objectContaining(details) });
  const without = (i: number) => list.filter((_, k) => k !== i);
  const changed = (change: object) => list.map((one, i) => (i === 2 ? { ...one, ...change } : one));
  const changedIn = (change: object) => changed({ params: { ...list[2]!.params, ...change } });

  it.each<[string, unknown, string, object]>([
    ["a version missing", without(2), "invalid-params", { field: "versions[2].version" }],
    ["the first missing", without(0), "invalid-params", { field: "versions[0].version" }],
    [
      "a version twice",
      [...list, list.at(-1)],
      "invalid-params",
      { field: `versions[${list.length}].version` },
    ],
    ["another order", list.toReversed(), "invalid-params", { field: "versions[0].version" }],
    ["no version", { params: [] }, "invalid-params", { field: "versions" }],
    [
      "more pages",
      { params: list, pagination: { next_key: "AAA=" } },
      "invalid-json",
      { path: "params.pagination.next_key" },
    ],
    ["no number", changed({ version: null }), "invalid-json", { path: "params[2].version" }],
    ["no parameters", changed({ params: null }), "invalid-json", { path: "params[2].params" }],
    [
      "a quorum of text",
      changedIn({ covenant_quorum: "six" }),
      "invalid-json",
      { path: "params[2].params.covenant_quorum" },
    ],
    ["a key that is cut", changedIn({ covenant_pks: ["aa"] }), "invalid-hex", {}],
    ["a script in hexadecimal", changedIn({ slashing_pk_script: "6a0" }), "invalid-json", {}],
    ["a rate above 1", changedIn({ slashing_rate: "1.1" }), "invalid-rate", {}],
  ])("are refused with %s", (_what, json, code, details) => {
    expect(() => parseParamSet(json, AS)).toThrow(at(code, details));
  });
});
