import { TapstakeError } from "../core/errors.js";
import { compare, ONE } from "./fraction.js";
import type { Edge, Pool, RestakingGraph } from "./graph.js";
import { placesOf } from "./places.js";

/**
 * The rules of a graph beyond its form: names that are used once and lead somewhere, amounts that a pool has, and layers
 * without a circle. Readers and callers that make graphs pass through it.
 * @throws TapstakeError `invalid-graph`; `details.path` says where
 */
export function checkGraph(graph: RestakingGraph): void {
  const assets = indexed(graph.assets, "assets");
  const pools = indexed(graph.pools, "pools");
  const operators = indexed(graph.operators, "operators");
  indexed(graph.services, "services");
  graph.assets.forEach(({ value }, i) => {
    if (value === undefined && graph.assets.length > 1) {
      refuse(`assets[${i}].value`, "with several assets, each needs a value in the unit of profits");
    }
    if (value && value[0] === 0n) refuse(`assets[${i}].value`, "an asset's value must be above 0");
  });
  graph.services.forEach(({ alpha }, i) => {
    if (alpha[0] === 0n || compare(alpha, ONE) > 0) {
      refuse(`services[${i}].alpha`, "alpha must be above 0 and at most 1");
    }
  });
  graph.pools.forEach(({ asset, owner }, i) => {
    known(assets, asset, `pools[${i}].asset`, "asset");
    if (owner !== undefined) known(operators, owner, `pools[${i}].owner`, "operator");
  });
  checkLayers(graph, pools);
  checkEdges(graph);
}

function checkEdges(graph: RestakingGraph): void {
  const places = placesOf(graph);
  /** By the number of a pool, its first edge; and what its unique edges come to. */
  const first = new Int32Array(graph.pools.length).fill(-1);
  const unique = new Map<number, bigint>();
  const taken = new Set<number | bigint>();
  /** Few differ: the same is not checked again. */
  let checked: Edge["loss"] | undefined;
  const [operators, services] = [graph.operators.length, graph.services.length];
  const isLarge = graph.pools.length * operators * services > Number.MAX_SAFE_INTEGER;
  const placeOf = (i: number) => {
    const [pool, operator, service] = [places.pools[i]!, places.operators[i]!, places.services[i]!];
    return isLarge
      ? (BigInt(pool) * BigInt(operators) + BigInt(operator)) * BigInt(services) + BigInt(service)
      : (pool * operators + operator) * services + service;
  };
  graph.edges.forEach((edge, i) => {
    const at = places.pools[i]!;
    const pool = graph.pools[at]!;
    for (const field of AMOUNTS) {
      if (edge[field] > pool.amount) {
        const message = `${edge[field]} is more than the pool's amount of ${pool.amount}`;
        refuse(`edges[${i}].${field}`, message);
      }
    }
    if (edge.loss !== checked && compare(edge.loss.rate, ONE) > 0) {
      refuse(`edges[${i}].loss.rate`, "the rate must be at most 1");
    }
    checked = edge.loss;
    const other = graph.edges[first[at]!];
    if (!other) first[at] = i;
    else if (other.shares !== edge.shares || other.onSlash !== edge.onSlash) {
      refuse(`edges[${i}]`, "all edges of a pool must have the same shares and the same onSlash");
    }
    if (edge.shares === "unique" && edge.onSlash === "spend-pool") {
      refuse(`edges[${i}].onSlash`, "what spends the whole pool cannot be unique to a service");
    }
    if (other) {
      // Most pools have one edge, and need no place here.
      taken.add(placeOf(first[at]!));
      const before = taken.size;
      if (taken.add(placeOf(i)).size === before) {
        refuse(`edges[${i}]`, "another edge has the same pool, operator and service");
      }
    }
    if (edge.shares !== "unique" || edge.pending) return;
    const total = (unique.get(at) ?? 0n) + edge.slashable;
    if (total > pool.amount) {
      const message = `unique edges of the pool come to ${total}, more than its ${pool.amount}`;
      refuse(`edges[${i}].slashable`, message);
    }
    unique.set(at, total);
  });
}

const AMOUNTS = ["weight", "slashable"] as const;

/** What a pool takes from others is theirs to give, in the same asset, and no pool backs itself. */
function checkLayers({ pools }: RestakingGraph, index: Index): void {
  const drawn = new Map<string, bigint>();
  pools.forEach((pool, i) => {
    let total = 0n;
    const seen = new Set<string>();
    for (const [j, { pool: below, amount }] of (pool.backedBy ?? []).entries()) {
      const path = `pools[${i}].backedBy[${j}]`;
      const backing = pools[known(index, below, `${path}.pool`, "pool")]!;
      if (backing.asset !== pool.asset)
        refuse(`${path}.pool`, `it holds ${backing.asset}, not ${pool.asset}`);
      if (seen.has(below)) refuse(`${path}.pool`, "a pool can be named once");
      seen.add(below);
      total += amount;
      const taken = (drawn.get(below) ?? 0n) + amount;
      drawn.set(below, taken);
      if (taken > backing.amount) {
        refuse(`${path}.amount`, `${taken} is taken from a pool that has ${backing.amount}`);
      }
    }
    if (total > pool.amount) {
      refuse(`pools[${i}].backedBy`, `they come to ${total}, more than the pool's ${pool.amount}`);
    }
  });
  checkNoCircle(pools, index);
}

/** Kahn's order: what is left over stands in a circle, or above one; going down from it leads into the circle. */
function checkNoCircle(pools: readonly Pool[], index: Index): void {
  const layered = pools.filter(({ backedBy = [] }) => backedBy.length > 0);
  if (layered.length === 0) return;
  const left = new Set(layered);
  const below = (pool: Pool) =>
    (pool.backedBy ?? []).map((each) => pools[index.get(each.pool)!]!).filter((each) => left.has(each));
  const above = new Map<Pool, Pool[]>();
  const waits = new Map<Pool, number>();
  for (const pool of layered) {
    const under = below(pool);
    waits.set(pool, under.length);
    for (const each of under) {
      const there = above.get(each);
      if (there) there.push(pool);
      else above.set(each, [pool]);
    }
  }
  const free = layered.filter((pool) => waits.get(pool) === 0);
  for (let pool = free.pop(); pool; pool = free.pop()) {
    left.delete(pool);
    for (const each of above.get(pool) ?? []) {
      waits.set(each, waits.get(each)! - 1);
      if (waits.get(each) === 0) free.push(each);
    }
  }
  const [start] = left;
  if (!start) return;
  const way = new Set<Pool>();
  let at = start;
  for (; !way.has(at); [at] = below(at) as [Pool]) way.add(at);
  const list = [...way];
  const circle = [...list.slice(list.indexOf(at)), at].map(({ id }) => id);
  const shown = circle.length > MOST_SHOWN ? [...circle.slice(0, MOST_SHOWN), "…", at.id] : circle;
  refuse(`pools[${index.get(at.id)}].backedBy`, `the layers form a circle: ${shown.join(" → ")}`);
}

/** What a message shows of a long circle. */
const MOST_SHOWN = 8;

type Index = ReadonlyMap<string, number>;

function indexed(list: readonly { readonly id: string }[], what: string): Index {
  const index = new Map<string, number>();
  list.forEach(({ id }, i) => {
    const other = index.get(id);
    if (other !== undefined) refuse(`${what}[${i}].id`, `${what}[${other}] has the same id, ${id}`);
    index.set(id, i);
  });
  return index;
}

function known(index: Index, id: string, path: string, what: string): number {
  const at = index.get(id);
  if (at === undefined) return refuse(path, `no ${what} has the id ${id}`);
  return at;
}

function refuse(at: string, message: string): never {
  const path = `restaking.${at}`;
  throw new TapstakeError("invalid-graph", `${path}: ${message}`, { path });
}
