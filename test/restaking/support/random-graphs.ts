import type { Edge, RestakingGraph } from "../../../src/restaking/graph.js";
import { plainEdge, plainGraph } from "./graphs.js";

interface Random {
  below(limit: number): number;
}

const ALPHAS = [
  [1n, 3n],
  [1n, 2n],
  [2n, 3n],
  [1n, 1n],
] as const;

/** A plain graph of up to so many operators and services. Small stakes make ties and near misses likely. */
export function randomPlain(
  random: Random,
  { operators, services, alpha }: { operators: number; services: number; alpha?: readonly [bigint, bigint] },
): RestakingGraph {
  const count = 1 + random.below(operators);
  const stakes = Array.from({ length: count }, () => BigInt(random.below(13)));
  const all = stakes.map((_, i) => i);
  return plainGraph(
    stakes,
    Array.from({ length: 1 + random.below(services) }, () => ({
      profit: BigInt(random.below(16)),
      alpha: alpha ?? ALPHAS[random.below(ALPHAS.length)]!,
      by: all.filter(() => random.below(5) < 3),
      tie: random.below(4) === 0 ? "attack" : "safe",
    })),
  );
}

/** A graph of any kind of pool, with few edges: several operators behind a pool, rates, fees, sums with a cap. */
export function randomMixed(random: Random): RestakingGraph {
  const operators = 1 + random.below(3);
  const services = 1 + random.below(3);
  const edges: Edge[] = [];
  const pools: RestakingGraph["pools"][number][] = [];
  while (edges.length < 9 && pools.length < 4) {
    const id = `p${pools.length}`;
    const amount = BigInt(1 + random.below(20));
    pools.push({ id, asset: "coin", kind: "vault", amount, ...(random.below(4) === 0 && { owner: "o0" }) });
    const kind = random.below(3);
    let free = amount;
    for (let o = 0; o < operators; o++) {
      for (let s = 0; s < services; s++) {
        if (random.below(2) === 0 || edges.length >= 11) continue;
        const most = kind === 2 ? free : amount;
        const slashable = BigInt(random.below(Number(most) + 1));
        free -= kind === 2 ? slashable : 0n;
        edges.push({
          ...plainEdge(id, `o${o}`, `s${s}`, amount),
          weight: BigInt(random.below(Number(amount) + 1)),
          slashable,
          loss: { rate: [BigInt(1 + random.below(4)), 4n], fee: BigInt(random.below(3)) },
          shares: kind === 2 ? "unique" : "pool",
          onSlash: kind === 0 ? "spend-pool" : "reduce-pool",
        });
      }
    }
  }
  return {
    assets: [{ id: "coin", decimals: 0 }],
    pools,
    operators: Array.from({ length: operators }, (_, i) => ({ id: `o${i}` })),
    services: Array.from({ length: services }, (_, i) => ({
      id: `s${i}`,
      profit: BigInt(random.below(16)),
      alpha: ALPHAS[random.below(ALPHAS.length)]!,
      basis: random.below(2) === 0 ? "weight" : "slashable",
      tie: random.below(4) === 0 ? "attack" : "safe",
    })),
    edges,
  };
}
