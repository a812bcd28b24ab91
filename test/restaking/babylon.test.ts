import { beforeAll, describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import type { Delegation } from "../../src/delegation/delegation.js";
import { graphOfChain, graphOfDelegations } from "../../src/restaking/babylon.js";
import { doubleSign } from "../../src/restaking/double-sign.js";
import { provider, wholeLife } from "../support/life.js";

/** Of the answer of a server of bbn-test-5, the fields that count. */
const ROW = {
  btc_pk: "1b443f34ddc1bbaef52a8c5162dfa5a84524636ec745292f949470369ee67391",
  fp_btc_pk_list: ["d23c2c25e1fcf8fd1c21b9a402c19e2e309e531e45e92fb1e9805b6056b0cc76"],
  total_sat: "100000",
  active: true,
  status_desc: "ACTIVE",
};
/** A transaction of one input and one output. */
const EMPTY = `0200000001${"11".repeat(32)}0000000000ffffffff01e80300000000000000${"00".repeat(4)}`;
const RULES = { rate: [1n, 20n], minFee: 5_000n, unbondingTime: 1_008 } as const;

describe("the graph of delegations", () => {
  let delegation: Delegation;

  beforeAll(async () => {
    ({ delegation } = await wholeLife(1_000_000n));
  });

  it("has a pool that ends with its provider's double sign, and loses what its slashing transaction takes", () => {
    const graph = graphOfDelegations([delegation]);
    const key = hex.encode(provider.publicKey);
    const [slashed, refund] = delegation.slashing.transaction.outs;
    expect(graph.pools).toMatchObject([{ kind: "utxo", amount: 1_000_000n, asset: "bitcoin" }]);
    expect(graph.operators).toEqual([{ id: key }]);
    expect(graph.edges[0]).toMatchObject({ weight: 1_000_000n, onSlash: "spend-pool", shares: "pool" });
    const [pool] = doubleSign(graph, key).pools;
    expect(pool).toMatchObject({
      backingLost: 1_000_000n,
      loss: 1_000_000n - refund!.value,
      locked: refund!.value,
    });
    expect(pool!.loss).toBeGreaterThan(slashed!.value);
    expect(pool!.lockedBlocks).toBe(delegation.unbondingTime);
  });

  it("has an edge for each of several providers, and each provider ends the whole stake", () => {
    const second = new Uint8Array(32).fill(2);
    const finalityProviders = [...delegation.terms.finalityProviders, second];
    const graph = graphOfDelegations([{ ...delegation, terms: { ...delegation.terms, finalityProviders } }], {
      service: "chain",
      profit: 5n,
      groups: { [hex.encode(second)]: "Two Ltd" },
    });
    expect(graph.edges).toHaveLength(2);
    expect(graph.services).toMatchObject([{ id: "chain", profit: 5n, alpha: [1n, 3n] }]);
    expect(graph.operators).toContainEqual({ id: hex.encode(second), group: "Two Ltd" });
    expect(doubleSign(graph, hex.encode(second)).pools[0]!.backingLost).toBe(1_000_000n);
  });

  it("refuses a stake of phase 1, which nothing slashes", () => {
    const { slashing: _, ...params } = delegation.params;
    expect(() => graphOfDelegations([{ ...delegation, params }])).toThrow(
      expect.objectContaining({ code: "unsupported-params" }),
    );
  });
});

describe("the graph of the chain's JSON", () => {
  const providers = { finality_providers: [{ btc_pk: ROW.fp_btc_pk_list[0] }, { btc_pk: "AB".repeat(32) }] };

  it("has the active delegations, and the providers without stake", () => {
    const delegations = {
      btc_delegations: [ROW, { ...ROW, status_desc: "UNBONDED" }, { ...ROW, active: false }],
    };
    const graph = graphOfChain({ delegations, providers }, RULES);
    expect(graph.pools).toHaveLength(1);
    expect(graph.operators.map(({ id }) => id)).toEqual(["ab".repeat(32), ROW.fp_btc_pk_list[0]]);
    const [pool] = doubleSign(graph, ROW.fp_btc_pk_list[0]!).pools;
    expect(pool).toMatchObject({ loss: 10_000n, locked: 90_000n, lockedBlocks: 1_008 });
  });

  it("names a delegation by its output, where the row has its transaction", async () => {
    const { staking } = (await wholeLife(1_000_000n)).delegation;
    const [staking_tx_hex, staking_output_idx] = [staking.transaction.toHex(), staking.outputIndex];
    const row = { ...ROW, staking_tx_hex, staking_output_idx };
    const graph = graphOfChain({ delegations: [row] }, RULES);
    expect(graph.pools[0]!.id).toBe(`${staking.transaction.getId()}:${staking.outputIndex}`);
    expect(() => graphOfChain({ delegations: [row, row] }, RULES)).toThrow(/pools\[0\] has the same id/);
  });

  it("takes single answers, and lists without their wrapper", () => {
    const graph = graphOfChain({ delegations: [{ btc_delegation: ROW }] }, RULES);
    expect(graph).toEqual(graphOfChain({ delegations: [ROW] }, RULES));
  });

  it.each([
    ["no list", {}, "btc_delegations"],
    ["null in place of a row", [null], "btc_delegations[0].fp_btc_pk_list"],
    ["a row without providers", [{ ...ROW, fp_btc_pk_list: [] }], "btc_delegations[0].fp_btc_pk_list"],
    ["a short key", [{ ...ROW, fp_btc_pk_list: ["ab"] }], "btc_delegations[0].fp_btc_pk_list"],
    ["an amount as a number", [{ ...ROW, total_sat: 5 }], "btc_delegations[0].total_sat"],
    [
      "no transaction",
      [{ ...ROW, staking_tx_hex: "00", staking_output_idx: 0 }],
      "btc_delegations[0].staking_tx_hex",
    ],
    [
      "an output that is not there",
      [{ ...ROW, staking_tx_hex: EMPTY, staking_output_idx: 1 }],
      "btc_delegations[0].staking_output_idx",
    ],
    ["a negative amount", [{ ...ROW, total_sat: "-5" }], "btc_delegations[0].total_sat"],
  ])("refuses %s", (_name, delegations, path) => {
    expect(() => graphOfChain({ delegations }, RULES)).toThrow(
      expect.objectContaining({ code: "invalid-json", details: { path } }),
    );
  });

  it("refuses a provider without a key", () => {
    expect(() => graphOfChain({ delegations: [], providers: [{}] }, RULES)).toThrow(
      expect.objectContaining({ code: "invalid-json", details: { path: "finality_providers[0].btc_pk" } }),
    );
  });
});
