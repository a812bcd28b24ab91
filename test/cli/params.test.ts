import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { paramsObject } from "../../src/params/json.js";
import { paramSets } from "../../src/params/sets.js";
import { inProcess } from "./in-process.js";
import { parsed, temporaryFile } from "./support.js";

interface Shown {
  name: string;
  chainId?: string;
  takenOn?: string;
  ended?: boolean;
  versions: object[];
  shown: Record<string, unknown>;
}

describe.concurrent("tapstake params", () => {
  it("lists every set, as text and as data", async () => {
    const { stdout } = await inProcess(["params"]);
    const { sets } = parsed<{ sets: Shown[] }>(await inProcess(["params", "--json"]));
    expect(sets.map(({ name }) => name)).toEqual([...paramSets.keys()]);
    for (const name of paramSets.keys()) expect(stdout).toMatch(new RegExp(`^${name} \\(Bitcoin `, "m"));
    expect(stdout).toContain("bbn-test-5 (Bitcoin signet, chain bbn-test-5, taken on 2026-11-29, ended)\n");
    expect(stdout).toContain("regtest (Bitcoin regtest)\n");
    for (const shown of sets) {
      const { chainId, takenOn, ended } = paramSets.get(shown.name)!;
      const { chainId: chain, takenOn: day, ended: over } = shown;
      expect([chain, day, over]).toEqual([chainId, takenOn, ended]);
    }
    expect(stdout).toContain("v1  from height 864790 to 874087");
  });

  it("marks the version of every set that is in force at a height", async () => {
    const { stdout } = await inProcess(["params", "--at-height", "864790"]);
    expect(stdout).toContain("v1  from height 864790 to 874087  ← in force");
    const newest = (name: string) => paramSets.get(name)!.versions.length - 1;
    const { sets } = parsed<{ sets: { name: string; inForce: number | null }[] }>(
      await inProcess(["params", "--at-height", "864789", "--json"]),
    );
    expect(sets.map(({ name, inForce }) => [name, inForce])).toEqual([
      ["mainnet", 0],
      ["mainnet-phase1", 0],
      ["testnet", newest("testnet")],
      ["bbn-test-5", newest("bbn-test-5")],
      ["regtest", 0],
    ]);
  });

  it("refuses a version without a set", async () => {
    const { code, stderr } = await inProcess(["params", "--version", "1"]);
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--version needs a set"),
    });
  });

  it("reads the data that it prints back from a file", async () => {
    const { params } = parsed<{ params: object }>(
      await inProcess(["params", "mainnet", "--version", "1", "--json"]),
    );
    const file = temporaryFile("params.json", JSON.stringify(params));
    const again = parsed<{ params: object }>(await inProcess(["params", file, "--json"]));
    expect(again.params).toEqual(params);
  });

  it("refuses a file of anything else", async () => {
    const { code, stderr } = await inProcess(["params", temporaryFile("other.json", '{"name":"other"}')]);
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining("invalid-json") });
  });

  it("shows the newest version by default", async () => {
    const { stdout } = await inProcess(["params", "mainnet"]);
    const { shown, versions } = parsed<Shown>(await inProcess(["params", "mainnet", "--json"]));
    const newest = paramSets.get("mainnet")!.versions.at(-1)!;
    expect(versions).toHaveLength(newest.version + 1);
    expect(shown).toMatchObject({
      ...paramsObject(newest),
      warnings: [],
    });
    expect(stdout).toContain(`\nmainnet v${newest.version}\n`);
  });

  it("shows every field of a version", async () => {
    const asked = ["params", "mainnet", "--at-height", "905634"];
    const { stdout } = await inProcess(asked);
    const { shown } = parsed<Shown>(await inProcess([...asked, "--json"]));
    expect(shown).toMatchObject({
      version: 5,
      slashedTo: { script: "6a07626162796c6f6e", opReturn: "babylon" },
      slashingPercent: "0.1 %",
    });
    expect(stdout).toMatch(/^mainnet \(Bitcoin mainnet, chain bbn-1, taken on \d{4}-\d\d-\d\d\)\n/);
    expect(stdout).toContain("\nmainnet v5\n");
    expect(stdout).toContain("6 of 9 must sign");
    expect(stdout).toContain("0.005 BTC to 5000 BTC");
    expect(stdout).toContain("301 blocks, for a fee of 9600 satoshi");
    expect(stdout).toContain('OP_RETURN "babylon": burnt');
    expect(stdout).toContain("150000 satoshi");
    expect(stdout).toContain("3 %");
  });

  it.each([
    ["864789", 0],
    ["864790", 1],
    ["893361", 3],
    ["893362", 4],
    ["905634", 5],
  ])("shows the version in force at height %s", async (height, version) => {
    const { shown } = parsed<Shown>(await inProcess(["params", "mainnet", "--at-height", height, "--json"]));
    expect(shown["version"]).toBe(version);
  });

  it("shows the fields that only phase 1 has", async () => {
    const { stdout } = await inProcess(["params", "mainnet-phase1", "--version", "0"]);
    expect(stdout).toContain('62626e31 ("bbn1")');
    expect(stdout).toContain("1000 BTC");
    expect(stdout).toContain("none: coins were only locked");
  });

  it("reads published parameters, which do not name their network", async () => {
    const file = temporaryFile(
      "published.json",
      readFileSync(new URL("../vectors/mainnet-phase2-params.json", import.meta.url), "utf8"),
    );
    const { code, stderr } = await inProcess(["params", file]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^tapstake: invalid-network: .* do not say their network/);
    const given = parsed<Shown>(await inProcess(["params", file, "--network", "mainnet", "--json"]));
    const version = `${given.versions.length - 1}`;
    const known = parsed<Shown>(await inProcess(["params", "mainnet", "--version", version, "--json"]));
    expect(given.shown).toEqual(known.shown);
  });

  it("warns of parameters under which a stake cannot be slashed", async () => {
    const [one] = paramSets.get("regtest")!.versions;
    const risky = { ...paramsObject(one!), minValue: "1500" };
    const file = temporaryFile("risky.json", JSON.stringify(risky));
    const { code, stdout } = await inProcess(["params", file]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^warning {2}slashing\.minFee: slashing the unbonding output of the smallest stake/m,
    );
    const { shown } = parsed<Shown>(await inProcess(["params", file, "--json"]));
    expect(shown["warnings"]).not.toEqual([]);
  });

  it.each([
    [["moon"], "unknown-params"],
    [["mainnet", "--version", "999"], "unknown-params"],
    [["mainnet", "--at-height", "857909"], "not-active"],
    [["mainnet", "--network", "regtest"], "wrong-network"],
    [["./missing.json"], "file-error"],
  ])("refuses with a code: %j", async (args, error) => {
    const { code, stdout, stderr } = await inProcess(["params", ...args]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(new RegExp(`^tapstake: ${error}: `));
  });
});
