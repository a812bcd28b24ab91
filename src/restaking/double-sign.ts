import { TapstakeError } from "../core/errors.js";
import { worstLossOf } from "./exposure.js";
import { compare, type Fraction, fraction } from "./fraction.js";
import type { RestakingGraph } from "./graph.js";
import { poolsAfter } from "./layers.js";
import { modelOf, powerOf, worths } from "./model.js";
import { edgesOfPools, placesOf } from "./places.js";

/** Who loses what when an operator signs twice. */
export interface DoubleSign {
  readonly operator: string;
  readonly pools: readonly PoolLoss[];
  /** All pools together, of each asset. */
  readonly totals: readonly {
    readonly asset: string;
    readonly backing: bigint;
    readonly loss: bigint;
    readonly locked: bigint;
  }[];
  readonly services: readonly ServiceLoss[];
}

/** What a fault of the operator does to a pool. */
export interface PoolLoss {
  readonly pool: string;
  readonly asset: string;
  readonly amount: bigint;
  /** The operator's own stake, not a staker's. */
  readonly isOwn: boolean;
  /** What no longer stands behind any service: all of it, where a slashing spends the pool. */
  readonly backingLost: bigint;
  /** What its holder loses. */
  readonly loss: bigint;
  readonly lossShare: Fraction;
  /** What its holder keeps and cannot move, for so many blocks. */
  readonly locked: bigint;
  readonly lockedBlocks: number;
}

/** What a service is left with: in the unit of profits × `scale`. */
export interface ServiceLoss {
  readonly service: string;
  readonly before: bigint;
  readonly after: bigint;
  readonly left: Fraction;
  /** The least of 1/3, 1/2 and 2/3 of its former stake that it falls below. Null where it keeps 2/3. */
  readonly fallsBelow: Fraction | null;
}

const SHARES: readonly Fraction[] = [
  [1n, 3n],
  [1n, 2n],
  [2n, 3n],
];

/**
 * Who loses what when an operator signs twice: in all its services, or in one. The key that it leaks spends a pool
 * whole, for every service that the pool stands behind.
 * @throws TapstakeError `unknown-name`
 */
export function doubleSign(graph: RestakingGraph, operator: string, service?: string): DoubleSign {
  assertName(graph, "operators", operator);
  if (service !== undefined) assertName(graph, "services", service);
  const edgesOf = edgesOfPools(graph);
  const pools: PoolLoss[] = [];
  /** What pools lose of their backing, by their numbers. */
  const lost = new Map<number, bigint>();
  for (const [at, pool] of graph.pools.entries()) {
    const hit = edgesOf(at).filter(
      (edge) => edge.operator === operator && (service === undefined || edge.service === service),
    );
    const [first] = hit;
    if (!first) continue;
    const loss = worstLossOf(pool, hit);
    const spends = first.onSlash === "spend-pool";
    const backingLost = spends ? pool.amount : loss;
    const lockedBlocks = hit.reduce((most, edge) => Math.max(most, edge.loss.lockedBlocks ?? 0), 0);
    lost.set(at, backingLost);
    pools.push({
      pool: pool.id,
      asset: pool.asset,
      amount: pool.amount,
      isOwn: pool.owner === operator,
      backingLost,
      loss,
      lossShare: fraction(loss, pool.amount === 0n ? 1n : pool.amount),
      locked: spends ? pool.amount - loss : 0n,
      lockedBlocks,
    });
  }
  return { operator, pools, totals: totalsOf(pools), services: servicesAfter(graph, operator, lost) };
}

function totalsOf(pools: readonly PoolLoss[]): DoubleSign["totals"] {
  const totals = new Map<string, DoubleSign["totals"][number]>();
  for (const { asset, backingLost, loss, locked } of pools) {
    const before = totals.get(asset) ?? { asset, backing: 0n, loss: 0n, locked: 0n };
    totals.set(asset, {
      asset,
      backing: before.backing + backingLost,
      loss: before.loss + loss,
      locked: before.locked + locked,
    });
  }
  return [...totals.values()];
}

/** The operator leaves its services. The pools that it lost, and their layers, stand behind the others with what is left. */
function servicesAfter(
  graph: RestakingGraph,
  operator: string,
  lost: ReadonlyMap<number, bigint>,
): ServiceLoss[] {
  const { worth } = worths(graph);
  const { pools, services, byPool } = placesOf(graph);
  const rests = poolsAfter(graph.pools, lost);
  const after = graph.services.map(() => 0n);
  for (const i of byPool) {
    const [edge, at] = [graph.edges[i]!, pools[i]!];
    if (edge.operator === operator && lost.has(at)) continue;
    const power = powerOf(edge, graph.services[services[i]!]!.basis);
    const rest = rests[at]!.amount;
    const capped = power < rest ? power : rest;
    after[services[i]!]! += capped * worth.get(graph.pools[at]!.asset)!;
  }
  return modelOf(graph).services.flatMap(({ id, power: before }, i) => {
    const rest = after[i]!;
    if (rest === before) return [];
    const left = fraction(rest, before);
    const fallsBelow = SHARES.find((share) => compare(left, share) < 0) ?? null;
    return { service: id, before, after: rest, left, fallsBelow };
  });
}

/** @throws TapstakeError `unknown-name` */
export function assertName(
  graph: RestakingGraph,
  list: "operators" | "services" | "pools",
  id: string,
): void {
  if (graph[list].some((each) => each.id === id)) return;
  const what = list.slice(0, -1);
  throw new TapstakeError("unknown-name", `the graph has no ${what} ${id}`, { name: id, list });
}
