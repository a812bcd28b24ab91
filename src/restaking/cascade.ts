import { type AnswerClass, type AttackOptions, type Found, searchAttack } from "./attack.js";
import { Effort, MOST_PAIRS_ASKED } from "./budget.js";
import { certify } from "./certificate.js";
import { checkCoalition, type CheckedCoalition } from "./coalition.js";
import { assertName } from "./double-sign.js";
import { compare, type Fraction, fraction, inverse, add, multiply, ONE, toNumber, ZERO } from "./fraction.js";
import { type Edge, edgesInForce, type RestakingGraph } from "./graph.js";
import { pairsOf, targetsOf } from "./greedy.js";
import { poolsAfter } from "./layers.js";
import { lossOf, type Model, modelOf } from "./model.js";
import { optimumOf, Problem, type Solver } from "./solver.js";
import { TOLERANCE } from "./milp.js";

/** What a first loss leads to. */
export interface Cascade {
  /** What the shock destroys, in the unit of profits × `scale`. */
  readonly shock: bigint;
  readonly steps: readonly CascadeStep[];
  readonly scale: bigint;
  /** All stake before. */
  readonly total: bigint;
  /** What is lost in the end, the shock with it. */
  readonly lost: bigint;
  readonly lostShare: Fraction;
  /** Services that had stake before, and have nothing left: to corrupt them costs nothing. */
  readonly emptied: readonly string[];
  /** What is known of the end: that no further attack pays (`certified`, `proved`), or nothing (`unknown`). */
  readonly end: Exclude<AnswerClass, "attack-found">;
  readonly needs?: "highs";
  /** No cascade after such a shock loses this much, where the slack before it is certified. Null where it is not. */
  readonly lessThan: Fraction | null;
}

/** One attack of a cascade, with amounts in the unit of profits × `scale`. */
export interface CascadeStep {
  readonly services: readonly string[];
  readonly operators: readonly string[];
  readonly profit: bigint;
  readonly cost: bigint;
}

/** What is destroyed at first: the stake of operators, or pools. */
export interface Shock {
  readonly operators?: readonly string[];
  readonly pools?: readonly string[];
}

/**
 * What follows when stake is destroyed: as long as an attack pays, its operators and what they lose leave, and its services
 * have been robbed. Each step takes the attack that gains most of those that are found.
 * @throws TapstakeError `unknown-name`
 */
export function cascade(graph: RestakingGraph, shock: Shock, options: AttackOptions = {}): Cascade {
  for (const id of shock.operators ?? []) assertName(graph, "operators", id);
  for (const id of shock.pools ?? []) assertName(graph, "pools", id);
  const before = modelOf(graph);
  const { total, scale } = before;
  let rest = afterShock(graph, shock);
  const destroyed = total - modelOf(rest).total;
  const steps: CascadeStep[] = [];
  const effort = new Effort();
  for (;;) {
    const model = modelOf(rest);
    const size = graph.edges.length + graph.services.length;
    const isInBudget = steps.length === 0 || effort.graphs.take(size);
    const answer = isInBudget ? searchAttack(model, options, effort) : OUT_OF_BUDGET;
    if (answer.class !== "attack-found") {
      const lost = total - model.total;
      return {
        shock: destroyed,
        steps,
        scale,
        total,
        lost,
        lostShare: shareOf(lost, total),
        emptied: emptied(before, model),
        end: answer.class,
        ...(answer.needs && { needs: answer.needs }),
        lessThan: boundOf(before, shareOf(destroyed, total)),
      };
    }
    const { services, operators, profit, cost } = answer.coalition!;
    steps.push({
      services: services.map((service) => model.services[service]!.id),
      operators: operators.map((operator) => model.operators[operator]!),
      profit,
      cost,
    });
    rest = afterAttack(rest, model, answer.coalition!);
  }
}

/** What is lost so far is known, and not whether more follows. */
const OUT_OF_BUDGET: Pick<Found, "class" | "coalition" | "needs"> = { class: "unknown" };

const emptied = (before: Model, after: Model): string[] =>
  before.services.flatMap(({ id, power }, i) => (power > 0n && after.services[i]!.power === 0n ? [id] : []));

const shareOf = (part: bigint, all: bigint): Fraction => (all === 0n ? ZERO : fraction(part, all));

/**
 * (1 + 1/γ) ψ, which a cascade stays below (Robust Restaking Networks): for graphs in which an operator's stake is lost whole,
 * with a certified γ above 0. Null elsewhere.
 */
function boundOf(model: Model, psi: Fraction): Fraction | null {
  const { slack, free } = certify(model);
  if (!model.isPlain || free.length > 0 || slack === null) return null;
  if (slack === "unlimited") return psi;
  return compare(slack, ZERO) > 0 ? multiply(add(ONE, inverse(slack)), psi) : null;
}

function afterShock(graph: RestakingGraph, { operators = [], pools = [] }: Shock): RestakingGraph {
  const gone = new Set(pools);
  const faulty = new Set(operators);
  for (const { pool, operator } of edgesInForce(graph)) if (faulty.has(operator)) gone.add(pool);
  return without(
    graph,
    new Map(graph.pools.flatMap(({ id, amount }) => (gone.has(id) ? [[id, amount]] : []))),
  );
}

/** Attacked pools are spent or lowered, attackers have left, and what was robbed has no profit any more. */
function afterAttack(
  graph: RestakingGraph,
  model: Model,
  { coalition, operators }: CheckedCoalition,
): RestakingGraph {
  const attacks = new Map(
    [...coalition].map(([service, by]) => [
      model.services[service]!.id,
      new Set([...by].map((operator) => model.operators[operator]!)),
    ]),
  );
  const attackers = new Set(operators.map((operator) => model.operators[operator]!));
  const lost = new Map<string, bigint>();
  const pools = new Map(graph.pools.map((pool) => [pool.id, pool]));
  for (const edge of edgesInForce(graph)) {
    if (attacks.get(edge.service)?.has(edge.operator) !== true) continue;
    const pool = pools.get(edge.pool)!;
    const loss = edge.onSlash === "spend-pool" ? pool.amount : lossOf(edge, pool);
    const all = (lost.get(pool.id) ?? 0n) + loss;
    lost.set(pool.id, all < pool.amount ? all : pool.amount);
  }
  const left = without(graph, lost);
  return {
    ...left,
    services: left.services.map((service) =>
      attacks.has(service.id) ? { ...service, profit: 0n } : service,
    ),
    edges: left.edges.filter(({ operator }) => !attackers.has(operator)),
  };
}

/** The graph with less in its pools, by their ids: an edge stands for no more than its pool has. */
function without(graph: RestakingGraph, lost: ReadonlyMap<string, bigint>): RestakingGraph {
  const numbers = graph.pools.flatMap(({ id }, at) => (lost.has(id) ? [[at, lost.get(id)!] as const] : []));
  const pools = poolsAfter(graph.pools, new Map(numbers));
  const amounts = new Map(pools.map(({ id, amount }) => [id, amount]));
  const capped = (edge: Edge): Edge => {
    const most = amounts.get(edge.pool)!;
    const cap = (amount: bigint) => (amount < most ? amount : most);
    return { ...edge, weight: cap(edge.weight), slashable: cap(edge.slashable) };
  };
  return {
    ...graph,
    pools,
    edges: edgesInForce(graph)
      .filter(({ pool }) => amounts.get(pool)! > 0n)
      .map(capped),
  };
}

/** What the worst first loss leads to. */
export interface WorstCascade {
  readonly class: "proved" | "unknown";
  readonly psi: Fraction;
  /** The share of all stake that the worst shock loses in the end, itself with it. Null where it is unknown. */
  readonly share: Fraction | null;
  /** A shock and the attacks after it as one, that lose so much: checked in whole numbers. */
  readonly shock: readonly string[];
  readonly operators: readonly string[];
  readonly services: readonly string[];
  readonly lessThan: Fraction | null;
  readonly needs?: "highs" | "plain-graph";
}

/**
 * R_ψ: what the worst shock of up to a share ψ of all stake loses in the end, by one problem for the solver: the attacks of a
 * cascade are together one valid attack. For graphs in which each operator's stake is lost whole.
 */
export function worstCascade(
  graph: RestakingGraph,
  psi: Fraction,
  { solver, seconds = 60 }: AttackOptions = {},
): WorstCascade {
  const model = modelOf(graph);
  const lessThan = boundOf(model, psi);
  const base = { psi, lessThan, shock: [], operators: [], services: [], share: null };
  if (!model.isPlain) return { ...base, class: "unknown", needs: "plain-graph" };
  if (!solver && isSmall(model)) return { ...base, class: "unknown", needs: "highs" };
  const found = solver && isSmall(model) ? solveWorst(model, psi, solver, seconds) : null;
  if (!found) return { ...base, class: "unknown" };
  const { destroyed, coalition } = found;
  return {
    ...base,
    class: "proved",
    share: add(psi, shareOf(coalition?.cost ?? 0n, model.total)),
    shock: destroyed.map((operator) => model.operators[operator]!),
    operators: (coalition?.operators ?? []).map((operator) => model.operators[operator]!),
    services: (coalition?.services ?? []).map((service) => model.services[service]!.id),
  };
}

const isSmall = (model: Model): boolean =>
  model.operators.length + pairsOf(model, targetsOf(model)) <= MOST_PAIRS_ASKED;

/** Null where the solver is out of time, or where rounding broke its solution. */
function solveWorst(
  model: Model,
  psi: Fraction,
  solver: Solver,
  seconds: number,
): { destroyed: readonly number[]; coalition: CheckedCoalition | null } | null {
  const stakes = new Map(model.classes.map(({ edges }) => [edges[0]!.operator, edges[0]!.loss]));
  const unit = model.total === 0n ? 1n : model.total;
  const part = (amount: bigint) => toNumber([amount, unit]);
  const targets = targetsOf(model).map((service) => [service, model.services[service]!] as const);
  const targetsBy = new Map<number, number[]>();
  for (const [service, { powers }] of targets) {
    for (const [operator, power] of powers) {
      if (power === 0n) continue;
      const own = targetsBy.get(operator);
      if (own) own.push(service);
      else targetsBy.set(operator, [service]);
    }
  }
  const problem = new Problem();
  const names = [...stakes].map(([operator, stake]) => ({
    operator,
    stake,
    b: `b${operator}`,
    d: `d${operator}`,
  }));
  for (const { operator, stake, b, d } of names) {
    problem.share(b, true);
    problem.share(d, true);
    problem.maximize(part(stake), b);
    problem.atLeast(
      [
        [-1, b],
        [-1, d],
      ],
      -1,
    );
    // An operator that attacks nothing loses nothing.
    const own = (targetsBy.get(operator) ?? []).map((service) => [1, `x${service}`] as const);
    problem.atLeast([...own, [-1, b]], 0);
  }
  const any = problem.share("any", true);
  problem.atLeast(
    names.map(({ stake, d }) => [-part(stake), d] as const),
    -toNumber(psi) - SLIGHTLY,
  );
  for (const [service, { alpha, power, powers }] of targets) {
    const x = problem.share(`x${service}`, true);
    problem.atLeast(
      [
        [1, any],
        [-1, x],
      ],
      0,
    );
    const terms = [...powers].flatMap(([operator, each]) => {
      const share = toNumber([each, power]);
      return share === 0
        ? []
        : [[share, `b${operator}`] as const, [toNumber(alpha) * share, `d${operator}`] as const];
    });
    problem.atLeast([...terms, [-toNumber(alpha), x]], -SLIGHTLY);
  }
  const gains = targets.map(([service, { profit }]) => [part(profit!), `x${service}`] as const);
  const costs = names.map(({ stake, b }) => [-part(stake), b] as const);
  problem.atLeast([...gains, ...costs, [-marginOf(model, unit), any]], 0);
  const optimum = optimumOf(solver, problem, seconds);
  if (!optimum) return null;
  const isOn = (name: string) => optimum.valueOf(name) > 0.5;
  const destroyed = names.filter(({ d }) => isOn(d));
  const spent = destroyed.reduce((all, { stake }) => all + stake, 0n);
  if (spent * psi[1] > psi[0] * model.total) return null;
  const attackers = new Set(names.filter(({ b }) => isOn(b)).map(({ operator }) => operator));
  if (attackers.size === 0) return { destroyed: destroyed.map(({ operator }) => operator), coalition: null };
  const gone = new Set(destroyed.map(({ operator }) => operator));
  const rest = withoutOperators(model, gone);
  const attacked = targets.filter(([service]) => isOn(`x${service}`)).map(([service]) => service);
  const coalition = checkCoalition(
    rest,
    new Map(
      attacked.map((service) => [
        service,
        new Set([...attackers].filter((o) => rest.services[service]!.powers.has(o))),
      ]),
    ),
  );
  const all = [...attackers].reduce((sum, operator) => sum + stakes.get(operator)!, 0n);
  return coalition.isAttack && coalition.cost === all ? { destroyed: [...gone], coalition } : null;
}

/** Sums of rounded shares may miss a limit that they just reach; what is chosen is checked in whole numbers. */
const SLIGHTLY = TOLERANCE / 1_000;

/** A strict attack gains one unit at least: amounts are whole. */
const marginOf = ({ services }: Model, unit: bigint): number =>
  services.some(({ tieIsAttack }) => tieIsAttack) ? 0 : Math.min(toNumber([1n, unit]), 1) / 2;

function withoutOperators(model: Model, gone: ReadonlySet<number>): Model {
  return {
    ...model,
    classes: model.classes.filter(({ edges }) => !gone.has(edges[0]!.operator)),
    services: model.services.map((service) => {
      const powers = new Map([...service.powers].filter(([operator]) => !gone.has(operator)));
      let power = 0n;
      for (const each of powers.values()) power += each;
      return { ...service, powers, power };
    }),
  };
}
