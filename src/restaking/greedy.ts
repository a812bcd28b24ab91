import type { Budget } from "./budget.js";
import {
  checkCoalition,
  type CheckedCoalition,
  type Coalition,
  costsByOperator,
  neededOf,
  pruned,
} from "./coalition.js";
import type { Model } from "./model.js";

/**
 * Coalitions that are cheap for what they win: each service alone, all together, all that gain alone, and, within the
 * budget, each grown by further services. They bound the best attack from below; the best may be another one.
 */
export function greedyCoalitions(model: Model, budget: Budget): CheckedCoalition[] {
  const targets = targetsOf(model);
  if (targets.length === 0) return [];
  const costs = costsByOperator(model);
  const check = (services: readonly number[]) =>
    checkCoalition(model, pruned(model, coverOf(model, services, costs)));
  let found: CheckedCoalition[] = [];
  const gaining: number[] = [];
  for (const service of targets) {
    const single = check([service]);
    if (gainOf(single) > 0n) gaining.push(service);
    found.push(single);
    if (found.length > MOST_KEPT) found = bestOf(found);
  }
  const singles = [...found];
  found.push(check(targets));
  for (const single of singles) {
    const grown = grow(model, single, { targets, check, budget });
    if (grown !== single) found.push(grown);
  }
  if (gaining.length > 1 && gaining.length < targets.length) found.push(check(gaining));
  return found;
}

/** Coalitions of 100,000 services by themselves would take a gigabyte. */
const MOST_KEPT = 2_000;

/** What bounds an answer: an attack, what gains most, and what costs least for its profit. */
function bestOf(found: readonly CheckedCoalition[]): CheckedCoalition[] {
  const attacks = found.filter(({ isAttack }) => isAttack);
  const most = (list: readonly CheckedCoalition[]) =>
    list.length === 0 ? [] : [list.reduce((a, b) => (gainOf(b) > gainOf(a) ? b : a))];
  const cheapest = found.reduce((a, b) => (b.cost * a.profit < a.cost * b.profit ? b : a));
  return [...new Set([...most(attacks), ...most(found), cheapest])];
}

const gainOf = ({ profit, cost }: CheckedCoalition): bigint => profit - cost;

interface Growth {
  readonly targets: readonly number[];
  readonly check: (services: readonly number[]) => CheckedCoalition;
  readonly budget: Budget;
}

/** A coalition with the service more that gains most, as long as one does. */
function grow(model: Model, first: CheckedCoalition, { targets, check, budget }: Growth): CheckedCoalition {
  let best = first;
  for (;;) {
    const inside = pairsOf(model, best.services);
    let wider: CheckedCoalition | undefined;
    for (const service of targets) {
      if (best.coalition.has(service)) continue;
      if (!budget.take(1 + inside + pairsOf(model, [service]))) return wider ?? best;
      const next = check([...best.services, service]);
      if (gainOf(next) > gainOf(wider ?? best)) wider = next;
    }
    if (!wider) return best;
    best = wider;
  }
}

/** How many pairs of an operator and one of these services there are. */
export const pairsOf = ({ services }: Model, some: readonly number[]): number =>
  some.reduce((all, service) => all + services[service]!.powers.size, 0);

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
    let missing = neededOf(model.services[service]!);
    for (const operator of order) {
      if (!powers.get(operator)) continue;
      if (missing <= 0n) break;
      missing -= powers.get(operator)!;
      chosen.add(operator);
      inside.add(operator);
    }
    coalition.set(service, chosen);
  }
  return coalition;
}
