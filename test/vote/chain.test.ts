import { describe, expect, it } from "vitest";
import { assertChainConfig, type ChainConfig } from "../../src/vote/chain.js";
import { refusal } from "../support/refusal.js";

const chain = { id: "bbn-1", minCount: 1 };
const CONTEXT = "ab".repeat(32);
const both = { ...chain, voteContext: CONTEXT, commitContext: "cd".repeat(32) };
const broken = (config: unknown) => () => assertChainConfig(config as ChainConfig);

describe("chain configuration", () => {
  it("is accepted with both contexts, and with neither", () => {
    for (const config of [chain, both, { ...both, popContext: CONTEXT }]) {
      expect(broken(config)).not.toThrow();
    }
  });

  it.each([
    ["voteContext", { ...chain, commitContext: CONTEXT }],
    ["commitContext", { ...chain, voteContext: CONTEXT }],
  ] as const)("is refused without %s beside the other context, by name", (field, config) => {
    const { details, message } = refusal("invalid-argument", broken(config));
    expect(details).toEqual({ chain: "bbn-1", field });
    expect(message).toContain(`without ${field}: give both`);
  });

  it("is refused with a context that is not 64 lower-case hexadecimal digits", () => {
    for (const name of ["voteContext", "commitContext", "popContext"]) {
      for (const context of ["", "ab", CONTEXT.toUpperCase()]) {
        refusal("invalid-hex", broken({ ...both, [name]: context }));
      }
    }
  });

  it("is refused with an id that is not a chain id", () => {
    refusal("invalid-chain-id", broken({ ...chain, id: "" }));
  });
});
