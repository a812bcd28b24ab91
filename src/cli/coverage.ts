import { covers, type StoredCommitment } from "../finality/protection/store.js";
import type { ChainConfig } from "../vote/chain.js";
import { warn } from "./output.js";

interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

/** The most ranges that a warning lists. */
const SHOWN = 5;

/** What this home knows of the commitments on a chain. */
export interface Coverage {
  readonly chain: ChainConfig;
  readonly isConfigured: boolean;
  readonly commitments: readonly StoredCommitment[];
}

/**
 * Warns of votes with `--uncommitted` that the chain will not accept unless they were committed elsewhere. If no
 * commitment is stored at all, the chain's id may be mistyped.
 */
export function warnOfUncovered(heights: readonly bigint[], known: Coverage): void {
  const uncovered = heights.filter((height) => !known.commitments.some((one) => covers(one, height)));
  if (uncovered.length === 0) return;
  const where = rangesText(joined(uncovered.map((each) => ({ first: each, last: each }))));
  const message = known.commitments.length === 0 ? noneText(where, known) : otherText(where, known);
  warn({ code: "no-commitment", message, details: { heights: uncovered.map(String) } });
}

const noneText = (where: string, { chain, isConfigured }: Coverage): string =>
  `this home has no commitment of this key on ${chain.id}. The chain accepts votes at ${where} only if you committed to these heights elsewhere` +
  (isConfigured ? "" : `. ${chain.id} is not configured either: check the id with tapstake fp chains list`);

function otherText(where: string, { chain, isConfigured, commitments }: Coverage): string {
  const covered = joined(
    commitments.map(({ startHeight, count }) => ({
      first: startHeight,
      last: startHeight + BigInt(count - 1),
    })),
  );
  const isForgotten = !isConfigured && commitments.some(({ context }) => context !== undefined);
  return (
    `the chain will not accept votes at ${where}: the commitments of this key in this home cover ${rangesText(covered)}` +
    (isForgotten
      ? `. They have a signing context, and these votes have none, as ${chain.id} is not configured (tapstake fp chains list)`
      : "")
  );
}

/** Ranges in order, neighbours joined. */
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
