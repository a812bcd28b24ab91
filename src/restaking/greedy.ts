import {
  checkCoalition,
  type CheckedCoalition,
  type Coalition,
  costsByOperator,
  isCorrupted,
  pruned,
} from "./coalition.js";
import type { Model } from "./model.js";

/** Above this many pairs of operators and services, only services alone and all together are tried. */
const MOST_PAIRS = 20_000;

/**
 * Coalitions that are cheap for what they win: each service alone, all together, and each grown by further services. They
 * bound the best attack from below; the best may be another one.
 */
export function greedyCoalitions(model: Model): CheckedCoalition[] {
  const targets = targetsOf(model);
  if (targets.length === 0) return [];
  const costs = costsByOperator(model);
  const check = (coalition: Coalition) => checkCoalition(model, pruned(model, coalition));
  const cover = (services: readonly number[]) => coverOf(model, services, costs);
  const singles = targets.map((service) => check(cover([service])));
  const found = [...singles, check(cover(targets))];
  if (targets.length * model.operators.length > MOST_PAIRS) return found;
  for (let best of singles) {
    for (;;) {
      const wider = targets
        .filter((service) => !best.coalition.has(service))
        .map((service) => check(cover([...best.services, service])))
        .filter((each) => each.profit - each.cost > best.profit - best.cost);
      if (wider.length === 0) break;
      best = wider.reduce((a, b) => (b.profit - b.cost > a.profit - a.cost ? b : a));
    }
    found.push(best);
  }
  return found;
}

/** Services that an attack can win something from, and not for nothing. */
export const targetsOf = ({ services }: Model): number[] =>
  [...services.entries()].flatMap(([i, { profit, power }]) =>
    profit !== null && profit > 0n && power > 0n ? [i] : [],
  );

/** Operators that corrupt services together: who is in already costs nothing more, then who has most power for its cost. */
export function coverOf(model: Model, services: readonly number[], costs: readonly bigint[]): Coalition {
  const inside = new Set<number>();
  const coalition = new Map<number, Set<number>>();
  for (const service of services) {
    const { powers } = model.services[service]!;
    const chosen = new Set<number>();
    const paid = (operator: number) => (inside.has(operator) ? 0n : costs[operator]!);
    const order = [...powers.keys()].toSorted((a, b) => {
      const difference = paid(a) * powers.get(b)! - paid(b) * powers.get(a)!;
      if (difference !== 0n) return difference < 0n ? -1 : 1;
      return powers.get(a)! > powers.get(b)! ? -1 : 1;
    });
    for (const operator of order) {
      if (!powers.get(operator)) continue;
      if (isCorrupted(model, service, chosen)) break;
      chosen.add(operator);
      inside.add(operator);
    }
    coalition.set(service, chosen);
  }
  return coalition;
}
