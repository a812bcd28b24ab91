import { type Fraction, fraction, sum } from "./fraction.js";
import type { RestakingGraph } from "./graph.js";
import { modelOf, worths } from "./model.js";
import { placesOf } from "./places.js";

/** How stake is spread over those who decide about it. Who has none does not count. */
export interface Concentration {
  readonly holders: number;
  readonly total: bigint;
  /** How few of them have more than 1/3, 1/2 and 2/3 together (Nakamoto coefficients). */
  readonly nakamoto: { readonly third: number; readonly half: number; readonly twoThirds: number };
  /** The sum of the squares of their shares: 1 where one has all, 1/n where n have the same. */
  readonly herfindahl: Fraction;
  /** 0 where all have the same, towards 1 where one has nearly all. */
  readonly gini: Fraction;
  readonly largest: { readonly id: string; readonly share: Fraction } | null;
}

/** How all stake is spread, and that of each service. */
export interface ConcentrationReport {
  /** Each pool counts once for each operator that decides about it. */
  readonly all: ByHolder;
  readonly services: readonly ({ readonly service: string } & ByHolder)[];
}

interface ByHolder {
  readonly byOperator: Concentration;
  /** Operators of one group together; an operator without a group is one of its own. */
  readonly byGroup: Concentration;
}

/** How stake is spread over operators and groups, exactly. */
export function concentrations(graph: RestakingGraph): ConcentrationReport {
  const { all, services } = stakesByHolder(graph);
  const concentrated = ({ byOperator, byGroup }: StakesOf): ByHolder => ({
    byOperator: concentrationOf(byOperator),
    byGroup: concentrationOf(byGroup),
  });
  return {
    all: concentrated(all),
    services: services.map(({ service, ...stakes }) => ({ service, ...concentrated(stakes) })),
  };
}

/** Stake by the name of who holds it, in the unit of profits × `scale`. */
type Stakes = ReadonlyMap<string, bigint>;

interface StakesOf {
  readonly byOperator: Stakes;
  readonly byGroup: Stakes;
}

/** Who has how much, of all stake and of each service. */
export function stakesByHolder(graph: RestakingGraph): {
  readonly all: StakesOf;
  readonly services: readonly ({ readonly service: string } & StakesOf)[];
} {
  const { operators, services } = modelOf(graph);
  const groups = new Map(graph.operators.map(({ id, group }) => [id, group ?? `operator ${id}`]));
  const grouped = (stakes: Stakes) => totals([...stakes].map(([id, stake]) => [groups.get(id)!, stake]));
  return {
    all: {
      byOperator: decidedBy(graph, (id) => id),
      byGroup: decidedBy(graph, (id) => groups.get(id)!),
    },
    services: services.map(({ id, powers }) => {
      const byOperator = new Map([...powers].map(([operator, power]) => [operators[operator]!, power]));
      return { service: id, byOperator, byGroup: grouped(byOperator) };
    }),
  };
}

/** The worth of the pools about which a holder decides, each once. */
function decidedBy(graph: RestakingGraph, holderOf: (operator: string) => string): Stakes {
  const { worth } = worths(graph);
  const { operators, byPool, starts } = placesOf(graph);
  const numbers = new Map<string, number>();
  const holders = graph.operators.map(({ id }) => {
    const holder = holderOf(id);
    if (!numbers.has(holder)) numbers.set(holder, numbers.size);
    return numbers.get(holder)!;
  });
  const all = Array.from(numbers, () => 0n);
  /** By holder: the last pool that was counted, and one. */
  const counted = new Int32Array(numbers.size);
  graph.pools.forEach(({ amount, asset }, at) => {
    const [from, to] = [starts[at]!, starts[at + 1]!];
    if (from === to) return;
    const value = amount * worth.get(asset)!;
    for (let i = from; i < to; i++) {
      const holder = holders[operators[byPool[i]!]!]!;
      if (counted[holder] === at + 1) continue;
      counted[holder] = at + 1;
      all[holder]! += value;
    }
  });
  return new Map([...numbers].map(([holder, number]) => [holder, all[number]!]));
}

function totals(parts: readonly (readonly [string, bigint])[]): Stakes {
  const all = new Map<string, bigint>();
  for (const [holder, stake] of parts) all.set(holder, (all.get(holder) ?? 0n) + stake);
  return all;
}

export function concentrationOf(stakes: Stakes): Concentration {
  const held = [...stakes].filter(([, stake]) => stake > 0n);
  const sizes = held.map(([, stake]) => stake).toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const total = sum(sizes);
  const count = BigInt(sizes.length);
  const ranked = sum(sizes.map((size, i) => BigInt(i + 1) * size));
  const squares = sum(sizes.map((size) => size * size));
  const few = (numerator: bigint, denominator: bigint) => {
    let [rest, holders] = [0n, 0];
    for (const size of sizes.toReversed()) {
      if (rest * denominator > numerator * total) break;
      rest += size;
      holders++;
    }
    return holders;
  };
  const [first] = held;
  const largest = first && held.reduce((a, b) => (b[1] > a[1] ? b : a), first);
  return {
    holders: sizes.length,
    total,
    nakamoto: { third: few(1n, 3n), half: few(1n, 2n), twoThirds: few(2n, 3n) },
    herfindahl: total === 0n ? [0n, 1n] : fraction(squares, total * total),
    gini: total === 0n ? [0n, 1n] : fraction(2n * ranked - (count + 1n) * total, count * total),
    largest: largest ? { id: largest[0], share: fraction(largest[1], total) } : null,
  };
}
