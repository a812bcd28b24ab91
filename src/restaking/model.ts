import type { Fraction } from "./fraction.js";
import { gcd, sum, timesRounded, timesUp } from "./fraction.js";
import type { Edge, Pool, RestakingGraph } from "./graph.js";
import { placesOf } from "./places.js";

/**
 * A graph as the questions about attacks need it: numbers in place of names, and money in one unit. Stakes that are lost
 * together are one {@link StakeClass}, so a provider's hundred thousand delegations are one.
 */
export interface Model {
  /** How many of the model's units the unit of profits has: it makes all amounts whole. */
  readonly scale: bigint;
  readonly operators: readonly string[];
  readonly services: readonly ModelService[];
  readonly classes: readonly StakeClass[];
  /** All coins, each once however many layers hold it. */
  readonly total: bigint;
  /** Each operator has one stake, which is lost whole with the first attack that it joins: the article's model. */
  readonly isPlain: boolean;
  /** A pool and a layer above it can both be attacked here: then costs are counted too low, never too high. */
  readonly costsAreLeast: boolean;
}

/** A service of a model, with its stake. */
export interface ModelService {
  readonly id: string;
  /** Null where it is unknown. */
  readonly profit: bigint | null;
  readonly alpha: Fraction;
  readonly tieIsAttack: boolean;
  /** All its stake. */
  readonly power: bigint;
  /** The stake of each of its operators, by the operator's number. */
  readonly powers: ReadonlyMap<number, bigint>;
}

/** Stake that is lost together. */
export interface StakeClass {
  readonly edges: readonly ClassEdge[];
  /**
   * What an attack over some of its edges loses: `once`, the greatest of their losses; `sum`, their sum up to `cap`.
   */
  readonly cost: "once" | "sum";
  readonly cap: bigint;
  /** An operator's own stake. */
  readonly isOwn: boolean;
}

/** One operator of a class in one service. */
export interface ClassEdge {
  readonly operator: number;
  readonly service: number;
  readonly power: bigint;
  readonly loss: bigint;
}

/** Whether an edge's operator has stake in its service, over any pool: without, no attack needs the operator there. */
export const hasPower = ({ services }: Model, { operator, service }: ClassEdge): boolean =>
  (services[service]!.powers.get(operator) ?? 0n) > 0n;

/** What an asset's amounts are multiplied by: exact, in the model's unit. */
export function worths({ assets }: RestakingGraph): { scale: bigint; worth: ReadonlyMap<string, bigint> } {
  let scale = 1n;
  for (const { value } of assets) if (value) scale *= value[1] / gcd(scale, value[1]);
  const worth = assets.map(({ id, value = [1n, 1n] }) => [id, (value[0] * scale) / value[1]] as const);
  return { scale, worth: new Map(worth) };
}

/** What a slashing over one edge takes from its pool, in the asset's unit. */
export function lossOf({ slashable, loss, onSlash }: Edge, pool: Pool): bigint {
  const [base, part] =
    onSlash === "spend-pool"
      ? [pool.amount, timesRounded(pool.amount, loss.rate)]
      : [slashable, timesUp(slashable, loss.rate)];
  const all = part + loss.fee;
  return all < base ? all : base;
}

/** What an edge counts in its service. */
export const powerOf = (edge: Edge, basis: "weight" | "slashable"): bigint => edge[basis];

/** A graph as a {@link Model}: what questions about attacks take. */
export function modelOf(graph: RestakingGraph): Model {
  const { scale, worth } = worths(graph);
  const factors = graph.pools.map(({ asset }) => worth.get(asset)!);
  const powers = powersOf(graph, factors);
  const layers = layersOf(graph);
  const classes = classesOf(graph, layers, factors);
  const total = sum(
    graph.pools.map(
      ({ amount, backedBy }, i) =>
        (backedBy ? amount - sum(backedBy.map((each) => each.amount)) : amount) * factors[i]!,
    ),
  );
  return {
    scale,
    operators: graph.operators.map(({ id }) => id),
    services: graph.services.map(({ id, profit, alpha, tie }, i) => ({
      id,
      profit: profit === null ? null : profit * scale,
      alpha,
      tieIsAttack: tie === "attack",
      power: sum(powers[i]!.values()),
      powers: powers[i]!,
    })),
    classes,
    total,
    isPlain: layers.size === 0 && arePlain(classes),
    costsAreLeast: layers.size > 0,
  };
}

function arePlain(classes: readonly StakeClass[]): boolean {
  const seen = new Set<number>();
  return classes.every(({ edges, cost }) => {
    const [{ operator, loss }] = edges as [ClassEdge];
    if (seen.has(operator) || cost !== "once") return false;
    seen.add(operator);
    return edges.every((edge) => edge.operator === operator && edge.loss === loss && edge.power === loss);
  });
}

/** The stake of each operator in each service, by their numbers. */
function powersOf(graph: RestakingGraph, factors: readonly bigint[]): ReadonlyMap<number, bigint>[] {
  const { pools, operators, services } = placesOf(graph);
  const powers = graph.services.map(() => new Map<number, bigint>());
  const bases = graph.services.map(({ basis }) => basis);
  graph.edges.forEach((edge, i) => {
    if (edge.pending) return;
    const service = services[i]!;
    const power = powerOf(edge, bases[service]!) * factors[pools[i]!]!;
    const own = powers[service]!;
    own.set(operators[i]!, (own.get(operators[i]!) ?? 0n) + power);
  });
  return powers;
}

/** One pool's edges after another: of 200,000 pools, no list holds more than the classes that they merge into. */
function classesOf(
  graph: RestakingGraph,
  layers: ReadonlyMap<string, string>,
  factors: readonly bigint[],
): StakeClass[] {
  const { operators, services, byPool, starts } = placesOf(graph);
  const merged = new Map<string, Merged>();
  const classes: StakeClass[] = [];
  const heaps = new Map<string, ClassEdge[]>();
  graph.pools.forEach((pool, at) => {
    const [from, to] = [starts[at]!, starts[at + 1]!];
    if (from === to) return;
    const factor = factors[at]!;
    const edges = Array.from(byPool.subarray(from, to), (i): ClassEdge => {
      const [edge, service] = [graph.edges[i]!, services[i]!];
      const power = powerOf(edge, graph.services[service]!.basis) * factor;
      return { operator: operators[i]!, service, power, loss: lossOf(edge, pool) * factor };
    });
    const isOwn = pool.owner !== undefined;
    const heap = layers.get(pool.id);
    if (heap !== undefined) {
      heaps.set(heap, [...(heaps.get(heap) ?? []), ...edges]);
      return;
    }
    const { onSlash, shares } = graph.edges[byPool[from]!]!;
    const cap = pool.amount * factor;
    const isUniform = edges.every(({ loss }) => loss === edges[0]!.loss);
    const isWhole = isUniform && (onSlash === "spend-pool" || edges[0]!.loss === cap);
    if (shares === "unique") for (const edge of edges) merge(merged, [edge], isOwn);
    else if (isWhole) merge(merged, edges, isOwn);
    else classes.push({ edges, cost: onSlash === "spend-pool" ? "once" : "sum", cap, isOwn });
  });
  for (const edges of heaps.values()) classes.push({ edges, cost: "once", cap: 0n, isOwn: false });
  const once = [...merged.values()].map((each) => ({ ...each, cost: "once" as const }));
  return [...classes, ...once].filter(({ edges }) =>
    edges.some(({ power, loss }) => power > 0n || loss > 0n),
  );
}

interface Merged {
  readonly edges: { operator: number; service: number; power: bigint; loss: bigint }[];
  readonly cap: bigint;
  readonly isOwn: boolean;
}

/** Pools with the same edges, and one loss for an attack over any of them, are lost together. */
function merge(into: Map<string, Merged>, edges: readonly ClassEdge[], isOwn: boolean): void {
  const sorted =
    edges.length === 1 ? edges : edges.toSorted((a, b) => a.operator - b.operator || a.service - b.service);
  let key = isOwn ? "own" : "";
  for (const { operator, service } of sorted) key += `;${operator},${service}`;
  const there = into.get(key);
  if (!there) {
    into.set(key, { edges: sorted.map((edge) => ({ ...edge })), cap: 0n, isOwn });
    return;
  }
  sorted.forEach(({ power, loss }, i) => {
    const edge = there.edges[i]!;
    edge.power += power;
    edge.loss += loss;
  });
}

/** Pools that hold the same coins in layers, where more than one of them can be attacked: by name, their heap. */
function layersOf(graph: RestakingGraph): ReadonlyMap<string, string> {
  const { pools } = graph;
  const heap = new Map<string, string>();
  if (!pools.some(({ backedBy = [] }) => backedBy.length > 0)) return heap;
  const byId = new Map(pools.map((pool) => [pool.id, pool]));
  const { starts } = placesOf(graph);
  const edgesOf = new Set(pools.flatMap(({ id }, i) => (starts[i]! < starts[i + 1]! ? [id] : [])));
  const root = (id: string): string => {
    const up = heap.get(id);
    return up === undefined || up === id ? id : root(up);
  };
  for (const pool of pools) {
    if (!edgesOf.has(pool.id)) continue;
    const below = (pool.backedBy ?? []).map((each) => each.pool);
    for (let id = below.pop(); id !== undefined; id = below.pop()) {
      if (edgesOf.has(id)) {
        heap.set(root(id), root(pool.id));
        heap.set(root(pool.id), root(pool.id));
      }
      below.push(...(byId.get(id)!.backedBy ?? []).map((each) => each.pool));
    }
  }
  return new Map([...heap.keys()].map((id) => [id, root(id)]));
}
