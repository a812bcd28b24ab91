import { TapstakeError } from "../core/errors.js";
import type { Edge, RestakingGraph } from "./graph.js";

/** The numbers that a graph's names stand for, in arrays of four bytes an edge: what all answers walk through. */
export interface Places {
  /** Of each edge, in the order of `graph.edges`: its pool, operator and service. */
  readonly pools: Int32Array;
  readonly operators: Int32Array;
  readonly services: Int32Array;
  /** The edges in force, by their pool: those of pool `i` are `byPool[starts[i]]` up to `byPool[starts[i + 1]]`. */
  readonly byPool: Int32Array;
  readonly starts: Int32Array;
}

const known = new WeakMap<RestakingGraph, Places>();

/**
 * Found once for each graph: a graph does not change.
 * @throws TapstakeError `invalid-graph` at a name that leads nowhere
 */
export function placesOf(graph: RestakingGraph): Places {
  const there = known.get(graph);
  if (there) return there;
  const { edges } = graph;
  const pools = placed(edges, "pool", graph.pools);
  const operators = placed(edges, "operator", graph.operators);
  const services = placed(edges, "service", graph.services);
  const places = { pools, operators, services, ...grouped(edges, pools, graph.pools.length) };
  known.set(graph, places);
  return places;
}

/** The edges in force of a pool by its number. */
export function edgesOfPools(graph: RestakingGraph): (pool: number) => Edge[] {
  const { byPool, starts } = placesOf(graph);
  return (pool) => Array.from(byPool.subarray(starts[pool], starts[pool + 1]), (i) => graph.edges[i]!);
}

function placed(
  edges: readonly Edge[],
  field: "pool" | "operator" | "service",
  list: readonly { readonly id: string }[],
): Int32Array {
  let index: ReadonlyMap<string, number> | undefined;
  const places = new Int32Array(edges.length);
  // Edges mostly stand in the order of their pools, and those of a pool together.
  let last = 0;
  for (let i = 0; i < edges.length; i++) {
    const id = edges[i]![field];
    if (list[last]?.id !== id) {
      const isNext = list[last + 1]?.id === id;
      if (!isNext) index ??= new Map(list.map((each, number) => [each.id, number]));
      const next = isNext ? last + 1 : index!.get(id);
      if (next === undefined) {
        const path = `restaking.edges[${i}].${field}`;
        throw new TapstakeError("invalid-graph", `${path}: no ${field} has the id ${id}`, { path });
      }
      last = next;
    }
    places[i] = last;
  }
  return places;
}

function grouped(
  edges: readonly Edge[],
  pools: Int32Array,
  count: number,
): Pick<Places, "byPool" | "starts"> {
  const starts = new Int32Array(count + 1);
  for (let i = 0; i < edges.length; i++) if (!edges[i]!.pending) starts[pools[i]! + 1]!++;
  for (let i = 0; i < count; i++) starts[i + 1]! += starts[i]!;
  const byPool = new Int32Array(starts[count]!);
  const next = starts.slice();
  for (let i = 0; i < edges.length; i++) if (!edges[i]!.pending) byPool[next[pools[i]!]!++] = i;
  return { byPool, starts };
}
