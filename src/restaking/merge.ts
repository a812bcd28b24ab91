import { TapstakeError } from "../core/errors.js";
import { checkGraph } from "./check.js";
import { compare, ONE } from "./fraction.js";
import type { Asset, Operator, RestakingGraph } from "./graph.js";

/**
 * Several graphs as one, such as those of three systems. Operators of one id are one, and decide about the stake of all
 * graphs; so are assets. A pool or a service of two graphs is refused: the same coins would count twice.
 * @param assets the value of assets, by their id: several assets need values in one unit of profits
 * @throws TapstakeError `invalid-graph`; `details.path` says where
 */
export function mergeGraphs(
  graphs: readonly RestakingGraph[],
  assets: Readonly<Record<string, Omit<Asset, "id">>> = {},
): RestakingGraph {
  assertApart(graphs, "pools");
  assertApart(graphs, "services");
  const merged = {
    assets: mergedAssets(graphs, assets),
    pools: graphs.flatMap(({ pools }) => pools),
    operators: mergedOperators(graphs),
    services: graphs.flatMap(({ services }) => services),
    edges: graphs.flatMap(({ edges }) => edges),
  };
  checkGraph(merged);
  return merged;
}

function assertApart(graphs: readonly RestakingGraph[], list: "pools" | "services"): void {
  const known = new Set<string>();
  for (const graph of graphs) {
    for (const { id } of graph[list]) {
      if (known.has(id)) refuse(list, `two graphs have the same id, ${id}`);
      known.add(id);
    }
  }
}

function mergedAssets(
  graphs: readonly RestakingGraph[],
  given: Readonly<Record<string, Omit<Asset, "id">>>,
): Asset[] {
  const all = new Map<string, Asset>();
  for (const asset of graphs.flatMap(({ assets }) => assets))
    all.set(asset.id, same(all.get(asset.id), asset));
  for (const [id, asset] of all) if (given[id]) all.set(id, same(asset, { id, ...given[id] }));
  for (const { assets, services } of graphs) {
    // Alone and without a value, an asset counted profits in its smallest unit.
    const alone = assets.find(({ value }) => value === undefined);
    const { value } = (alone && all.get(alone.id)) ?? {};
    if (!value || compare(value, ONE) === 0 || services.every(({ profit }) => profit === null)) continue;
    refuse("assets", `profits count in units of ${alone!.id}, so its value must be 1/1`);
  }
  return [...all.values()];
}

function same(a: Asset | undefined, b: Asset): Asset {
  if (!a) return b;
  if (a.decimals !== b.decimals) refuse("assets", `${a.id} has ${a.decimals} decimals, and ${b.decimals}`);
  if (a.value && b.value && compare(a.value, b.value) !== 0) {
    refuse("assets", `${a.id} has the values ${a.value.join("/")} and ${b.value.join("/")}`);
  }
  return a.value ? a : b;
}

function mergedOperators(graphs: readonly RestakingGraph[]): Operator[] {
  const all = new Map<string, Operator>();
  for (const operator of graphs.flatMap(({ operators }) => operators)) {
    const { id, group } = operator;
    const there = all.get(id);
    if (there?.group !== undefined && group !== undefined && there.group !== group) {
      refuse("operators", `${id} is of the groups ${there.group} and ${group}`);
    }
    if (there?.group === undefined) all.set(id, operator);
  }
  return [...all.values()];
}

function refuse(list: string, message: string): never {
  const path = `restaking.${list}`;
  throw new TapstakeError("invalid-graph", `${path}: ${message}`, { path });
}
