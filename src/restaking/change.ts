import { type Certificate, certify, classLoads } from "./certificate.js";
import { checkGraph } from "./check.js";
import { TapstakeError } from "../core/errors.js";
import { assertName } from "./double-sign.js";
import { worstLossOf } from "./exposure.js";
import { add, compare, type Fraction, inverse, ONE } from "./fraction.js";
import type { Edge, RestakingGraph } from "./graph.js";
import { type Model, modelOf, type StakeClass } from "./model.js";
import { edgesOfPools } from "./places.js";

/** What a graph says without a search, before and after a change. */
export interface Compared<T> {
  readonly before: T;
  readonly after: T;
}

/** What joining one more service changes. */
export interface OptIn {
  readonly operator: string;
  readonly service: string;
  /** The graph with the operator in the service. */
  readonly graph: RestakingGraph;
  /** The stake that joins, in the unit of profits × `scale`. */
  readonly joining: bigint;
  readonly scale: bigint;
  readonly power: Compared<bigint>;
  readonly slack: Compared<Certificate["slack"]>;
  /** The operator's load (T_v), and those of the others in the service. */
  readonly loads: readonly ({ readonly operator: string } & Compared<Fraction | null>)[];
  /** What the operator's pools can lose, in each pool's asset. */
  readonly worstLosses: readonly ({ readonly pool: string } & Compared<bigint>)[];
}

/**
 * What it changes when an operator joins one more service with all that its pools have left: for it, and for the others in
 * the service. Pools that each service has a part of give what no service has yet.
 * @throws TapstakeError `unknown-name`; `invalid-graph` where it is in the service already
 */
export function optIn(graph: RestakingGraph, operator: string, service: string): OptIn {
  assertName(graph, "operators", operator);
  assertName(graph, "services", service);
  const isIn = (edge: Edge) => edge.operator === operator && edge.service === service;
  if (graph.edges.some(isIn)) {
    const text = `the operator ${operator} is in the service ${service} already`;
    throw new TapstakeError("invalid-graph", text, { operator, service });
  }
  const edgesOf = edgesOfPools(graph);
  const joined: Edge[] = [];
  for (const [at, { amount }] of graph.pools.entries()) {
    const edges = edgesOf(at);
    const own = edges.find((edge) => edge.operator === operator);
    if (!own) continue;
    const taken = edges.reduce((all, { slashable }) => all + slashable, 0n);
    const slashable = own.shares === "unique" ? amount - taken : amount;
    joined.push({ ...own, service, weight: amount, slashable, pending: false });
  }
  const after: RestakingGraph = { ...graph, edges: [...graph.edges, ...joined] };
  checkGraph(after);
  const [models, certificates] = both([graph, after].map(modelOf));
  const at = graph.services.findIndex(({ id }) => id === service);
  const [wasIn, isNow] = models.map(({ services }) => services[at]!) as [
    Model["services"][0],
    Model["services"][0],
  ];
  const concerned = new Set([...isNow.powers.keys(), graph.operators.findIndex(({ id }) => id === operator)]);
  return {
    operator,
    service,
    graph: after,
    joining: isNow.power - wasIn.power,
    scale: models[0]!.scale,
    power: { before: wasIn.power, after: isNow.power },
    slack: { before: certificates[0]!.slack, after: certificates[1]!.slack },
    loads: [...concerned].map((number) => ({
      operator: graph.operators[number]!.id,
      before: certificates[0]!.loads[number]!,
      after: certificates[1]!.loads[number]!,
    })),
    worstLosses: worstLosses(graph, after, operator),
  };
}

const both = (models: readonly Model[]): [readonly Model[], readonly Certificate[]] => [
  models,
  models.map(certify),
];

function worstLosses(before: RestakingGraph, after: RestakingGraph, operator: string): OptIn["worstLosses"] {
  const [was, is] = [edgesOfPools(before), edgesOfPools(after)];
  return before.pools.flatMap((pool, at) => {
    const edges = was(at);
    if (!edges.some((edge) => edge.operator === operator)) return [];
    return { pool: pool.id, before: worstLossOf(pool, edges), after: worstLossOf(pool, is(at)) };
  });
}

/** How much stake is missing to a margin. */
export interface Collateral {
  readonly gamma: Fraction;
  /** No attack then costs less than 1 + gamma times its profit. */
  readonly class: "certified" | "unknown";
  /** Whether the certificate holds already. */
  readonly isEnough: boolean;
  /** Stake to add, and to which operators: checked to suffice. Null where stake alone cannot. */
  readonly add: readonly { readonly operator: string; readonly amount: bigint }[] | null;
  readonly total: bigint;
  /** No less than this can suffice for the certificate. */
  readonly atLeast: bigint;
  readonly scale: bigint;
}

/**
 * Stake to add, until the certificate gives a slack of `gamma`: where it helps most, step by step, and then less of
 * it, as long as it suffices. `atLeast` says how little could do.
 */
export function collateral(graph: RestakingGraph, gamma: Fraction): Collateral {
  const model = modelOf(graph);
  const limit = inverse(add(gamma, ONE));
  const all = new Added(model, limit);
  const base = { gamma, scale: model.scale };
  const { loads } = certify(model);
  if (all.isEnough()) return { ...base, class: "certified", isEnough: true, add: [], total: 0n, atLeast: 0n };
  if (loads.includes(null)) {
    return { ...base, class: "unknown", isEnough: false, add: null, total: 0n, atLeast: 0n };
  }
  const atLeast = all.leastOfAll();
  all.fill();
  const list = all.list();
  const total = list.reduce((sum, { amount }) => sum + amount, 0n);
  return { ...base, class: "certified", isEnough: false, add: list, total, atLeast };
}

/** Stake added to operators: it counts in each of their services. */
class Added {
  readonly #model: Model;
  readonly #limit: Fraction;
  readonly #servicesOf: readonly (readonly number[])[];
  readonly #added: bigint[];

  constructor(model: Model, limit: Fraction) {
    this.#model = model;
    this.#limit = limit;
    this.#servicesOf = model.operators.map((_, operator) =>
      [...model.services.entries()].flatMap(([i, { powers, profit }]) =>
        powers.has(operator) && profit ? [i] : [],
      ),
    );
    this.#added = model.operators.map(() => 0n);
  }

  isEnough(): boolean {
    return this.#violated() === null;
  }

  /** A class that bears too much: of what was there, or of what is added, which every service of its operator can slash. */
  #violated(extra = this.#extras()): StakeClass | null {
    const services = this.#model.services.map((service, i) => ({
      ...service,
      power: service.power + extra[i]!,
    }));
    const added = this.#added.flatMap((amount, operator) => (amount === 0n ? [] : [this.#classOf(operator)]));
    const classes = [...this.#model.classes, ...added];
    const loads = classLoads({ ...this.#model, services, classes });
    const at = loads.findIndex((load) => load === null || compare(load, this.#limit) > 0);
    return at === -1 ? null : classes[at]!;
  }

  #classOf(operator: number): StakeClass {
    const edges = this.#servicesOf[operator]!.map((service) => ({ operator, service, power: 1n, loss: 1n }));
    return { edges, cost: "once", cap: 1n, isOwn: false };
  }

  #extras(): bigint[] {
    const extra = this.#model.services.map(() => 0n);
    this.#added.forEach((amount, operator) => {
      for (const service of this.#servicesOf[operator]!) extra[service]! += amount;
    });
    return extra;
  }

  /** Added stake is at best in all services at once: the least that would do then. */
  leastOfAll(): bigint {
    return least((amount) => this.#violated(this.#model.services.map(() => amount)) === null);
  }

  fill(): void {
    for (let each = this.#violated(); each; each = this.#violated()) {
      const needed = new Set(each.edges.map(({ service }) => service));
      const helps = (operator: number) =>
        this.#servicesOf[operator]!.filter((service) => needed.has(service)).length;
      const best = this.#model.operators
        .map((_, operator) => operator)
        .reduce((a, b) => (helps(b) > helps(a) ? b : a));
      const sub = new Added({ ...this.#model, classes: [each] }, this.#limit);
      this.#added.forEach((amount, operator) => (sub.#added[operator] = amount));
      const enough = (amount: bigint) => {
        sub.#added[best] = this.#added[best]! + amount;
        return sub.isEnough();
      };
      // Where one operator is not in all of the services that weigh on a stake, the first of them may not be enough alone.
      const step = leastOrNull(enough);
      if (step !== null) this.#added[best]! += step;
      else this.#addToAll(each);
    }
    this.#trim();
  }

  /** An operator for each service of a class, by the same amount. */
  #addToAll(each: StakeClass): void {
    const chosen = new Set<number>();
    for (const { service } of each.edges) {
      if ([...chosen].some((operator) => this.#servicesOf[operator]!.includes(service))) continue;
      const operator = this.#servicesOf.findIndex((services) => services.includes(service));
      if (operator !== -1) chosen.add(operator);
    }
    const before = [...this.#added];
    const set = (amount: bigint) => {
      for (const operator of chosen) this.#added[operator] = before[operator]! + amount;
    };
    const only = new Added({ ...this.#model, classes: [each] }, this.#limit);
    set(
      least((amount) => {
        set(amount);
        this.#added.forEach((added, operator) => (only.#added[operator] = added));
        return only.isEnough();
      }),
    );
  }

  /** Takes back what later steps made needless. */
  #trim(): void {
    for (const [operator, amount] of this.#added.entries()) {
      if (amount === 0n) continue;
      this.#added[operator] = least((each) => {
        this.#added[operator] = each;
        return this.isEnough();
      });
    }
  }

  list(): { operator: string; amount: bigint }[] {
    return this.#added.flatMap((amount, operator) =>
      amount === 0n ? [] : [{ operator: this.#model.operators[operator]!, amount }],
    );
  }
}

/** The least amount that is enough, where more is enough too. */
function least(isEnough: (amount: bigint) => boolean): bigint {
  const found = leastOrNull(isEnough);
  if (found === null) throw new TapstakeError("invalid-graph", "no stake that could be added is enough");
  return found;
}

function leastOrNull(isEnough: (amount: bigint) => boolean): bigint | null {
  let high = 1n;
  while (!isEnough(high)) {
    high *= 2n;
    if (high > MOST) return null;
  }
  let low = 0n;
  if (isEnough(0n)) return 0n;
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    if (isEnough(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** More than there is of any asset. */
const MOST = 2n ** 300n;
