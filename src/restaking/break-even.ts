import type { AttackOptions } from "./attack.js";
import { checkCoalition, type CheckedCoalition, costsByOperator, pruned } from "./coalition.js";
import { compare, type Fraction, fraction, lesser, ONE, toNumber } from "./fraction.js";
import { coverOf, greedyCoalitions, targetsOf } from "./greedy.js";
import { solveAttack, TOLERANCE } from "./milp.js";
import type { Model, StakeClass } from "./model.js";

/**
 * From which profit on it pays to corrupt a service, alone or with others whose profits are known: what an unknown profit
 * must stay below.
 */
export interface BreakEven {
  readonly service: number;
  readonly class: "certified" | "proved" | "unknown";
  /** No attack on it pays at a profit of less. */
  readonly atLeast: bigint;
  /** A coalition that is there pays at a profit of more. */
  readonly atMost: bigint;
  readonly coalition: CheckedCoalition;
}

/** In the model's unit; a service without stake costs nothing. */
export function breakEven(
  model: Model,
  service: number,
  { solver, seconds = 60 }: AttackOptions = {},
): BreakEven {
  const costs = costsByOperator(model);
  const alone = checkCoalition(model, pruned(model, coverOf(model, [service], costs)));
  // With this profit it pays for certain, so that the search takes it for a target.
  const profit = alone.cost + 1n;
  const services = model.services.map((each, i) => (i === service ? { ...each, profit } : each));
  const asked = { ...model, services };
  const missing = (found: CheckedCoalition) => larger(0n, found.cost - (found.profit - profit));
  let best = checkCoalition(asked, alone.coalition);
  const consider = (found: CheckedCoalition) => {
    if (found.suffices && found.coalition.has(service) && missing(found) < missing(best)) best = found;
  };
  for (const found of greedyCoalitions(asked)) consider(found);
  const others = targetsOf(model).reduce(
    (all, i) => (i === service ? all : all + model.services[i]!.profit!),
    0n,
  );
  let atLeast = larger(0n, leastCost(model, service) - others);
  let isProved = false;
  if (solver && missing(best) > atLeast) {
    const solved = solveAttack(asked, solver, { weight: ONE, whole: true, seconds, oneOf: [service] });
    if (solved) {
      consider(solved.coalition);
      // Within what the solver may be wrong by.
      isProved = solved.value <= toNumber([profit - missing(best), solved.unit]) + TOLERANCE;
      if (isProved) atLeast = missing(best);
    }
  }
  const atMost = missing(best);
  const isExact = atMost === atLeast;
  return {
    service,
    class: !isExact ? "unknown" : isProved ? "proved" : "certified",
    atLeast,
    atMost,
    coalition: checkCoalition(model, best.coalition),
  };
}

const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** As if stake could be divided: the cheapest first, until the share is there. */
function leastCost(model: Model, service: number): bigint {
  const { alpha, power } = model.services[service]!;
  let missing = fraction(alpha[0] * power, alpha[1]);
  const offers = model.classes.flatMap((each) => offerOf(each, service) ?? []);
  let cost: Fraction = [0n, 1n];
  for (const { price, amount } of offers.toSorted((a, b) => compare(a.price, b.price))) {
    const taken = lesser(missing, [amount, 1n]);
    cost = fraction(
      cost[0] * price[1] * taken[1] + price[0] * taken[0] * cost[1],
      cost[1] * price[1] * taken[1],
    );
    missing = fraction(missing[0] * taken[1] - taken[0] * missing[1], missing[1] * taken[1]);
    if (missing[0] === 0n) break;
  }
  return (cost[0] + cost[1] - 1n) / cost[1];
}

/** What power in a service a class has, and the least that a part of it costs for each unit. */
function offerOf(
  { edges, cost, cap }: StakeClass,
  service: number,
): { price: Fraction; amount: bigint } | null {
  const own = edges.filter((edge) => edge.service === service && edge.power > 0n);
  const [first, ...others] = own.toSorted((a, b) => (a.loss < b.loss ? -1 : a.loss > b.loss ? 1 : 0));
  if (!first) return null;
  let amount = first.power;
  let price = fraction(first.loss, first.power);
  for (const { power, loss } of others) {
    amount += power;
    // Paid once, the dearer edge brings the cheaper ones along.
    price = lesser(price, cost === "once" ? fraction(loss, amount) : fraction(loss, power));
  }
  if (cost === "sum") price = lesser(price, fraction(cap, amount));
  return { price, amount };
}
