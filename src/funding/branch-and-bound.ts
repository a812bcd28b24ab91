import { bestSubset } from "./best-subset.js";
import {
  type Candidate,
  type CoinCost,
  FEW_INPUTS,
  NOTHING,
  type Outcome,
  SEGWIT_WEIGHT,
  type Selected,
  selectedOf,
  type Sums,
  withCoin,
} from "./coin-cost.js";

/** The coins of a choice. */
export interface Pool {
  /** The coins that must be spent. */
  readonly required: readonly Candidate[];
  readonly optional: readonly Candidate[];
}

/** Coins that can pay. */
export interface Choice extends Pick<Outcome, "fee" | "change"> {
  readonly selected: Selected;
}

/** The largest transaction that nodes relay, in weight units. */
export const MAX_STANDARD_WEIGHT = 400_000;

/** How many coins the search takes before it returns the best choice so far: as many as Bitcoin Core. */
const TRIES = 100_000;

/** The choice with the least waste among those searched, or null if no choice can pay. */
export function findCheapest({ required, optional }: Pool, cost: CoinCost): Choice | null {
  const { unit, now, later, plain, target } = cost;
  let best: (Choice & Outcome) | null = null;
  const look = (candidates: readonly Candidate[], sums: Sums): Outcome | null => {
    const outcome = cost.settle(sums);
    if (!outcome || cost.weightOf(sums, outcome.change) > MAX_STANDARD_WEIGHT) return null;
    if (!best || outcome.waste < best.waste) {
      // A copy: the list goes on to change.
      best = { ...outcome, selected: { ...sums, candidates: [...candidates] } };
    }
    return outcome;
  };
  const worth = (candidate: Candidate) => worthOf(candidate, cost);
  // A coin that costs a little more than it holds can still fill up a virtual byte.
  const useful = optional.filter((candidate) => worth(candidate) > -4n * now - unit);
  const start = required.reduce(withCoin, NOTHING);
  look(required, start);

  const byWorth = descending(useful, (a, b) => worth(a) - worth(b) || BigInt(b.weight - a.weight));
  const byValue = descending(useful, (a, b) => a.value - b.value);
  const byDensity = descending(useful, (a, b) => a.value * BigInt(b.weight) - b.value * BigInt(a.weight));
  for (const order of [byWorth, byValue, byDensity]) lookAlong(order, required, look);

  const worths = byWorth.map(worth);
  const { reach, lightest, nextOther } = whatIsLeft(byWorth, worths);
  /** Spending a coin costs more now than later: then a set wastes at least the extra cost of its weight. */
  const isDear = now >= later;
  const isTooDear = (weight: number) =>
    isDear && best !== null && now * BigInt(plain) + (now - later) * BigInt(weight) >= best.waste;
  const chosen = [...required];
  /** The coins taken, and the sums before each. */
  const taken: { at: number; sums: Sums; reached: bigint }[] = [];
  let [at, sums, reached] = [0, start, start.value * unit - now * BigInt(start.weight)];
  for (let tries = 0; tries < TRIES; tries++) {
    // Not even all of the rest would pay: the last one taken is left out.
    while (at === byWorth.length || reached + reach[at]! < target) {
      const last = taken.pop();
      if (!last) return best;
      chosen.pop();
      // Its twins are left out too: with one of them instead, nothing would be new.
      [at, sums, reached] = [nextOther[last.at]!, last.sums, last.reached];
    }
    const candidate = byWorth[at]!;
    const next = withCoin(sums, candidate);
    chosen.push(candidate);
    const outcome = isTooDear(next.weight) ? null : look(chosen, next);
    const isEnough = outcome !== null && (outcome.change > 0n || !isDear);
    const isHeavy = next.weight > MAX_STANDARD_WEIGHT;
    if (isEnough || isHeavy || isTooDear(next.weight + lightest[at + 1]!)) {
      chosen.pop();
      at = nextOther[at]!;
    } else {
      taken.push({ at, sums, reached });
      [at, sums, reached] = [at + 1, next, reached + worths[at]!];
    }
  }
  return best;
}

/** The coins with which most is left beyond the fee: when they do not pay, no others do. */
export function findMost({ required, optional }: Pool, cost: CoinCost): Selected {
  const sets = [mostOf(required, optional, cost, true)];
  // Without any witness, inputs need not say that they have none.
  if (!required.some(({ segwit }) => segwit)) {
    const legacy = optional.filter(({ segwit }) => !segwit);
    sets.push(mostOf(required, legacy, cost, false));
  }
  const left = (selected: Selected) => selected.value - cost.feeOf(selected);
  return descending(sets.flat(), (a, b) => left(a) - left(b))[0]!;
}

/** Those that hold most for their weight, as many as nodes relay in one transaction. */
export function findFitting({ required, optional }: Pool, cost: CoinCost): Selected {
  const byDensity = descending(
    optional.filter((candidate) => worthOf(candidate, cost) > 0n),
    (a, b) => a.value * BigInt(b.weight) - b.value * BigInt(a.weight),
  );
  const chosen = [...required];
  let sums = required.reduce(withCoin, NOTHING);
  for (const candidate of byDensity) {
    const next = withCoin(sums, candidate);
    if (cost.weightOf(next) > MAX_STANDARD_WEIGHT) continue;
    chosen.push(candidate);
    sums = next;
  }
  return { ...sums, candidates: chosen };
}

/** With as many coins as are good, and, where those are many, with no more than one byte counts. */
function mostOf(
  required: readonly Candidate[],
  optional: readonly Candidate[],
  cost: CoinCost,
  segwit: boolean,
): Selected[] {
  const weightOf = (candidate: Candidate) => candidate.weight + (segwit && !candidate.segwit ? 1 : 0);
  const items = optional.map((candidate) => {
    const weight = weightOf(candidate);
    return { gain: candidate.value * cost.unit - cost.now * BigInt(weight), weight };
  });
  const head = cost.plain + (segwit ? SEGWIT_WEIGHT : 0);
  const start = required.reduce((sum, candidate) => sum + weightOf(candidate), head);
  const select = (limit?: number) =>
    selectedOf([
      ...required,
      ...bestSubset(items, start, cost.now, limit).map((position) => optional[position]!),
    ]);
  const most = select();
  return most.count > FEW_INPUTS && required.length <= FEW_INPUTS
    ? [most, select(FEW_INPUTS - required.length)]
    : [most];
}

/** Looks at the first coins of an order, from where they pay to where they pay with change. */
function lookAlong(
  order: readonly Candidate[],
  required: readonly Candidate[],
  look: (candidates: readonly Candidate[], sums: Sums) => Outcome | null,
): void {
  const chosen = [...required];
  let sums = required.reduce(withCoin, NOTHING);
  for (const candidate of order) {
    chosen.push(candidate);
    sums = withCoin(sums, candidate);
    const outcome = look(chosen, sums);
    if (outcome && outcome.change > 0n) return;
  }
}

/** For each place: what the coins from there on are worth, what the lightest weighs, where the next unlike it is. */
function whatIsLeft(
  candidates: readonly Candidate[],
  worths: readonly bigint[],
): { reach: bigint[]; lightest: number[]; nextOther: number[] } {
  const reach = Array.from({ length: candidates.length + 1 }, () => 0n);
  const lightest = Array.from({ length: candidates.length + 1 }, () => 0);
  const nextOther = Array.from({ length: candidates.length }, (_, i) => i + 1);
  for (let i = candidates.length - 1; i >= 0; i--) {
    const { weight } = candidates[i]!;
    reach[i] = reach[i + 1]! + (worths[i]! > 0n ? worths[i]! : 0n);
    lightest[i] = i + 1 < candidates.length ? Math.min(weight, lightest[i + 1]!) : weight;
    const follower = candidates[i + 1];
    if (follower && areTwins(candidates[i]!, follower)) nextOther[i] = nextOther[i + 1]!;
  }
  return { reach, lightest, nextOther };
}

/** What a coin holds beyond the cost of its input, in units. Roundings are left out, so it is never too little. */
const worthOf = ({ value, weight }: Candidate, { unit, now }: CoinCost): bigint =>
  value * unit - now * BigInt(weight);

const areTwins = (a: Candidate, b: Candidate): boolean =>
  a.value === b.value && a.weight === b.weight && a.segwit === b.segwit;

/** A sorted copy, the largest first; equal ones stay in the order in which they came. */
function descending<T>(list: readonly T[], compare: (a: T, b: T) => bigint): T[] {
  return list.toSorted((a, b) => {
    const difference = compare(b, a);
    return difference > 0n ? 1 : difference < 0n ? -1 : 0;
  });
}
