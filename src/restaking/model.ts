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

/** Mostly the factor is 1, and no new number is needed. */
const scaled = (amount: bigint, factor: bigint): bigint => (factor === 1n ? amount : amount * factor);

/** What an edge counts in its service. */
export const powerOf = (edge: Edge, basis: "weight" | "slashable"): bigint => edge[basis];

const known = new WeakMap<RestakingGraph, Model>();

/** A graph as a {@link Model}: what questions about attacks take. Made once for each graph: a graph does not change. */
export function modelOf(graph: RestakingGraph): Model {
  const there = known.get(graph) ?? newModel(graph);
  known.set(graph, there);
  return there;
}

function newModel(graph: RestakingGraph): Model {
  const { scale, worth } = worths(graph);
  const factors = graph.pools.map(({ asset }) => worth.get(asset)!);
  const powers = powersOf(graph, factors);
  const layers = layersOf(graph);
  const classes = classesOf(graph, layers, factors);
  let total = 0n;
  graph.pools.forEach(({ amount, backedBy }, i) => {
    const own = backedBy ? amount - sum(backedBy.map((each) => each.amount)) : amount;
    total += scaled(own, factors[i]!);
  });
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
    const power = scaled(powerOf(edge, bases[service]!), factors[pools[i]!]!);
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
  const { byPool, starts } = placesOf(graph);
  const merged = new Merged(graph.services.length);
  const classes: StakeClass[] = [];
  const heaps = new Map<string, ClassEdge[]>();
  const edgesOf = classEdges(graph);
  graph.pools.forEach((pool, at) => {
    if (starts[at] === starts[at + 1]) return;
    const factor = factors[at]!;
    const edges = edgesOf(at, factor);
    const isOwn = pool.owner !== undefined;
    const heap = layers.get(pool.id);
    if (heap !== undefined) {
      const there = heaps.get(heap);
      if (!there) heaps.set(heap, edges);
      else for (const edge of edges) there.push(edge);
      return;
    }
    const { onSlash, shares } = graph.edges[byPool[starts[at]!]!]!;
    const cap = scaled(pool.amount, factor);
    const isUniform = edges.every(({ loss }) => loss === edges[0]!.loss);
    const isWhole = isUniform && (onSlash === "spend-pool" || edges[0]!.loss === cap);
    if (shares === "unique") for (const edge of edges) merged.add([edge], isOwn);
    else if (isWhole) merged.add(edges, isOwn);
    else classes.push({ edges, cost: onSlash === "spend-pool" ? "once" : "sum", cap, isOwn });
  });
  for (const edges of heaps.values()) classes.push({ edges, cost: "once", cap: 0n, isOwn: false });
  return [...classes, ...merged.classes].filter(({ edges }) =>
    edges.some(({ power, loss }) => power > 0n || loss > 0n),
  );
}

/** The edges of a pool by its number, with its operators and services in numbers. */
function classEdges(graph: RestakingGraph): (pool: number, factor: bigint) => ClassEdge[] {
  const { operators, services, byPool, starts } = placesOf(graph);
  const bases = graph.services.map(({ basis }) => basis);
  return (at, factor) => {
    const pool = graph.pools[at]!;
    const made: ClassEdge[] = [];
    let before: Edge | undefined;
    for (let place = starts[at]!; place < starts[at + 1]!; place++) {
      const i = byPool[place]!;
      const edge = graph.edges[i]!;
      const service = services[i]!;
      // Mostly all edges of a pool lose the same.
      const isAlike = before?.loss === edge.loss && before.slashable === edge.slashable;
      const loss = isAlike ? made.at(-1)!.loss : scaled(lossOf(edge, pool), factor);
      const power = scaled(powerOf(edge, bases[service]!), factor);
      made.push({ operator: operators[i]!, service, power, loss });
      before = edge;
    }
    return made;
  };
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Pools with the same edges, and one loss for an attack over any of them, are lost together. */
class Merged {
  readonly classes: (StakeClass & { readonly edges: Mutable<ClassEdge>[] })[] = [];
  readonly #services: number;
  readonly #roots = { own: newStep(), others: newStep() };

  constructor(services: number) {
    this.#services = services;
  }

  add(edges: readonly ClassEdge[], isOwn: boolean): void {
    const sorted =
      edges.length === 1 ? edges : edges.toSorted((a, b) => a.operator - b.operator || a.service - b.service);
    let step = this.#roots[isOwn ? "own" : "others"];
    for (const { operator, service } of sorted) {
      const pair = operator * this.#services + service;
      let next = step.next.get(pair);
      if (!next) step.next.set(pair, (next = newStep()));
      step = next;
    }
    if (step.edges) {
      sorted.forEach(({ power, loss }, i) => {
        const edge = step.edges![i]!;
        edge.power += power;
        edge.loss += loss;
      });
      return;
    }
    step.edges = sorted.map((edge) => ({ ...edge }));
    this.classes.push({ edges: step.edges, cost: "once", cap: 0n, isOwn });
  }
}

/** A tree of edges: the way to a step names a class's pairs of operator and service. */
interface Step {
  readonly next: Map<number, Step>;
  edges?: Mutable<ClassEdge>[];
}

const newStep = (): Step => ({ next: new Map() });

/** Pools that hold the same coins in layers, where more than one of them can be attacked: by name, their heap. */
function layersOf(graph: RestakingGraph): ReadonlyMap<string, string> {
  const { pools } = graph;
  const heap = new Map<string, string>();
  if (!pools.some(({ backedBy = [] }) => backedBy.length > 0)) return heap;
  const { starts } = placesOf(graph);
  const below = new Map(pools.map(({ id, backedBy = [] }) => [id, backedBy.map(({ pool }) => pool)]));
  const attacked = new Set(pools.flatMap(({ id }, i) => (starts[i]! < starts[i + 1]! ? [id] : [])));
  const leads = aboveOf(below, attacked);
  const root = (id: string): string => {
    let at = id;
    for (let up = heap.get(at) ?? at; up !== at; up = heap.get(at) ?? at) {
      heap.set(at, heap.get(up) ?? up);
      at = up;
    }
    return at;
  };
  const join = (a: string, b: string) => {
    heap.set(root(b), root(a));
    heap.set(root(a), root(a));
  };
  /** Layers that cannot be attacked themselves: each is gone through once, from the pool that came first. */
  const from = new Map<string, string>();
  for (const id of attacked) {
    const left = [...below.get(id)!];
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      if (!leads.has(next)) continue;
      const joined = attacked.has(next) ? next : from.get(next);
      if (joined !== undefined) join(id, joined);
      else {
        from.set(next, id);
        for (const each of below.get(next)!) left.push(each);
      }
    }
  }
  return new Map([...heap.keys()].map((id) => [id, root(id)]));
}

/** Some pools, and all that hold their coins in layers. */
function aboveOf(
  below: ReadonlyMap<string, readonly string[]>,
  some: ReadonlySet<string>,
): ReadonlySet<string> {
  const above = new Map([...below.keys()].map((id) => [id, [] as string[]]));
  for (const [id, under] of below) for (const each of under) above.get(each)!.push(id);
  const all = new Set(some);
  // The set grows while it is gone through.
  for (const id of all) for (const each of above.get(id)!) all.add(each);
  return all;
}
