import { writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { chainConfig, loadChains, setChain } from "../../src/finality/chains.js";
import { signingContext } from "../../src/vote/messages.js";
import { homeOfTest } from "../support/home.js";
import { refusal } from "../support/refusal.js";

const finality = "cosmos1jhg0e7s6gn44tfc5k37kr04sznyhedtc9rzys5";
const staking = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";

function homeWith(chains: unknown, version: unknown = 1) {
  const home = homeOfTest();
  const text = typeof chains === "string" ? chains : JSON.stringify({ version, chains });
  writeFileSync(home.chainsFile, text, { mode: 0o600 });
  return home;
}

describe("the chains of a home", () => {
  it("are empty without a file; every chain has defaults", () => {
    const home = homeOfTest();
    expect(loadChains(home).size).toBe(0);
    expect(chainConfig(home, "bbn-1")).toEqual({ id: "bbn-1", minCount: 1 });
  });

  it("have the contexts of their release line, and the minimum count of a commitment", () => {
    const home = homeWith({
      "bbn-1": { minCount: 8192 },
      "v4-1": { contexts: "v4" },
      "v3-1": { contexts: "v3", moduleAddress: finality, stakingModuleAddress: staking },
      "v3-2": { contexts: "v3", moduleAddress: finality },
    });
    expect(chainConfig(home, "bbn-1")).toEqual({ id: "bbn-1", minCount: 8192 });
    expect(chainConfig(home, "v4-1")).toEqual({ id: "v4-1", minCount: 1 });
    expect(chainConfig(home, "v3-1")).toEqual({
      id: "v3-1",
      minCount: 1,
      voteContext: signingContext("fp_fin_vote", "v3-1", finality),
      commitContext: signingContext("fp_rand_commit", "v3-1", finality),
      popContext: signingContext("fp_pop", "v3-1", staking),
    });
    // The module that checks proofs has another address: without it, none is guessed.
    expect(chainConfig(home, "v3-2")).not.toHaveProperty("popContext");
    expect([...loadChains(home).keys()]).toEqual(["bbn-1", "v4-1", "v3-1", "v3-2"]);
  });

  it("may have their contexts in the file", () => {
    const [voteContext, commitContext, popContext] = ["a", "b", "c"].map((digit) => digit.repeat(64));
    const home = homeWith({ bsn: { contexts: "v3", voteContext, commitContext, popContext } });
    expect(chainConfig(home, "bsn")).toEqual({
      id: "bsn",
      minCount: 1,
      voteContext,
      commitContext,
      popContext,
    });
  });

  it("do not include the properties that every object has", () => {
    expect(chainConfig(homeOfTest(), "constructor")).toEqual({ id: "constructor", minCount: 1 });
    expect(chainConfig(homeWith({}), "__proto__")).toEqual({ id: "__proto__", minCount: 1 });
  });

  it.each([
    ["no JSON", "{"],
    ["a list", []],
    ["a count of 0", { a: { minCount: 0 } }],
    ["a count of 1.5", { a: { minCount: 1.5 } }],
    ["a count beyond 32 bits", { a: { minCount: 2 ** 32 } }],
    ["an unknown field", { a: { mincount: 1 } }],
    ["an unknown line", { a: { contexts: "v2" } }],
    ["v3 without an address", { a: { contexts: "v3" } }],
    ["v3 with one context of two", { a: { contexts: "v3", voteContext: "a".repeat(64) } }],
    ["v4 with an address", { a: { contexts: "v4", moduleAddress: finality } }],
    ["an address without a line", { a: { moduleAddress: finality } }],
    ["a context without a line", { a: { voteContext: "a".repeat(64) } }],
    ["a chain id of two words", { "bbn 1": {} }],
    ["a mistyped address", { a: { contexts: "v3", moduleAddress: finality.replace("1j", "1k") } }],
    [
      "a context in capitals",
      { a: { contexts: "v3", voteContext: "A".repeat(64), commitContext: "a".repeat(64) } },
    ],
  ])("are refused with %s", (_, chains) => {
    refusal("invalid-json", () => loadChains(homeWith(chains)));
  });

  it("keep the fields that a change does not name", () => {
    const home = homeOfTest();
    const context = (digit: string) => digit.repeat(64);
    setChain(home, "a", { contexts: "v3", moduleAddress: finality, stakingModuleAddress: finality });
    const before = chainConfig(home, "a");
    expect(setChain(home, "a", { minCount: 500, contexts: undefined })).toEqual({ ...before, minCount: 500 });
    expect(setChain(home, "a", { contexts: "v3" })).toEqual({ ...before, minCount: 500 });
    expect(setChain(home, "a", { contexts: "v4" })).toEqual({ id: "a", minCount: 500 });
    refusal("invalid-json", () => setChain(home, "a", { moduleAddress: finality }));
    const written = { voteContext: context("1"), commitContext: context("2"), popContext: context("3") };
    const chains = { b: { contexts: "v3", ...written } };
    writeFileSync(home.chainsFile, JSON.stringify({ version: 1, chains }), { mode: 0o600 });
    expect(setChain(home, "b", { minCount: 2 })).toEqual({ id: "b", minCount: 2, ...written });
    expect(setChain(home, "b", { moduleAddress: finality })).toEqual({
      id: "b",
      minCount: 2,
      voteContext: signingContext("fp_fin_vote", "b", finality),
      commitContext: signingContext("fp_rand_commit", "b", finality),
      popContext: context("3"),
    });
    expect(setChain(home, "b", { stakingModuleAddress: finality }).popContext).toBe(
      signingContext("fp_pop", "b", finality),
    );
  });

  it("are refused when a later release wrote them, or when others can write them", () => {
    refusal("unknown-version", () => loadChains(homeWith({}, 2)));
    const home = homeOfTest();
    writeFileSync(home.chainsFile, JSON.stringify({ version: 1, chains: {} }), { mode: 0o644 });
    refusal("insecure-permissions", () => loadChains(home));
  });
});
