import type { AttackOptions } from "./attack.js";
import { Effort, MOST_PAIRS_ASKED } from "./budget.js";
import {
  checkCoalition,
  type CheckedCoalition,
  costsByOperator,
  edgesByService,
  neededOf,
  type PlacedEdge,
  pruned,
} from "./coalition.js";
import { compare, type Fraction, fraction, lesser, ONE, toNumber } from "./fraction.js";
import { coverOf, greedyCoalitions, pairsOf, targetsOf } from "./greedy.js";
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
export const breakEven = (model: Model, service: number, options: AttackOptions = {}): BreakEven =>
  breakEvens(model, [service], options)[0]!;

/** The same of several services, within one effort: in a large graph, bounds of later services are wider. */
export function breakEvens(
  model: Model,
  services: readonly number[],
  options: AttackOptions = {},
): BreakEven[] {
  const known = targetsOf(model);
  let profits = 0n;
  for (const each of known) profits += model.services[each]!.profit!;
  const rest = { known: new Set(known), profits, pairs: pairsOf(model, known), effort: new Effort() };
  return services.map((service) => new Question(model, service, rest).answer(options));
}

/** What is the same for all services that are asked about. */
interface Rest {
  /** Services that an attack wins something from. */
  readonly known: ReadonlySet<number>;
  readonly profits: bigint;
  readonly pairs: number;
  readonly effort: Effort;
}

class Question {
  readonly #model: Model;
  readonly #service: number;
  readonly #rest: Rest;
  readonly #alone: CheckedCoalition;
  #best: CheckedCoalition;

  constructor(model: Model, service: number, rest: Rest) {
    this.#model = model;
    this.#service = service;
    this.#rest = rest;
    const cover = coverOf(model, [service], costsByOperator(model));
    this.#alone = checkCoalition(model, pruned(model, cover));
    this.#best = this.#alone;
  }

  answer({ solver, seconds = 60 }: AttackOptions): BreakEven {
    const { effort, pairs } = this.#rest;
    const others = this.#profitOfOthers();
    let atLeast = larger(0n, leastCost(this.#model, this.#service) - others);
    // Without others that bring something, no coalition is cheaper than one for this service alone.
    const all = pairs + pairsOf(this.#model, [this.#service]) + this.#model.services.length;
    if (others > 0n && effort.graphs.take(all)) {
      for (const found of greedyCoalitions(this.#asked(), effort.growth)) this.#consider(found);
    }
    let isProved = false;
    const isSmall = this.#model.services.length <= MOST_PAIRS_ASKED;
    if (solver && isSmall && this.#missing() > atLeast) {
      const options = { weight: ONE, whole: true, seconds, oneOf: [this.#service], budget: effort.questions };
      const solved = solveAttack(this.#asked(), solver, options);
      if (solved) {
        this.#consider(solved.coalition);
        // Within what the solver may be wrong by.
        const gain = toNumber([this.#profit() - this.#missing(), solved.unit]);
        isProved = solved.value <= gain + TOLERANCE;
        if (isProved) atLeast = this.#missing();
      }
    }
    const atMost = this.#missing();
    const isExact = atMost === atLeast;
    return {
      service: this.#service,
      class: !isExact ? "unknown" : isProved ? "proved" : "certified",
      atLeast,
      atMost,
      coalition: checkCoalition(this.#model, this.#best.coalition),
    };
  }

  /** With this profit it pays for certain, so that the search takes it for a target. */
  #profit(): bigint {
    return this.#alone.cost + 1n;
  }

  /** The model in which the service has that profit. */
  #asked(): Model {
    const profit = this.#profit();
    const services = this.#model.services.with(this.#service, {
      ...this.#model.services[this.#service]!,
      profit,
    });
    return { ...this.#model, services };
  }

  #profitOfOthers(): bigint {
    const { known, profits } = this.#rest;
    return known.has(this.#service) ? profits - this.#model.services[this.#service]!.profit! : profits;
  }

  /** What a coalition with the service lacks: its cost beyond what the other services bring. */
  #missing({ coalition, cost }: CheckedCoalition = this.#best): bigint {
    let brought = 0n;
    for (const service of coalition.keys()) {
      if (service !== this.#service) brought += this.#model.services[service]!.profit ?? 0n;
    }
    return larger(0n, cost - brought);
  }

  #consider(found: CheckedCoalition): void {
    const isBetter = found.suffices && found.coalition.has(this.#service);
    if (isBetter && this.#missing(found) < this.#missing()) this.#best = found;
  }
}

const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** As if stake could be divided: the cheapest first, until the share is there. */
function leastCost(model: Model, service: number): bigint {
  let missing = neededOf(model.services[service]!);
  const ofClass = new Map<number, PlacedEdge[]>();
  for (const edge of edgesByService(model)[service]!) {
    if (edge.power === 0n) continue;
    const own = ofClass.get(edge.at);
    if (own) own.push(edge);
    else ofClass.set(edge.at, [edge]);
  }
  const offers = [...ofClass].map(([at, edges]) => offerOf(model.classes[at]!, edges));
  let cost = 0n;
  for (const { price, amount } of offers.toSorted((a, b) => compare(a.price, b.price))) {
    const taken = amount < missing ? amount : missing;
    cost += (taken * price[0] * FINE) / price[1];
    missing -= taken;
    if (missing <= 0n) break;
  }
  return (cost + FINE - 1n) / FINE;
}

/** Prices have denominators of any size: their sums are cut off at this part of a unit. */
const FINE = 2n ** 256n;

/** What power a class has by its edges in a service, and the least that a part of it costs for each unit. */
function offerOf(
  { cost, cap }: StakeClass,
  edges: readonly PlacedEdge[],
): { price: Fraction; amount: bigint } {
  const [first, ...others] = edges.toSorted((a, b) => (a.loss < b.loss ? -1 : a.loss > b.loss ? 1 : 0));
  let amount = first!.power;
  let price = fraction(first!.loss, first!.power);
  for (const { power, loss } of others) {
    amount += power;
    // Paid once, the dearer edge brings the cheaper ones along.
    price = lesser(price, cost === "once" ? fraction(loss, amount) : fraction(loss, power));
  }
  if (cost === "sum") price = lesser(price, fraction(cap, amount));
  return { price, amount };
}
