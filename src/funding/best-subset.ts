/** An item that can be taken or left: what it brings, and its weight. */
export interface Item {
  readonly gain: bigint;
  /** Weight units. */
  readonly weight: number;
}

/** Weight units in a virtual byte: sizes are rounded up to it (BIP-141). */
const UNITS = 4;

/**
 * The items that bring most together. Their total weight is rounded up to whole virtual bytes, and the rounding costs
 * `price` per weight unit. The result is exact: beyond the gains, only the remainder of the weight matters, so the best
 * of each remainder is kept. The time grows with the number of items, times the limit if there is one.
 * @param start weight units that are there already
 * @param limit the most items to take
 * @returns the positions of the items, ascending
 */
export function bestSubset(
  items: readonly Item[],
  start: number,
  price: bigint,
  limit = Number.POSITIVE_INFINITY,
): number[] {
  return limit >= items.length ? bestOfAll(items, start, price) : bestOfFew(items, start, price, limit);
}

/** Sums by the remainder of the weight; null where no set has that remainder. */
type Sums = (bigint | null)[];

function bestOfAll(items: readonly Item[], start: number, price: bigint): number[] {
  let sums = startSums(start);
  const taken = items.map(({ gain, weight }) => {
    const [next, took] = withItem(sums, sums, gain, weight);
    sums = next;
    return took;
  });
  let { remainder } = bestRemainder(sums, price);
  const chosen: number[] = [];
  for (let i = items.length - 1; i >= 0; i--) {
    if (!taken[i]![remainder]) continue;
    chosen.push(i);
    remainder = before(remainder, items[i]!.weight);
  }
  return chosen.toReversed();
}

function bestOfFew(items: readonly Item[], start: number, price: bigint, limit: number): number[] {
  // Among items with one remainder, those that bring most are best; the others cannot be among so few.
  const worth = [...items.keys()].toSorted((a, b) => (items[a]!.gain < items[b]!.gain ? 1 : -1));
  const ranked = Array.from({ length: UNITS }, () => 0);
  const useful = worth.filter((i) => ranked[items[i]!.weight % UNITS]!++ < limit).toSorted((a, b) => a - b);

  const none: Sums = Array.from({ length: UNITS }, () => null);
  const byCount: Sums[] = [startSums(start), ...Array.from({ length: limit }, () => none)];
  const taken = useful.map((i) => {
    const { gain, weight } = items[i]!;
    const took: (readonly boolean[])[] = [];
    for (let count = limit; count > 0; count--) {
      [byCount[count], took[count]] = withItem(byCount[count]!, byCount[count - 1]!, gain, weight);
    }
    return took;
  });
  const ends = byCount.map((sums) => bestRemainder(sums, price));
  let count = 0;
  ends.forEach(({ score }, i) => {
    if (score !== null && score > ends[count]!.score!) count = i;
  });
  let { remainder } = ends[count]!;
  const chosen: number[] = [];
  for (let at = useful.length - 1; at >= 0 && count > 0; at--) {
    if (!taken[at]![count]![remainder]) continue;
    chosen.push(useful[at]!);
    remainder = before(remainder, items[useful[at]!]!.weight);
    count--;
  }
  return chosen.toReversed();
}

const startSums = (start: number): Sums =>
  Array.from({ length: UNITS }, (_, remainder) => (remainder === start % UNITS ? 0n : null));

/** The remainder before an item of this weight was added. */
const before = (remainder: number, weight: number): number =>
  (((remainder - weight) % UNITS) + UNITS) % UNITS;

/** The best sum for each remainder, with the item or without; and where the item was taken. */
function withItem(without: Sums, from: Sums, gain: bigint, weight: number): [Sums, boolean[]] {
  const took = without.map((sum, remainder) => {
    const earlier = from[before(remainder, weight)]!;
    return earlier !== null && (sum === null || earlier + gain > sum);
  });
  const sums = without.map((sum, remainder) =>
    took[remainder] ? from[before(remainder, weight)]! + gain : sum,
  );
  return [sums, took];
}

function bestRemainder(sums: Sums, price: bigint): { remainder: number; score: bigint | null } {
  let best: { remainder: number; score: bigint | null } = { remainder: 0, score: null };
  for (const [remainder, sum] of sums.entries()) {
    if (sum === null) continue;
    const score = sum - price * BigInt((UNITS - remainder) % UNITS);
    if (best.score === null || score > best.score) best = { remainder, score };
  }
  return best;
}
