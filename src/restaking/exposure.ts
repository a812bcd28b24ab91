import { type Fraction, fraction, sum } from "./fraction.js";
import type { Edge, Pool, RestakingGraph } from "./graph.js";
import { poolsAfter } from "./layers.js";
import { lossOf, worths } from "./model.js";
import { edgesOfPools, placesOf } from "./places.js";

/** What a stake stands for, and what it can lose. Amounts are in the pool's asset. */
export interface PoolExposure {
  readonly pool: string;
  readonly asset: string;
  readonly amount: bigint;
  readonly owner?: string;
  /** To each service, by each operator. */
  readonly to: readonly {
    readonly service: string;
    readonly operator: string;
    readonly weight: bigint;
    readonly slashable: bigint;
    /** What a slashing by this service takes. */
    readonly loss: bigint;
    readonly veto: boolean;
  }[];
  /** What of the worst loss comes from slashings of other pools that hold the same coins, in layers. Absent without. */
  readonly byLayers?: bigint;
  /** What is lost when all services slash all operators of the pool. */
  readonly worstLoss: bigint;
  readonly worstShare: Fraction;
}

/** Stake that two services share. */
export interface Overlap {
  readonly services: readonly [string, string];
  /** The worth of the pools that stand behind both. */
  readonly shared: bigint;
  /** The part of the first one's stake that also stands behind the second, and the other way round. */
  readonly shares: readonly [Fraction, Fraction];
}

/** What each pool that is in force stands for, or a pool above or below it. Pools behind no service are left out. */
export function exposures(graph: RestakingGraph): PoolExposure[] {
  const edgesOf = edgesOfPools(graph);
  const direct = graph.pools.map((pool, i) => worstLossOf(pool, edgesOf(i)));
  const after = poolsAfter(graph.pools, new Map(direct.entries()));
  return graph.pools.flatMap((pool, i) => {
    const edges = edgesOf(i);
    const worstLoss = pool.amount - after[i]!.amount;
    const byLayers = worstLoss - direct[i]!;
    if (edges.length === 0 && byLayers === 0n) return [];
    return {
      pool: pool.id,
      asset: pool.asset,
      amount: pool.amount,
      ...(pool.owner !== undefined && { owner: pool.owner }),
      to: edges.map((edge) => {
        const { service, operator, weight, slashable, veto } = edge;
        return { service, operator, weight, slashable, loss: lossOf(edge, pool), veto };
      }),
      ...(byLayers > 0n && { byLayers }),
      worstLoss,
      worstShare: fraction(worstLoss, pool.amount === 0n ? 1n : pool.amount),
    };
  });
}

/** What slashings over these edges of a pool take together. */
export function worstLossOf(pool: Pool, edges: readonly Edge[]): bigint {
  if (edges.length === 0) return 0n;
  const losses = edges.map((edge) => lossOf(edge, pool));
  if (edges[0]?.onSlash === "spend-pool") return losses.reduce((a, b) => (a > b ? a : b));
  const all = sum(losses);
  return all < pool.amount ? all : pool.amount;
}

/** How often {@link overlaps} finds two services behind one pool: beyond millions, it takes minutes. */
export function countOverlaps(graph: RestakingGraph): number {
  const { services, byPool, starts } = placesOf(graph);
  let count = 0;
  for (let at = 0; at < graph.pools.length; at++) {
    const own = new Set(byPool.subarray(starts[at], starts[at + 1]).map((i) => services[i]!)).size;
    count += (own * (own - 1)) / 2;
  }
  return count;
}

/** How much of the stake of each two services is the same, for those that share any; in the unit of profits × `scale`. */
export function overlaps(graph: RestakingGraph): { readonly scale: bigint; readonly overlaps: Overlap[] } {
  const { scale, worth } = worths(graph);
  const { services, byPool, starts } = placesOf(graph);
  const count = graph.services.length;
  const behind = graph.services.map(() => 0n);
  /** By the numbers of two services, as one number. */
  const both = new Map<number, bigint>();
  for (const [at, { amount, asset }] of graph.pools.entries()) {
    const value = amount * worth.get(asset)!;
    const own = new Set(byPool.subarray(starts[at], starts[at + 1]).map((i) => services[i]!));
    const sorted = [...own].toSorted((a, b) => a - b);
    sorted.forEach((service, i) => {
      behind[service]! += value;
      for (let j = i + 1; j < sorted.length; j++) {
        const pair = service * count + sorted[j]!;
        both.set(pair, (both.get(pair) ?? 0n) + value);
      }
    });
  }
  const found = [...both]
    .filter(([, shared]) => shared > 0n)
    .map(([pair, shared]): Overlap => {
      const [a, b] = [Math.floor(pair / count), pair % count];
      return {
        services: [graph.services[a]!.id, graph.services[b]!.id],
        shared,
        shares: [fraction(shared, behind[a]!), fraction(shared, behind[b]!)],
      };
    });
  return { scale, overlaps: found };
}
