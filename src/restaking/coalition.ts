import type { Model, StakeClass } from "./model.js";

/**
 * Who attacks what: for each attacked service, the operators that attack it, by their numbers. An operator need not
 * attack all services that it is in.
 */
export type Coalition = ReadonlyMap<number, ReadonlySet<number>>;

/** A coalition, checked in whole numbers. */
export interface CheckedCoalition {
  readonly coalition: Coalition;
  readonly services: readonly number[];
  /** All that attack some service. */
  readonly operators: readonly number[];
  readonly profit: bigint;
  /** What the attack loses. */
  readonly cost: bigint;
  /** How much of it operators lose of their own; stakers lose the rest. */
  readonly ownCost: bigint;
  /** Whether its operators have the share of each service that corrupts it. */
  readonly suffices: boolean;
  /** Whether it suffices and pays. */
  readonly isAttack: boolean;
}

/** What a coalition wins and loses, exactly, by any search. */
export function checkCoalition(model: Model, coalition: Coalition): CheckedCoalition {
  const services = ascending(coalition.keys());
  const operators = ascending(new Set([...coalition.values()].flatMap((each) => [...each])));
  const suffices =
    services.length > 0 && services.every((service) => isCorrupted(model, service, coalition.get(service)!));
  let [profit, cost, ownCost] = [0n, 0n, 0n];
  for (const service of services) profit += model.services[service]!.profit ?? 0n;
  for (const each of model.classes) {
    const lost = classCost(each, coalition);
    cost += lost;
    if (each.isOwn) ownCost += lost;
  }
  const tieIsAttack = services.some((service) => model.services[service]!.tieIsAttack);
  const pays = profit > 0n && (profit > cost || (tieIsAttack && profit === cost));
  return { coalition, services, operators, profit, cost, ownCost, suffices, isAttack: suffices && pays };
}

const ascending = (numbers: Iterable<number>) => [...numbers].toSorted((a, b) => a - b);

/** Whether operators have the share of a service that corrupts it. */
export function isCorrupted(model: Model, service: number, operators: ReadonlySet<number>): boolean {
  const { alpha, power, powers } = model.services[service]!;
  let held = 0n;
  for (const operator of operators) held += powers.get(operator) ?? 0n;
  return held * alpha[1] >= alpha[0] * power;
}

/** What a class loses to a coalition. */
export function classCost({ edges, cost, cap }: StakeClass, coalition: Coalition): bigint {
  let lost = 0n;
  for (const { operator, service, loss } of edges) {
    if (coalition.get(service)?.has(operator) !== true) continue;
    if (cost === "sum") lost += loss;
    else if (loss > lost) lost = loss;
  }
  return cost === "sum" && lost > cap ? cap : lost;
}

/** The same services, each attacked only by operators that it needs: the most expensive ones leave first. */
export function pruned(model: Model, coalition: Coalition): Coalition {
  const left = new Map([...coalition].map(([service, operators]) => [service, new Set(operators)]));
  const costs = costsByOperator(model);
  const all = new Set([...coalition.values()].flatMap((each) => [...each]));
  const dearest = [...all].toSorted((a, b) => compareAmounts(costs[b]!, costs[a]!) || a - b);
  // First the operators that no service needs at all: only then a stake is saved for certain.
  for (const operator of dearest) {
    const without = [...left].map(
      ([service, set]) => [service, new Set([...set].filter((o) => o !== operator))] as const,
    );
    if (without.every(([service, set]) => isCorrupted(model, service, set))) {
      for (const [service, set] of without) left.set(service, set);
    }
  }
  for (const [service, set] of left) {
    for (const operator of dearest) {
      if (!set.delete(operator)) continue;
      if (!isCorrupted(model, service, set)) set.add(operator);
    }
  }
  return left;
}

const compareAmounts = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

/** What each operator can lose at most, over all that it attacks. */
export function costsByOperator({ operators, classes }: Model): bigint[] {
  const costs = operators.map(() => 0n);
  for (const { edges } of classes) {
    const own = new Map<number, bigint>();
    for (const { operator, loss } of edges) {
      if (loss > (own.get(operator) ?? 0n)) own.set(operator, loss);
    }
    for (const [operator, loss] of own) costs[operator]! += loss;
  }
  return costs;
}
