import type { Model, ModelService, StakeClass } from "./model.js";

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
  for (const [at, lost] of lossesOf(model, coalition)) {
    cost += lost;
    if (model.classes[at]!.isOwn) ownCost += lost;
  }
  const tieIsAttack = services.some((service) => model.services[service]!.tieIsAttack);
  const pays = profit > 0n && (profit > cost || (tieIsAttack && profit === cost));
  return { coalition, services, operators, profit, cost, ownCost, suffices, isAttack: suffices && pays };
}

const ascending = (numbers: Iterable<number>) => [...numbers].toSorted((a, b) => a - b);

/** The least stake that corrupts a service. */
export const neededOf = ({ alpha, power }: ModelService): bigint =>
  (alpha[0] * power + alpha[1] - 1n) / alpha[1];

/** Whether operators have the share of a service that corrupts it. */
export function isCorrupted(model: Model, service: number, operators: ReadonlySet<number>): boolean {
  const { powers } = model.services[service]!;
  let held = 0n;
  for (const operator of operators) held += powers.get(operator) ?? 0n;
  return held >= neededOf(model.services[service]!);
}

/** What each class loses to a coalition, by its number. Looks only at the edges of services that are attacked. */
function lossesOf(model: Model, coalition: Coalition): ReadonlyMap<number, bigint> {
  const edges = edgesByService(model);
  const losses = new Map<number, bigint>();
  for (const [service, operators] of coalition) {
    for (const { at, operator, loss } of edges[service]!) {
      if (!operators.has(operator)) continue;
      const { cost, cap } = model.classes[at]!;
      const before = losses.get(at) ?? 0n;
      if (cost === "once") losses.set(at, loss > before ? loss : before);
      else losses.set(at, before + loss > cap ? cap : before + loss);
    }
  }
  return losses;
}

/** An edge of a service, with the number of its class. */
export interface PlacedEdge {
  readonly at: number;
  readonly operator: number;
  readonly power: bigint;
  readonly loss: bigint;
}

const placed = new WeakMap<readonly StakeClass[], readonly (readonly PlacedEdge[])[]>();

/** The edges of each service, by the service's number, in the order of their classes. */
export function edgesByService({ services, classes }: Model): readonly (readonly PlacedEdge[])[] {
  const there = placed.get(classes);
  if (there) return there;
  const edges = services.map(() => [] as PlacedEdge[]);
  for (const [at, each] of classes.entries()) {
    for (const { service, operator, power, loss } of each.edges) {
      edges[service]!.push({ at, operator, power, loss });
    }
  }
  placed.set(classes, edges);
  return edges;
}

/** The same services, each attacked only by operators that it needs: the most expensive ones leave first. */
export function pruned(model: Model, coalition: Coalition): Coalition {
  const costs = costsByOperator(model);
  const left = new Map([...coalition].map(([service, operators]) => [service, new Set(operators)]));
  const attackedBy = new Map<number, number[]>();
  /** By how much the operators of a service have more than it takes. */
  const spare = new Map<number, bigint>();
  for (const [service, operators] of left) {
    let held = -neededOf(model.services[service]!);
    for (const operator of operators) {
      held += powerIn(model, service, operator);
      const own = attackedBy.get(operator);
      if (own) own.push(service);
      else attackedBy.set(operator, [service]);
    }
    spare.set(service, held);
  }
  const canLeave = (service: number, operator: number) =>
    spare.get(service)! >= powerIn(model, service, operator);
  const leave = (service: number, operator: number) => {
    left.get(service)!.delete(operator);
    spare.set(service, spare.get(service)! - powerIn(model, service, operator));
  };
  const dearest = [...attackedBy.keys()].toSorted((a, b) => compareAmounts(costs[b]!, costs[a]!) || a - b);
  // First the operators that no service needs at all: only then a stake is saved for certain.
  for (const operator of dearest) {
    const services = attackedBy.get(operator)!;
    if (!services.every((service) => canLeave(service, operator))) continue;
    for (const service of services) leave(service, operator);
  }
  for (const operator of dearest) {
    for (const service of attackedBy.get(operator)!) {
      if (left.get(service)!.has(operator) && canLeave(service, operator)) leave(service, operator);
    }
  }
  return left;
}

const powerIn = ({ services }: Model, service: number, operator: number): bigint =>
  services[service]!.powers.get(operator) ?? 0n;

const compareAmounts = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

const costly = new WeakMap<readonly StakeClass[], readonly bigint[]>();

/** What each operator can lose at most, over all that it attacks. */
export function costsByOperator({ operators, classes }: Model): readonly bigint[] {
  const there = costly.get(classes);
  if (there) return there;
  const costs = operators.map(() => 0n);
  for (const { edges } of classes) {
    const own = new Map<number, bigint>();
    for (const { operator, loss } of edges) {
      if (loss > (own.get(operator) ?? 0n)) own.set(operator, loss);
    }
    for (const [operator, loss] of own) costs[operator]! += loss;
  }
  costly.set(classes, costs);
  return costs;
}
