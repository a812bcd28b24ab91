import { Budget } from "./budget.js";
import { type Certificate, certify, classLoads } from "./certificate.js";
import { checkGraph } from "./check.js";
import { edgesByService } from "./coalition.js";
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
  const base = { gamma, scale: model.scale };
  const all = new Added(model, inverse(add(gamma, ONE)));
  if (all.isEnough()) return { ...base, class: "certified", isEnough: true, add: [], total: 0n, atLeast: 0n };
  if (certify(model).loads.includes(null)) {
    return { ...base, class: "unknown", isEnough: false, add: null, total: 0n, atLeast: 0n };
  }
  const atLeast = all.leastOfAll();
  if (!all.fill()) return { ...base, class: "unknown", isEnough: false, add: null, total: 0n, atLeast };
  const list = all.list();
  const total = list.reduce((sum, { amount }) => sum + amount, 0n);
  return { ...base, class: "certified", isEnough: false, add: list, total, atLeast };
}

/** How many edges and operators may be looked at until the answer is unknown. */
const MOST_STEPS = 3_000_000;

/** Stake added to operators: it counts in each of their services. */
class Added {
  readonly #model: Model;
  readonly #limit: Fraction;
  /** The services with a profit that an operator is in, by its number. */
  readonly #servicesOf: readonly (readonly number[])[];
  /** The classes that a service's profit falls on, by its number. */
  readonly #classesOf: readonly (readonly StakeClass[])[];
  readonly #added: bigint[];
  /** What is added to each service. */
  readonly #extra: bigint[];
  readonly #budget = new Budget(MOST_STEPS);

  constructor(model: Model, limit: Fraction) {
    this.#model = model;
    this.#limit = limit;
    const servicesOf = model.operators.map(() => [] as number[]);
    for (const [service, { powers, profit }] of model.services.entries()) {
      if (profit) for (const operator of powers.keys()) servicesOf[operator]!.push(service);
    }
    this.#servicesOf = servicesOf;
    this.#classesOf = edgesByService(model).map((edges) =>
      [...new Set(edges.map(({ at }) => at))].map((at) => model.classes[at]!),
    );
    this.#added = model.operators.map(() => 0n);
    this.#extra = model.services.map(() => 0n);
  }

  isEnough(): boolean {
    return this.#model.classes.every((each) => this.#bears(each));
  }

  /** Whether the load of a class is within the limit, with what is added. */
  #bears(
    { edges, ...rest }: StakeClass,
    extra: (service: number) => bigint = (i) => this.#extra[i]!,
  ): boolean {
    // The class by itself, with its services in its own numbers.
    const services = edges.map(({ service }) => {
      const each = this.#model.services[service]!;
      return { ...each, power: each.power + extra(service) };
    });
    const own = { ...rest, edges: edges.map((edge, service) => ({ ...edge, service })) };
    const [load] = classLoads({ services, classes: [own] });
    return load != null && compare(load, this.#limit) <= 0;
  }

  /** What is added to an operator: every service of it can slash it. */
  #classOf(operator: number): StakeClass {
    const edges = this.#servicesOf[operator]!.map((service) => ({ operator, service, power: 1n, loss: 1n }));
    return { edges, cost: "once", cap: 1n, isOwn: false };
  }

  #add(operator: number, amount: bigint): void {
    this.#added[operator]! += amount;
    for (const service of this.#servicesOf[operator]!) this.#extra[service]! += amount;
  }

  /** Added stake is at best in all services at once: the least that would do then. */
  leastOfAll(): bigint {
    let most = 0n;
    for (const each of this.#model.classes) {
      // More is enough too: only a class that needs more than those before is asked how much.
      if (this.#bears(each, () => most)) continue;
      // What some classes need is a bound too.
      if (!this.#budget.take(TRIES * each.edges.length)) return most;
      most = least((amount) => this.#bears(each, () => amount));
    }
    return most;
  }

  /** Adds where it helps. False where the graph is too large for it. */
  fill(): boolean {
    // What is added makes all loads smaller: a class that is within the limit stays there.
    for (const each of this.#model.classes) if (!this.#relieve(each)) return false;
    for (let at = 0; at < this.#added.length; at++) {
      const before = this.#added[at]!;
      if (before === 0n || this.#bears(this.#classOf(at))) continue;
      if (!this.#relieve(this.#classOf(at))) return false;
      // An operator before this one may have got some now.
      at = -1;
    }
    this.#trim();
    return true;
  }

  /** Adds what a class needs. */
  #relieve(each: StakeClass): boolean {
    if (this.#bears(each)) return true;
    const best = this.#mostHelpful(each);
    if (best === null || !this.#budget.take(TRIES * each.edges.length)) return false;
    // Where one operator is not in all of the services that weigh on a stake, the first of them may not be enough alone.
    const helped = new Set(this.#servicesOf[best]!);
    const step = leastOrNull((amount) =>
      this.#bears(each, (service) => this.#extra[service]! + (helped.has(service) ? amount : 0n)),
    );
    if (step !== null) this.#add(best, step);
    else this.#addToAll(each);
    return true;
  }

  /** The operator that is in most of the services of a class. Null where the budget is too small to look for it. */
  #mostHelpful({ edges }: StakeClass): number | null {
    const helps = new Map<number, number>();
    for (const service of new Set(edges.map((edge) => edge.service))) {
      const { powers, profit } = this.#model.services[service]!;
      if (!this.#budget.take(1 + powers.size)) return null;
      if (profit) for (const operator of powers.keys()) helps.set(operator, (helps.get(operator) ?? 0) + 1);
    }
    let [best, most] = [0, 0];
    for (const [operator, count] of helps) {
      if (count > most || (count === most && operator < best)) [best, most] = [operator, count];
    }
    return best;
  }

  /** An operator for each service of a class, by the same amount. */
  #addToAll(each: StakeClass): void {
    const chosen = new Set<number>();
    const reached = new Set<number>();
    for (const { service } of each.edges) {
      const { powers, profit } = this.#model.services[service]!;
      if (reached.has(service) || !profit) continue;
      const operator = [...powers.keys()].reduce((a, b) => (b < a ? b : a));
      chosen.add(operator);
      for (const own of this.#servicesOf[operator]!) reached.add(own);
    }
    const times = new Map<number, bigint>();
    for (const operator of chosen) {
      for (const service of this.#servicesOf[operator]!) times.set(service, (times.get(service) ?? 0n) + 1n);
    }
    const amount = least((more) =>
      this.#bears(each, (service) => this.#extra[service]! + more * (times.get(service) ?? 0n)),
    );
    for (const operator of chosen) this.#add(operator, amount);
  }

  /** Takes back what later steps made needless, as long as the budget lasts. */
  #trim(): void {
    for (const [operator, amount] of this.#added.entries()) {
      if (amount === 0n) continue;
      const services = new Set(this.#servicesOf[operator]);
      const concerned = new Set<StakeClass>();
      for (const service of services) {
        const others = this.#model.services[service]!.powers;
        if (!this.#budget.take(TRIES * (others.size + this.#classesOf[service]!.length))) return;
        for (const each of this.#classesOf[service]!) concerned.add(each);
        for (const other of others.keys()) {
          if (other !== operator && this.#added[other]! > 0n) concerned.add(this.#classOf(other));
        }
      }
      const own = this.#classOf(operator);
      const needed = least((left) => {
        const extra = (service: number) =>
          this.#extra[service]! - (services.has(service) ? amount - left : 0n);
        const isBorne = (each: StakeClass) => this.#bears(each, extra);
        return (left === 0n || isBorne(own)) && [...concerned].every(isBorne);
      });
      this.#add(operator, needed - amount);
    }
  }

  list(): { operator: string; amount: bigint }[] {
    return this.#added.flatMap((amount, operator) =>
      amount === 0n ? [] : [{ operator: this.#model.operators[operator]!, amount }],
    );
  }
}

/** How often an amount is tried, about, until the least one is found. */
const TRIES = 100;

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
