import type { StoredCommitment } from "../finality/store.js";
import { tell } from "./secrets.js";

interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

/** More of them are not read by anyone who is warned. */
const SHOWN = 5;

/**
 * Warns of votes that the chain will not accept, as no stored commitment covers their heights. Where none is stored
 * at all, the randomness was committed elsewhere, and nothing is known.
 */
export function warnOfUncovered(
  heights: readonly bigint[],
  commitments: readonly StoredCommitment[],
  asJson: boolean,
): void {
  const covered = joined(
    commitments.map(({ startHeight, count }) => ({
      first: startHeight,
      last: startHeight + BigInt(count - 1),
    })),
  );
  const uncovered = heights.filter(
    (height) => !covered.some(({ first, last }) => first <= height && height <= last),
  );
  if (covered.length === 0 || uncovered.length === 0) return;
  const message =
    `the chain will not accept votes at ${rangesText(joined(uncovered.map((each) => ({ first: each, last: each }))))}: ` +
    `the commitments of this key that are stored here cover ${rangesText(covered)}`;
  tell(
    asJson
      ? JSON.stringify({ warning: { code: "no-commitment", message, heights: uncovered.map(String) } })
      : `tapstake: warning: ${message}`,
  );
}

/** In order, neighbours as one. */
function joined(ranges: readonly Range[]): Range[] {
  const all: Range[] = [];
  for (const range of [...ranges].sort((a, b) => (a.first < b.first ? -1 : 1))) {
    const before = all.at(-1);
    if (before && range.first === before.last + 1n) all[all.length - 1] = { ...before, last: range.last };
    else all.push(range);
  }
  return all;
}

function rangesText(ranges: readonly Range[]): string {
  const shown = ranges
    .slice(0, SHOWN)
    .map(({ first, last }) => (first === last ? first : `${first} to ${last}`));
  return [...shown, ...(ranges.length > SHOWN ? ["…"] : [])].join(", ");
}
