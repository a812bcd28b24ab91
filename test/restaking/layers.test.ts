import { describe, expect, it } from "vitest";
import { cascade } from "../../src/restaking/cascade.js";
import { checkGraph } from "../../src/restaking/check.js";
import { doubleSign } from "../../src/restaking/double-sign.js";
import { exposures } from "../../src/restaking/exposure.js";
import type { Pool, RestakingGraph } from "../../src/restaking/graph.js";
import { poolsAfter } from "../../src/restaking/layers.js";
import { modelOf } from "../../src/restaking/model.js";
import { randomOf, runs } from "../support/runs.js";
import { plainEdge } from "./support/graphs.js";

/** Layers of pools, each above some of those before it. Each attacked pool has an operator of its own, by its number. */
function layered(below: readonly (readonly number[])[], attacked: ReadonlySet<number>): RestakingGraph {
  const pools = below.map((under, i): Pool => {
    const backedBy = under.map((each) => ({ pool: `p${each}`, amount: 1n }));
    return { id: `p${i}`, asset: "coin", kind: "vault", amount: 1_000_000n, backedBy };
  });
  return {
    assets: [{ id: "coin", decimals: 0 }],
    pools,
    operators: pools.map((_, i) => ({ id: `o${i}` })),
    services: [{ id: "s", profit: 1n, alpha: [1n, 2n], basis: "weight", tie: "safe" }],
    edges: [...attacked].map((i) => plainEdge(`p${i}`, `o${i}`, "s", 1_000_000n)),
  };
}

/** The pools that are lost together, by their numbers, in the model. */
const heapsOf = (graph: RestakingGraph): string[] =>
  modelOf(graph)
    .classes.map(({ edges }) => edges.map(({ operator }) => operator).toSorted((a, b) => a - b))
    .map((heap) => heap.join(" "))
    .toSorted();

/** The same by the definition: who stands above whom, until nothing changes. */
function heapsByDefinition(below: readonly (readonly number[])[], attacked: ReadonlySet<number>): string[] {
  const under = below.map((direct) => new Set(direct));
  for (const all of under) for (const each of all) for (const next of below[each]!) all.add(next);
  const heaps = [...attacked].map((each) => new Set([each]));
  for (const a of attacked) {
    for (const b of attacked) {
      if (!under[a]!.has(b)) continue;
      const [one, other] = [a, b].map((each) => heaps.find((heap) => heap.has(each))!);
      if (one === other) continue;
      for (const each of other!) one!.add(each);
      heaps.splice(heaps.indexOf(other!), 1);
    }
  }
  return heaps.map((heap) => [...heap].toSorted((a, b) => a - b).join(" ")).toSorted();
}

describe("pools in layers", () => {
  it("are lost together where one that can be attacked stands above another", () => {
    const random = randomOf("layers");
    for (let run = 0; run < runs(4_000); run++) {
      const count = 1 + random.below(9);
      const below = Array.from({ length: count }, (_, i) =>
        Array.from({ length: i }, (_entry, j) => j).filter(() => random.below(4) === 0),
      );
      const attacked = new Set(below.flatMap((_, i) => (random.below(2) === 0 ? [i] : [])));
      const graph = layered(below, attacked);
      checkGraph(graph);
      expect(heapsOf(graph), JSON.stringify([below, [...attacked]])).toEqual(
        heapsByDefinition(below, attacked),
      );
    }
  });

  it("of any number, and of many ways down, are gone through once", () => {
    const count = 20_000;
    const chain = Array.from({ length: count }, (_, i) => (i === 0 ? [] : [i - 1]));
    const all = new Set(chain.keys());
    expect(heapsOf(layered(chain, all))).toHaveLength(1);
    expect(heapsOf(layered(chain, new Set([0, count - 1])))).toEqual([`0 ${count - 1}`]);
    // Two ways down at each step: 2^n ways in all.
    const wide = Array.from({ length: 200 }, (_, i) => (i < 2 ? [] : [2 * (i >> 1) - 2, 2 * (i >> 1) - 1]));
    expect(heapsOf(layered(wide, new Set([0, 199])))).toEqual(["0 199"]);
  });
});

/** A vault of 100, of which an adapter holds 60; each has an operator and a service of its own. */
const VAULT: RestakingGraph = {
  assets: [{ id: "coin", decimals: 0 }],
  pools: [
    { id: "vault", asset: "coin", kind: "vault", amount: 100n },
    {
      id: "adapter",
      asset: "coin",
      kind: "adapter",
      amount: 60n,
      backedBy: [{ pool: "vault", amount: 60n }],
    },
  ],
  operators: [{ id: "a" }, { id: "b" }],
  services: ["s", "t"].map((id) => ({ id, profit: 10n, alpha: [1n, 2n], basis: "slashable", tie: "safe" })),
  edges: [
    { ...plainEdge("vault", "a", "s", 100n), onSlash: "reduce-pool" },
    { ...plainEdge("adapter", "b", "t", 60n), onSlash: "reduce-pool", shares: "unique" },
  ],
};

describe("a loss in a layer", () => {
  it("below takes the coins of those above", () => {
    expect(cascade(VAULT, { operators: ["a"] })).toMatchObject({
      shock: 100n,
      lost: 100n,
      total: 100n,
      emptied: ["s", "t"],
    });
    expect(doubleSign(VAULT, "a").services).toMatchObject([
      { service: "s", before: 100n, after: 0n },
      { service: "t", before: 60n, after: 0n },
    ]);
  });

  it("above takes the coins of those below, and no others", () => {
    expect(cascade(VAULT, { operators: ["b"] })).toMatchObject({ shock: 60n, lost: 60n, emptied: ["t"] });
    expect(doubleSign(VAULT, "b").services).toMatchObject([
      { service: "s", before: 100n, after: 40n },
      { service: "t", before: 60n, after: 0n },
    ]);
    const [vault, adapter] = VAULT.pools;
    const other = { ...adapter!, id: "other", amount: 30n, backedBy: [{ pool: "vault", amount: 30n }] };
    const after = poolsAfter([vault!, adapter!, other], new Map([[1, 15n]]));
    expect(after.map(({ amount }) => amount)).toEqual([85n, 45n, 30n]);
    expect(after.map(({ backedBy }) => backedBy?.[0]!.amount)).toEqual([undefined, 45n, 30n]);
  });

  it("is part of what a stake stands for", () => {
    const [, edge] = VAULT.edges;
    const half = { ...edge!, loss: { rate: [1n, 2n] as const, fee: 0n } };
    expect(exposures({ ...VAULT, edges: [half] })).toMatchObject([
      { pool: "vault", to: [], byLayers: 30n, worstLoss: 30n, worstShare: [3n, 10n] },
      { pool: "adapter", worstLoss: 30n, worstShare: [1n, 2n] },
    ]);
  });

  it("never leaves more than there was, and counts each coin once", () => {
    const random = randomOf("losses in layers");
    for (let run = 0; run < runs(2_000); run++) {
      const pools: Pool[] = [];
      const free: bigint[] = [];
      for (let i = 0; i < 1 + random.below(6); i++) {
        const backedBy = pools.flatMap(({ id }, j) => {
          const amount = BigInt(random.below(Number(free[j]!) + 1));
          if (random.below(2) === 0) return [];
          free[j]! -= amount;
          return [{ pool: id, amount }];
        });
        const amount = backedBy.reduce((all, each) => all + each.amount, BigInt(random.below(20)));
        pools.push({ id: `p${i}`, asset: "coin", kind: "vault", amount, backedBy });
        free.push(amount);
      }
      const own = ({ amount, backedBy = [] }: Pool) =>
        amount - backedBy.reduce((all, each) => all + each.amount, 0n);
      const lost = new Map(pools.map(({ amount }, i) => [i, BigInt(random.below(Number(amount) + 1))]));
      expect(poolsAfter(pools, new Map())).toEqual(pools);
      const after = poolsAfter(pools, lost);
      const told = JSON.stringify({ pools, lost: [...lost], after }, (_, each: unknown) =>
        typeof each === "bigint" ? `${each}` : each,
      );
      checkGraph({
        assets: [{ id: "coin", decimals: 0 }],
        pools: after,
        operators: [],
        services: [],
        edges: [],
      });
      for (const [i, pool] of after.entries()) {
        // Parts are rounded: by less than a unit for each pool below and above.
        expect(own(pool) >= 0n && own(pool) <= own(pools[i]!) + 6n, told).toBe(true);
        expect(pool.amount <= pools[i]!.amount - lost.get(i)!, told).toBe(true);
      }
    }
  });
});
