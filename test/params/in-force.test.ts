import { describe, expect, it } from "vitest";
import { mainnet } from "../../src/params/data/mainnet.js";
import { regtest } from "../../src/params/data/regtest.js";
import { paramsAt, paramsVersion } from "../../src/params/in-force.js";
import { paramSets } from "../../src/params/sets.js";
import { refusal } from "./support.js";

describe("the version in force at a height", () => {
  it.each([
    [857_910, 0],
    [864_789, 0],
    [864_790, 1],
    [874_087, 1],
    [874_088, 2],
    [891_424, 2],
    [891_425, 3],
    [893_361, 3],
    [893_362, 4],
    [905_633, 4],
    [905_634, 5],
  ])("of mainnet at %i is %i", (height, version) => {
    expect(paramsAt(mainnet, height).version).toBe(version);
  });

  it("is the newest version from its activation on, without an end", () => {
    for (const set of paramSets.values()) {
      const newest = set.versions.at(-1)!;
      expect(paramsAt(set, newest.activationHeight)).toBe(newest);
      expect(paramsAt(set, 10_000_000)).toBe(newest);
    }
  });

  it("of regtest exists from the genesis block", () => {
    expect(paramsAt(regtest, 0)).toBe(regtest.versions[0]);
  });

  it("is null before the first activation", () => {
    const error = refusal(() => paramsAt(mainnet, 857_909));
    expect(error.code).toBe("not-active");
    expect(error.details).toEqual({ height: 857_909, firstActivation: 857_910 });
  });

  it("is null in an empty set", () => {
    expect(refusal(() => paramsAt({ ...mainnet, versions: [] }, 900_000)).code).toBe("not-active");
  });

  it.each([-1, 1.5, NaN, Infinity, "900000"])("is refused at an invalid height: %s", (height) => {
    expect(refusal(() => paramsAt(mainnet, height as number)).code).toBe("invalid-number");
  });
});

describe("a parameter set", () => {
  it.each([
    ["its name", "regtest", 'set must be a parameter set, not "regtest"; pass the set itself, not its name'],
    ["nothing", undefined, "set must be a parameter set, not undefined"],
    ["one version of it", regtest.versions[0], "set must be a parameter set, not object"],
  ])("is refused when it is %s", (_, given, message) => {
    for (const read of [paramsAt, paramsVersion]) {
      const error = refusal(() => read(given as never, 0));
      expect([error.code, error.message]).toEqual(["invalid-argument", message]);
    }
  });
});

describe("a version by number", () => {
  it("is the version with that number", () => {
    for (const params of mainnet.versions) expect(paramsVersion(mainnet, params.version)).toBe(params);
  });

  it.each([mainnet.versions.length, -1, 0.5, NaN, "0"])("is refused for %s", (version) => {
    const error = refusal(() => paramsVersion(mainnet, version as number));
    expect([error.code, error.details]).toEqual(["unknown-params", { versions: mainnet.versions.length }]);
  });
});
