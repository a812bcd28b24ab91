import { toNumber } from "../../src/restaking/fraction.js";
import type { RestakingGraph } from "../../src/restaking/graph.js";
import { modelOf, powerOf, worths } from "../../src/restaking/model.js";
import { edgesOfPools } from "../../src/restaking/places.js";

/** The size of the picture, in units of its own. */
export const SIZE = { width: 960, height: 380, bar: 10 } as const;

/** The columns of the picture, from left to right. */
const COLUMNS = [{ x: 200 }, { x: 475 }, { x: 750 }] as const;

/** So many of the largest are drawn by themselves; the others of a column are one bar. */
const SHOWN = [9, 12, 12] as const;

const GAP = 12;
const THINNEST = 2;

/** A bar: a stake, an operator, a service, or what is too small to be drawn by itself. */
export interface Bar {
  /** Null for the rest of a column. */
  readonly id: string | null;
  /** How many the bar stands for. */
  readonly count: number;
  /** In the unit of profits × `scale`. */
  readonly worth: bigint;
  readonly x: number;
  readonly y: number;
  readonly height: number;
}

/** A ribbon between two bars of neighbouring columns. */
export interface Ribbon {
  readonly from: Bar;
  readonly to: Bar;
  /** What it stands for: the stakes or services of the graph, by id. */
  readonly pools: readonly string[];
  readonly path: string;
}

export interface Flow {
  readonly pools: readonly Bar[];
  readonly operators: readonly Bar[];
  readonly services: readonly Bar[];
  readonly ribbons: readonly Ribbon[];
}

interface Node {
  readonly id: string | null;
  readonly count: number;
  readonly worth: bigint;
}

interface Link {
  readonly from: number;
  readonly to: number;
  amount: bigint;
  readonly pools: Set<string>;
}

/** Where everything stands in the picture of stakes over operators to services: heights are amounts. */
export function flowOf(graph: RestakingGraph): Flow {
  const { worth } = worths(graph);
  const model = modelOf(graph);
  const pools = new Map(graph.pools.map((pool) => [pool.id, pool.amount * worth.get(pool.asset)!]));
  const assets = new Map(graph.pools.map(({ id, asset }) => [id, worth.get(asset)!]));
  const edgesOf = edgesOfPools(graph);
  const byPool = graph.pools
    .map(({ id }, i) => [id, edgesOf(i)] as const)
    .filter(([, edges]) => edges.length > 0);

  const behind = new Map<string, bigint>();
  for (const [pool, edges] of byPool) {
    for (const operator of new Set(edges.map((edge) => edge.operator))) {
      behind.set(operator, (behind.get(operator) ?? 0n) + pools.get(pool)!);
    }
  }
  const columns = [
    pick(
      byPool.map(([id]) => [id, pools.get(id)!]),
      SHOWN[0],
    ),
    pick([...behind], SHOWN[1]),
    pick(
      model.services.map(({ id, power }) => [id, power]),
      SHOWN[2],
    ),
  ] as const;

  const basis = new Map(graph.services.map((service) => [service.id, service.basis]));
  const left = new Map<string, Link>();
  const right = new Map<string, Link>();
  for (const [pool, edges] of byPool) {
    const seen = new Set<string>();
    for (const edge of edges) {
      const operator = columns[1].at(edge.operator);
      if (!seen.has(edge.operator)) {
        seen.add(edge.operator);
        add(left, { from: columns[0].at(pool), to: operator, amount: pools.get(pool)!, pool });
      }
      const amount = powerOf(edge, basis.get(edge.service)!) * assets.get(pool)!;
      add(right, { from: operator, to: columns[2].at(edge.service), amount, pool });
    }
  }
  return place(columns.map(({ nodes }) => nodes) as [Node[], Node[], Node[]], [
    [...left.values()],
    [...right.values()],
  ]);
}

/** The largest by themselves, and the others as one. */
function pick(entries: readonly (readonly [string, bigint])[], shown: number) {
  const sorted = entries.toSorted((a, b) => (a[1] > b[1] ? -1 : a[1] < b[1] ? 1 : 0));
  // One that is left over needs no more room than the bar that would stand for it.
  const cut = sorted.length === shown + 1 ? sorted.length : shown;
  const nodes: Node[] = sorted.slice(0, cut).map(([id, worth]) => ({ id, count: 1, worth }));
  const rest = sorted.slice(cut);
  if (rest.length > 0) {
    nodes.push({ id: null, count: rest.length, worth: rest.reduce((all, [, worth]) => all + worth, 0n) });
  }
  const numbers = new Map(sorted.map(([id], i) => [id, Math.min(i, nodes.length - 1)]));
  return { nodes, at: (id: string) => numbers.get(id)! };
}

function add(
  links: Map<string, Link>,
  { from, to, amount, pool }: { from: number; to: number; amount: bigint; pool: string },
): void {
  const key = `${from},${to}`;
  const link = links.get(key) ?? { from, to, amount: 0n, pools: new Set<string>() };
  link.amount += amount;
  link.pools.add(pool);
  links.set(key, link);
}

function place(columns: [Node[], Node[], Node[]], links: readonly [Link[], Link[]]): Flow {
  const sizes = columns.map((nodes, column) =>
    nodes.map((_, i) => {
      const of = (side: readonly Link[], end: "from" | "to") =>
        side.reduce((all, link) => (link[end] === i ? all + link.amount : all), 0n);
      const incoming = column > 0 ? of(links[column - 1]!, "to") : 0n;
      const outgoing = column < 2 ? of(links[column]!, "from") : 0n;
      return incoming > outgoing ? incoming : outgoing;
    }),
  );
  const totals = sizes.map((column) => column.reduce((all, size) => all + size, 0n));
  const most = totals.reduce((a, b) => (a > b ? a : b), 1n);
  const room = SIZE.height - GAP * (Math.max(...columns.map(({ length }) => length)) - 1);
  const exactly = (amount: bigint) => toNumber([amount, most]) * room;
  const heightOf = (amount: bigint) => Math.max(THINNEST, exactly(amount));

  // Stakes stand where their operators stand, so that fewer ribbons cross.
  const middle = columns[0].map((_, i) => {
    const own = links[0].filter(({ from }) => from === i);
    const all = own.reduce((sum, link) => sum + link.amount, 0n);
    if (all === 0n) return 0;
    return own.reduce((sum, link) => sum + link.to * toNumber([link.amount, all]), 0);
  });
  const orders = [
    columns[0].map((_, i) => i).toSorted((a, b) => middle[a]! - middle[b]!),
    columns[1].map((_, i) => i),
    columns[2].map((_, i) => i),
  ];
  const bars = columns.map((nodes, column) => {
    const heights = sizes[column]!.map(heightOf);
    const used = heights.reduce((sum, height) => sum + height, 0);
    const gap = nodes.length > 1 ? Math.min(40, (SIZE.height - used) / (nodes.length - 1)) : 0;
    let y = (SIZE.height - used - gap * (nodes.length - 1)) / 2;
    const placed: Bar[] = [];
    for (const i of orders[column]!) {
      placed[i] = { ...nodes[i]!, x: COLUMNS[column]!.x, y, height: heights[i]! };
      y += heights[i]! + gap;
    }
    return placed;
  });

  const ribbons = links.flatMap((side, column) => {
    const [from, to] = [bars[column]!, bars[column + 1]!];
    const ends = { from: from.map(({ y }) => y), to: to.map(({ y }) => y) };
    const byPlace = side.toSorted((a, b) => from[a.from]!.y - from[b.from]!.y || to[a.to]!.y - to[b.to]!.y);
    const starts = new Map<Link, number>();
    for (const link of byPlace) {
      starts.set(link, ends.from[link.from]!);
      ends.from[link.from]! += exactly(link.amount);
    }
    return byPlace
      .toSorted((a, b) => to[a.to]!.y - to[b.to]!.y || from[a.from]!.y - from[b.from]!.y)
      .map((link): Ribbon => {
        const thick = Math.max(0.75, exactly(link.amount));
        const y = ends.to[link.to]!;
        ends.to[link.to]! += exactly(link.amount);
        const path = ribbonPath(from[link.from]!, starts.get(link)!, to[link.to]!, y, thick);
        return { from: from[link.from]!, to: to[link.to]!, pools: [...link.pools], path };
      });
  });
  return { pools: bars[0]!, operators: bars[1]!, services: bars[2]!, ribbons };
}

function ribbonPath(from: Bar, fromY: number, to: Bar, toY: number, thick: number): string {
  const [x, end] = [from.x + SIZE.bar, to.x];
  const bend = (x + end) / 2;
  const at = (value: number) => value.toFixed(1);
  return (
    `M${x} ${at(fromY)}C${bend} ${at(fromY)} ${bend} ${at(toY)} ${end} ${at(toY)}` +
    `V${at(toY + thick)}C${bend} ${at(toY + thick)} ${bend} ${at(fromY + thick)} ${x} ${at(fromY + thick)}Z`
  );
}
