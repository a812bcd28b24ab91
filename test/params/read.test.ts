import { describe, expect, it } from "vitest";
import { mainnet } from "../../src/params/data/mainnet.js";
import { regtest } from "../../src/params/data/regtest.js";
import { paramsObject } from "../../src/params/json.js";
import { readParamSet } from "../../src/params/read.js";
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
