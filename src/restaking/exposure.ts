import { type Fraction, fraction, sum } from "./fraction.js";
import type { Edge, Pool, RestakingGraph } from "./graph.js";
import { lossOf, worths } from "./model.js";
import { edgesOfPools } from "./places.js";

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

/** What each pool that is in force stands for. Pools behind no service are left out. */
export function exposures(graph: RestakingGraph): PoolExposure[] {
  const edgesOf = edgesOfPools(graph);
  return graph.pools.flatMap((pool, i) => {
    const edges = edgesOf(i);
    if (edges.length === 0) return [];
    const worstLoss = worstLossOf(pool, edges);
    return {
      pool: pool.id,
      asset: pool.asset,
      amount: pool.amount,
      ...(pool.owner !== undefined && { owner: pool.owner }),
      to: edges.map((edge) => {
        const { service, operator, weight, slashable, veto } = edge;
        return { service, operator, weight, slashable, loss: lossOf(edge, pool), veto };
      }),
      worstLoss,
      worstShare: fraction(worstLoss, pool.amount === 0n ? 1n : pool.amount),
    };
  });
}

/** What slashings over these edges of a pool take together. */
export function worstLossOf(pool: Pool, edges: readonly Edge[]): bigint {
  const losses = edges.map((edge) => lossOf(edge, pool));
  if (edges[0]?.onSlash === "spend-pool") return losses.reduce((a, b) => (a > b ? a : b));
  const all = sum(losses);
  return all < pool.amount ? all : pool.amount;
}

/** How much of the stake of each two services is the same, for those that share any; in the unit of profits × `scale`. */
export function overlaps(graph: RestakingGraph): { readonly scale: bigint; readonly overlaps: Overlap[] } {
  const { scale, worth } = worths(graph);
  const behind = new Map<string, bigint>();
  const both = new Map<string, { services: [string, string]; shared: bigint }>();
  const order = new Map(graph.services.map(({ id }, i) => [id, i]));
  const edgesOf = edgesOfPools(graph);
  for (const [at, { amount, asset }] of graph.pools.entries()) {
    const edges = edgesOf(at);
    const value = amount * worth.get(asset)!;
    const services = [...new Set(edges.map(({ service }) => service))].toSorted(
      (a, b) => order.get(a)! - order.get(b)!,
    );
    services.forEach((service, i) => {
      behind.set(service, (behind.get(service) ?? 0n) + value);
      for (const other of services.slice(i + 1)) {
        const key = `${order.get(service)},${order.get(other)}`;
        const entry = both.get(key) ?? { services: [service, other], shared: 0n };
        entry.shared += value;
        both.set(key, entry);
      }
    });
  }
  const found = [...both.values()]
    .filter(({ shared }) => shared > 0n)
    .map(({ services, shared }): Overlap => {
      const [a, b] = services.map((service) => fraction(shared, behind.get(service)!)) as [
        Fraction,
        Fraction,
      ];
      return { services, shared, shares: [a, b] };
    });
  return { scale, overlaps: found };
}
