import { Effort, MOST_PAIRS_ASKED } from "./budget.js";
import { type Certificate, certify } from "./certificate.js";
import type { CheckedCoalition } from "./coalition.js";
import { compare, type Fraction, fraction, ONE, subtract } from "./fraction.js";
import { greedyCoalitions, pairsOf, targetsOf } from "./greedy.js";
import { bestByCut, needsAll } from "./min-cut.js";
import { solveAttack, type SolvedAttack, type SolveOptions, TOLERANCE } from "./milp.js";
import type { Model } from "./model.js";
import type { Solver } from "./solver.js";

/**
 * How an answer is known. `certified`: by exact arithmetic. `proved`: by a search, exact or to the stated tolerance.
 * `attack-found`: the coalition is there, checked in whole numbers. `unknown`: between the bounds.
 */
export type AnswerClass = "certified" | "proved" | "attack-found" | "unknown";

/** Whether an attack pays, and how that is known. */
export interface AttackAnswer {
  readonly class: AnswerClass;
  /** Undefined where it is unknown. */
  readonly isSecure?: boolean;
  /** The best coalition that was found, whether it pays or not. Services that cost nothing are not in it. */
  readonly coalition?: CheckedCoalition;
  /** No attack gains more than this beyond its cost: in the model's unit. */
  readonly mostGain: bigint;
  /** What the solver may have missed, in the model's unit. Absent of what is exact. */
  readonly tolerance?: bigint;
  /** Who cannot answer without it. */
  readonly needs?: "highs";
  readonly slack: SlackAnswer;
  readonly certificate: Certificate;
}

/** By how much the cost of each attacking coalition exceeds its profit, as a part of the profit (γ). */
export interface SlackAnswer {
  readonly class: Exclude<AnswerClass, "attack-found">;
  /** It is at least this. Null where nothing is known. */
  readonly atLeast: Fraction | "unlimited" | null;
  /** It is at most this, by a coalition that is there. Null where no coalition is known. */
  readonly atMost: Fraction | null;
}

/** What a search may use. */
export interface AttackOptions {
  /** Without it, what needs a search stays unknown between bounds. */
  readonly solver?: Solver | undefined;
  /** How long the solver may take for each of its questions (default: 60). */
  readonly seconds?: number | undefined;
}

/**
 * Whether a coalition of operators can gain by an attack. In this order: the certificate, the least cut where services need
 * all of their operators, the solver with divided operators, and the solver with whole ones.
 */
export function findAttack(model: Model, options: AttackOptions = {}): AttackAnswer {
  const search = new Search(model, options, new Effort());
  const answer = search.attack();
  return { ...answer, slack: search.slack(), certificate: search.certificate };
}

/** What {@link findAttack} answers, without what the certificate says of costs. */
export type Found = Omit<AttackAnswer, "slack" | "certificate">;

/** The same without the slack, with what is left of an effort. */
export const searchAttack = (model: Model, options: AttackOptions, effort: Effort): Found =>
  new Search(model, options, effort).attack();

class Search {
  readonly certificate: Certificate;
  readonly #model: Model;
  readonly #effort: Effort;
  /** Undefined also where the problem is too large for it. */
  readonly #solver: Solver | undefined;
  readonly #seconds: number;
  readonly #isTooLarge: boolean;
  /** The coalitions that were found on the way: each bounds the slack. */
  readonly #found: CheckedCoalition[];

  constructor(model: Model, { solver, seconds = 60 }: AttackOptions, effort: Effort) {
    this.certificate = certify(model);
    this.#model = model;
    this.#effort = effort;
    this.#isTooLarge = pairsOf(model, targetsOf(model)) > MOST_PAIRS_ASKED;
    this.#solver = this.#isTooLarge ? undefined : solver;
    this.#seconds = seconds;
    const found = greedyCoalitions(model, effort.growth);
    this.#found = found.filter(({ suffices, profit }) => suffices && profit > 0n);
  }

  attack(): Found {
    const { isSecure, mostProfit } = this.certificate;
    if (isSecure) return { class: "certified", isSecure, mostGain: 0n, ...this.#best() };
    const bound = lesser(mostProfit, this.#allProfits());
    if (needsAll(this.#model)) return this.#byCut(bound);
    if (!this.#solver) return this.#withoutSolver(bound);
    const most = { gain: bound, tolerance: 0n };
    const isProved = this.#provesNoGain(this.#solver, most) && this.#provesNoTie(this.#solver);
    const { gain: mostGain, tolerance } = most;
    if (this.#hasAttack()) {
      return { class: "attack-found", isSecure: false, mostGain, tolerance, ...this.#best() };
    }
    return isProved
      ? { class: "proved", isSecure: true, mostGain: 0n, tolerance, ...this.#best() }
      : { class: "unknown", mostGain, tolerance, ...this.#best() };
  }

  #withoutSolver(mostGain: bigint): Found {
    if (this.#hasAttack()) return { class: "attack-found", isSecure: false, mostGain, ...this.#best() };
    return { class: "unknown", mostGain, ...(!this.#isTooLarge && { needs: "highs" }), ...this.#best() };
  }

  #hasAttack(): boolean {
    return this.#found.some(({ isAttack }) => isAttack);
  }

  /** Asks the solver for the greatest gain, first with operators that may be divided. */
  #provesNoGain(solver: Solver, most: { gain: bigint; tolerance: bigint }): boolean {
    for (const whole of [false, true]) {
      const solved = this.#solve(solver, { weight: ONE, whole });
      if (!solved) return false;
      this.#add(solved.coalition);
      most.tolerance = toUnits(TOLERANCE, solved.unit);
      const value = toUnits(solved.value, solved.unit);
      most.gain = lesser(most.gain, greater(0n, value) + most.tolerance);
      if (value <= most.tolerance) return true;
      if (this.#hasGreatest(most.gain, most.tolerance)) return false;
    }
    return false;
  }

  /** Where a tie is an attack: the best coalition with such a service must lose more than the tolerance. */
  #provesNoTie(solver: Solver): boolean {
    const tied = targetsOf(this.#model).filter((service) => this.#model.services[service]!.tieIsAttack);
    if (tied.length === 0) return true;
    const solved = this.#solve(solver, { weight: ONE, whole: true, oneOf: tied });
    if (!solved) return false;
    this.#add(solved.coalition);
    return solved.value < -TOLERANCE;
  }

  #solve(solver: Solver, options: Pick<SolveOptions, "weight" | "whole" | "oneOf">): SolvedAttack | null {
    const [seconds, budget] = [this.#seconds, this.#effort.questions];
    return solveAttack(this.#model, solver, { ...options, seconds, budget });
  }

  slack(): SlackAnswer {
    const { slack } = this.certificate;
    if (slack === "unlimited" || targetsOf(this.#model).length === 0) {
      return { class: "certified", atLeast: "unlimited", atMost: null };
    }
    if (needsAll(this.#model)) return this.#slackByCut();
    let best = this.#leastRatio();
    let isProved = false;
    if (this.#solver && !this.#isClosed(best)) {
      for (;;) {
        const weight = fraction(best.cost, best.profit);
        if (weight[0] === 0n) break;
        const solved = this.#solve(this.#solver, { weight, whole: true });
        if (!solved) break;
        this.#add(solved.coalition);
        const next = this.#leastRatio();
        if (!isCheaper(next, best)) {
          isProved = solved.value <= TOLERANCE;
          break;
        }
        best = next;
      }
    }
    const atMost = subtract(fraction(best.cost, best.profit), ONE);
    if (this.#isClosed(best) || best.cost === 0n) return { class: "certified", atLeast: atMost, atMost };
    return isProved
      ? { class: "proved", atLeast: atMost, atMost }
      : { class: "unknown", atLeast: slack, atMost };
  }

  /** Dinkelbach's steps: the weight at which nothing is gained any more is the least ratio of cost to profit. */
  #slackByCut(): SlackAnswer {
    let best = this.#leastRatio();
    let isExact = true;
    while (best.cost > 0n) {
      const next = this.#cut(best.cost, best.profit);
      if (next === "out-of-budget") isExact = false;
      if (next === null || next === "out-of-budget" || !isCheaper(next, best)) break;
      this.#add(next);
      best = next;
    }
    const atMost = subtract(fraction(best.cost, best.profit), ONE);
    return isExact || this.#isClosed(best)
      ? { class: "certified", atLeast: atMost, atMost }
      : { class: "unknown", atLeast: this.certificate.slack, atMost };
  }

  #cut(weight: bigint, over: bigint): ReturnType<typeof bestByCut> {
    return bestByCut(this.#model, weight, over, this.#effort.pipes);
  }

  #byCut(bound: bigint): Found {
    const best = this.#cut(1n, 1n);
    if (best === "out-of-budget") return this.#withoutSolver(bound);
    if (best) {
      this.#add(best);
      return { class: "attack-found", isSecure: false, mostGain: best.profit - best.cost, ...this.#best() };
    }
    // Nothing gains. Of what just breaks even, this weight finds all together.
    const large = this.#allProfits() + 1n;
    const tie = this.#hasTies() ? this.#cut(large + 1n, large) : null;
    if (tie === "out-of-budget") return { class: "unknown", mostGain: 0n, ...this.#best() };
    if (tie) this.#add(tie);
    return tie?.isAttack === true
      ? { class: "attack-found", isSecure: false, mostGain: 0n, coalition: tie }
      : { class: "proved", isSecure: true, mostGain: 0n, ...this.#best() };
  }

  #add(coalition: CheckedCoalition): void {
    if (coalition.suffices && coalition.profit > 0n) this.#found.push(coalition);
  }

  /** The coalition that gains most; of equal ones, an attack. */
  #best(): { readonly coalition?: CheckedCoalition } {
    const [first, ...others] = this.#found;
    if (!first) return {};
    const better = (a: CheckedCoalition, b: CheckedCoalition) => {
      const difference = gain(b) - gain(a);
      return difference > 0n || (difference === 0n && b.isAttack && !a.isAttack) ? b : a;
    };
    return { coalition: others.reduce(better, first) };
  }

  #hasGreatest(most: bigint, tolerance: bigint): boolean {
    const { coalition } = this.#best();
    return coalition?.isAttack === true && gain(coalition) + 2n * tolerance >= most;
  }

  #leastRatio(): CheckedCoalition {
    return this.#found.reduce((a, b) => (isCheaper(b, a) ? b : a));
  }

  /** Whether a coalition reaches the certificate's bound: then both are exact. */
  #isClosed({ cost, profit }: CheckedCoalition): boolean {
    const { slack } = this.certificate;
    return (
      slack !== null && slack !== "unlimited" && compare(subtract(fraction(cost, profit), ONE), slack) === 0
    );
  }

  #hasTies(): boolean {
    return targetsOf(this.#model).some((service) => this.#model.services[service]!.tieIsAttack);
  }

  #allProfits(): bigint {
    return targetsOf(this.#model).reduce((all, service) => all + this.#model.services[service]!.profit!, 0n);
  }
}

const gain = ({ profit, cost }: CheckedCoalition): bigint => profit - cost;

const isCheaper = (a: CheckedCoalition, b: CheckedCoalition): boolean =>
  a.cost * b.profit < b.cost * a.profit;

const lesser = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const greater = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** A part of a unit as a whole amount, away from zero. */
function toUnits(part: number, unit: bigint): bigint {
  const fine = BigInt(Math.ceil(Math.abs(part) * 2 ** 52));
  const amount = (fine * unit + 2n ** 52n - 1n) >> 52n;
  return part < 0 ? -amount : amount;
}
