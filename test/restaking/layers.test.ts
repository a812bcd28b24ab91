import { describe, expect, it } from "vitest";
import { checkGraph } from "../../src/restaking/check.js";
import type { Pool, RestakingGraph } from "../../src/restaking/graph.js";
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
