import { type Budget, MOST_PAIRS_ASKED } from "./budget.js";
import { checkCoalition, type CheckedCoalition, edgesByService, neededOf, pruned } from "./coalition.js";
import { type Fraction, toNumber } from "./fraction.js";
import { pairsOf, targetsOf } from "./greedy.js";
import { hasPower, type Model, type StakeClass } from "./model.js";
import { Problem, type Solver, optimumOf } from "./solver.js";

/** What the solver may be wrong by, as a part of the problem's unit. */
export const TOLERANCE = 1e-6;

export interface SolvedAttack {
  /** The greatest value, as a part of `unit`: of the problem with shared operators it is a bound. */
  readonly value: number;
  /** The coalition that the solution is rounded to, checked. */
  readonly coalition: CheckedCoalition;
  /** The greatest weighted profit. */
  readonly unit: bigint;
}

export interface SolveOptions {
  readonly weight: Fraction;
  /** Whether operators are whole. */
  readonly whole: boolean;
  readonly seconds: number;
  /** At least one of these services is attacked (default: of all). */
  readonly oneOf?: readonly number[];
  /** What all questions may cost together, in pairs of operators and services. */
  readonly budget?: Budget;
}

/** A question costs so much beside its pairs. */
const QUESTION = 500;

/**
 * The attack for which `weight × profit - cost` is greatest, over all that attack some service. Operators are whole, or
 * may be divided: then the value is a bound. Null where the solver is out of time, the problem is too large or the budget too
 * small, or no service can be attacked.
 */
export function solveAttack(
  model: Model,
  solver: Solver,
  { weight, whole, seconds, oneOf, budget }: SolveOptions,
): SolvedAttack | null {
  const targets = targetsOf(model);
  if (targets.length === 0) return null;
  const pairCount = pairsOf(model, targets);
  if (pairCount > MOST_PAIRS_ASKED || budget?.take(QUESTION + pairCount) === false) return null;
  const unit = unitOf(model, targets, weight);
  // What costs this much is never part of the best attack: a smaller number is as good, and the solver's own.
  const most = 1_000 * (targets.length + 1);
  const scaled = (amount: bigint) => Math.min(most, toNumber([amount, unit]));
  const problem = new Problem();
  const classes = classesOf(model, targets);
  const pairs = new Pairs(classes, problem, whole);
  for (const service of targets) {
    const { profit, alpha, power, powers } = model.services[service]!;
    const x = problem.share(`x${service}`, true);
    problem.maximize(toNumber([weight[0] * profit!, weight[1] * unit]), x);
    const held = [...powers]
      .filter(([, part]) => part > 0n)
      .map(([operator, part]) => [toNumber([part, power]), pairs.name(operator, service)] as const);
    problem.atLeast([...held, [-toNumber(alpha), x]], 0);
  }
  problem.atLeast(
    (oneOf ?? targets).map((service) => [1, `x${service}`] as const),
    1,
  );
  addCosts(model, classes, { problem, pairs, scaled });
  const optimum = optimumOf(solver, problem, seconds);
  if (!optimum) return null;
  const chosen = targets.filter((service) => optimum.valueOf(`x${service}`) > 0.5);
  const coalition = new Map(
    chosen.map((service) => [
      service,
      roundUp(model, service, (o) => optimum.valueOf(pairs.name(o, service))),
    ]),
  );
  return { value: optimum.value, coalition: checkCoalition(model, pruned(model, coalition)), unit };
}

/** The greatest weighted profit: what the solver counts as 1. */
function unitOf(model: Model, targets: readonly number[], weight: Fraction): bigint {
  let unit = 1n;
  for (const service of targets) {
    const weighted = (model.services[service]!.profit! * weight[0]) / weight[1];
    if (weighted > unit) unit = weighted;
  }
  return unit;
}

/** Operators by their parts in the solution, until a service is corrupted, in whole numbers. */
function roundUp(model: Model, service: number, part: (operator: number) => number): Set<number> {
  const { powers } = model.services[service]!;
  const order = [...powers.keys()].toSorted(
    (a, b) => part(b) - part(a) || (powers.get(a)! > powers.get(b)! ? -1 : 1),
  );
  const chosen = new Set<number>();
  let missing = neededOf(model.services[service]!);
  for (const operator of order) {
    if (missing <= 0n) break;
    missing -= powers.get(operator)!;
    chosen.add(operator);
  }
  return chosen;
}

/** The variables of who attacks what. An operator whose whole stake is lost at once needs one for all services. */
class Pairs {
  readonly #simple: ReadonlySet<number>;
  readonly #made = new Set<string>();
  readonly #problem: Problem;
  readonly #whole: boolean;

  constructor(classes: readonly StakeClass[], problem: Problem, whole: boolean) {
    this.#problem = problem;
    this.#whole = whole;
    const countOf = new Map<number, number>();
    const mixed = new Set<number>();
    for (const { edges, cost } of classes) {
      const operators = new Set(edges.map(({ operator }) => operator));
      const isWhole =
        operators.size === 1 && cost === "once" && edges.every(({ loss }) => loss === edges[0]!.loss);
      for (const operator of operators) {
        countOf.set(operator, (countOf.get(operator) ?? 0) + 1);
        if (!isWhole) mixed.add(operator);
      }
    }
    const simple = [...countOf].filter(([operator, count]) => count === 1 && !mixed.has(operator));
    this.#simple = new Set(simple.map(([operator]) => operator));
  }

  isSimple = (operator: number): boolean => this.#simple.has(operator);

  name(operator: number, service: number): string {
    const name = this.isSimple(operator) ? `b${operator}` : `y${operator}_${service}`;
    if (!this.#made.has(name)) {
      this.#made.add(name);
      this.#problem.share(name, this.#whole);
    }
    return name;
  }
}

/** The classes that an attack on some services can cost. */
function classesOf(model: Model, services: readonly number[]): StakeClass[] {
  const edges = edgesByService(model);
  const numbers = new Set(services.flatMap((service) => edges[service]!.map(({ at }) => at)));
  return [...numbers].toSorted((a, b) => a - b).map((at) => model.classes[at]!);
}

interface Parts {
  readonly problem: Problem;
  readonly pairs: Pairs;
  readonly scaled: (amount: bigint) => number;
}

function addCosts(model: Model, classes: readonly StakeClass[], { problem, pairs, scaled }: Parts): void {
  for (const [i, { edges, cost, cap }] of classes.entries()) {
    const needed = edges.filter((edge) => isTarget(model, edge.service) && hasPower(model, edge));
    if (needed.length === 0) continue;
    const [first] = needed as [(typeof needed)[number]];
    const names = new Set(needed.map(({ operator, service }) => pairs.name(operator, service)));
    if (names.size === 1) {
      const losses = needed.map(({ loss }) => loss);
      const most = losses.reduce((a, b) => (a > b ? a : b));
      problem.maximize(-scaled(cost === "sum" && first.loss > cap ? cap : most), [...names][0]!);
      continue;
    }
    problem.maximize(-1, `c${i}`);
    if (cost === "once") {
      for (const { operator, service, loss } of needed) {
        problem.atLeast(
          [
            [1, `c${i}`],
            [-scaled(loss), pairs.name(operator, service)],
          ],
          0,
        );
      }
      continue;
    }
    const paid = needed.map(
      ({ operator, service, loss }) => [-scaled(loss), pairs.name(operator, service)] as const,
    );
    let all = 0n;
    for (const { loss } of needed) all += loss;
    if (all <= cap) {
      problem.atLeast([[1, `c${i}`], ...paid], 0);
      continue;
    }
    // Either the losses add up, or the whole pool is lost.
    const z = problem.share(`z${i}`, true);
    problem.atLeast([[1, `c${i}`], ...paid, [scaled(all), z]], 0);
    problem.atLeast(
      [
        [1, `c${i}`],
        [-scaled(cap), z],
      ],
      0,
    );
  }
}

const isTarget = ({ services }: Model, service: number): boolean =>
  (services[service]!.profit ?? 0n) > 0n && services[service]!.power > 0n;
