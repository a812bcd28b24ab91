import { compare, type Fraction, fraction, gcd, greater, inverse, ONE, subtract, ZERO } from "./fraction.js";
import type { Model, StakeClass } from "./model.js";

/** What can be said of attacks without a search, exactly. */
export interface Certificate {
  /**
   * For each operator, how much of the profit of its services falls on a coin of its stake (T_v of RESTAKING.md, the
   * EigenLayer condition): the greatest of its stakes. Null where profit falls on stake that loses nothing.
   */
  readonly loads: readonly (Fraction | null)[];
  /** The greatest of them. Null where one is. */
  readonly greatest: Fraction | null;
  /**
   * The least by which costs exceed profits, as a part of the profits: 1 / greatest - 1. Null without a certificate (the
   * greatest load is null) and `"unlimited"` where no service has a profit.
   */
  readonly slack: Fraction | "unlimited" | null;
  /** No attack pays. */
  readonly isSecure: boolean;
  /** No attack wins more than this. */
  readonly mostProfit: bigint;
  /** Services with a profit and no stake at all: to corrupt them costs nothing. The rest of the answer leaves them out. */
  readonly free: readonly number[];
}

/** The certificate of a graph: exact, and in one pass over its stakes. */
export function certify(model: Model): Certificate {
  const loads: (Fraction | null)[] = model.operators.map(() => ZERO);
  const perCoin = model.services.map(profitPerCoin);
  let greatest: Fraction | null = ZERO;
  const common = onCommon(perCoin);
  let excess = 0n;
  for (const each of model.classes) {
    const load = loadOf(each, perCoin);
    for (const operator of new Set(each.edges.map((edge) => edge.operator))) {
      const own = loads[operator]!;
      loads[operator] = own && load && greater(own, load);
    }
    greatest = greatest && load && greater(greatest, load);
    excess += excessOf(each, common);
  }
  const tieIsAttack = model.services.some((service) => service.tieIsAttack && (service.profit ?? 0n) > 0n);
  const order = greatest === null ? 1 : compare(greatest, ONE);
  return {
    loads,
    greatest,
    slack: greatest === null ? null : greatest[0] === 0n ? "unlimited" : subtract(inverse(greatest), ONE),
    isSecure: order < 0 || (order === 0 && !tieIsAttack),
    mostProfit: excess / common.denominator,
    free: freeServices(model),
  };
}

/** The load of each class, in their order: the operators' loads are the greatest of these. */
export function classLoads(model: Pick<Model, "services" | "classes">): (Fraction | null)[] {
  const perCoin = model.services.map(profitPerCoin);
  return model.classes.map((each) => loadOf(each, perCoin));
}

/** Services that can be corrupted without any stake. */
export const freeServices = (model: Model): number[] =>
  [...model.services.entries()].flatMap(([i, { profit, power }]) =>
    power === 0n && profit !== null && profit > 0n ? [i] : [],
  );

/** What of a service's profit falls on a coin of an attacker's: π / (α σ_N). Zero where the profit is unknown. */
function profitPerCoin({ profit, alpha, power }: Model["services"][number]): Fraction {
  return power === 0n || profit === null ? ZERO : fraction(profit * alpha[1], alpha[0] * power);
}

/**
 * An attack's profit is at most its edges' coins times the profit per coin. A class that loses the same over each edge
 * pays once for all; one that pays by the edge bears each edge, and with its cap all of them.
 */
function loadOf({ edges, cost, cap }: StakeClass, perCoin: readonly Fraction[]): Fraction | null {
  const all = new Sum();
  let worst = ZERO;
  for (const { service, power, loss } of edges) {
    const coin = perCoin[service]!;
    if (coin[0] === 0n || power === 0n) continue;
    if (loss === 0n) return null;
    const part = power === loss ? coin : fraction(coin[0] * power, coin[1] * loss);
    if (cost === "once") all.add(part);
    else {
      worst = greater(worst, part);
      all.add(fraction(coin[0] * power, coin[1] * cap));
    }
  }
  return greater(all.value(), worst);
}

/**
 * A sum of loads, exact as long as its denominator has some hundred digits. Over thousands of services it would have
 * millions: then what follows is rounded up, which certifies less.
 */
class Sum {
  #numerator = 0n;
  #denominator = 1n;
  #isExact = true;

  add([numerator, denominator]: Fraction): void {
    if (this.#isExact && this.#denominator * denominator > LARGEST_DENOMINATOR) {
      this.#numerator = roundedUp(this.#numerator, this.#denominator);
      this.#denominator = FINE;
      this.#isExact = false;
    }
    if (!this.#isExact) {
      this.#numerator += roundedUp(numerator, denominator);
      return;
    }
    this.#numerator = this.#numerator * denominator + numerator * this.#denominator;
    this.#denominator *= denominator;
  }

  value(): Fraction {
    return fraction(this.#numerator, this.#denominator);
  }
}

const LARGEST_DENOMINATOR = 2n ** 2048n;
const FINE = 2n ** 1024n;

/** In parts of {@link FINE}. */
const roundedUp = (numerator: bigint, denominator: bigint): bigint =>
  (numerator * FINE + denominator - 1n) / denominator;

/** The profits per coin with one denominator, or more: sums over all classes then need no common divisors. */
interface OnCommon {
  readonly numerators: readonly bigint[];
  readonly denominator: bigint;
}

function onCommon(perCoin: readonly Fraction[]): OnCommon {
  let denominator = 1n;
  for (const [, each] of perCoin) {
    denominator *= each / gcd(denominator, each);
    if (denominator < LARGEST_DENOMINATOR) continue;
    denominator = FINE;
    break;
  }
  // Exact, or rounded up: what comes of them is the most that an attack wins.
  const numerators = perCoin.map(([numerator, each]) => (numerator * denominator + each - 1n) / each);
  return { denominator, numerators };
}

/** By how much the profit that falls on a class can exceed what it loses, over all attacks: in parts of the denominator. */
function excessOf({ edges, cost, cap }: StakeClass, { numerators, denominator }: OnCommon): bigint {
  let [all, beyond] = [0n, 0n];
  let least = edges[0]!.loss;
  for (const { service, power, loss } of edges) {
    const part = numerators[service]! * power;
    all += part;
    beyond += positive(part - loss * denominator);
    if (loss < least) least = loss;
  }
  if (cost === "once") return positive(all - least * denominator);
  // What is paid is the sum of the losses or the cap.
  const overCap = all - cap * denominator;
  return beyond > overCap ? beyond : overCap;
}

const positive = (value: bigint): bigint => (value > 0n ? value : 0n);
