import { equalBytes, hex, u64be, utf8 } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import { expect } from "./tables.js";
import { type Cell, heightOf, sumOf, textOf } from "./schema.js";
import type { StoredCommitment } from "./store.js";
import { isChainId } from "../../vote/chain.js";

/** The heights of a commitment. */
export interface CommittedRange {
  readonly startHeight: bigint;
  readonly count: number;
}

/** The heights of a commitment, and the signing context that it was made under. */
export interface CommittedContext extends CommittedRange {
  readonly context?: string;
}

/** A commitment as the cells of its row, but for the checksum. */
export function commitmentCells(key: Uint8Array, chainId: string, commitment: StoredCommitment): Cell[] {
  const { startHeight, count, root, signature, context, subtrees, at } = commitment;
  const text = context === undefined ? null : utf8(context);
  return [key, utf8(chainId), u64be(startHeight), count, root, signature, text, subtrees, utf8(at)];
}

export interface CommitmentRow {
  readonly key: Uint8Array;
  readonly chain: Uint8Array;
  readonly start: Uint8Array;
  readonly count: number;
  readonly root: Uint8Array;
  readonly signature: Uint8Array;
  readonly context: Uint8Array | null;
  readonly subtrees: Uint8Array | null;
  readonly at: Uint8Array;
  readonly sum: Uint8Array;
}

/** @throws DatabaseFault `corrupt` where the row does not have its checksum */
export function readCommitment(row: CommitmentRow): StoredCommitment {
  const { key, chain, start, count, root, signature, context, subtrees, at, sum } = row;
  const computed = sumOf("commitments", key, chain, start, count, root, signature, context, subtrees, at);
  expect(sum instanceof Uint8Array && equalBytes(sum, computed), "a commitment does not have its checksum");
  expect(key.length === 32 && isChainId(textOf(chain)), "the key or chain id of a commitment is none");
  return {
    startHeight: heightOf(start),
    count,
    root: Uint8Array.from(root),
    signature: Uint8Array.from(signature),
    ...(context !== null && { context: textOf(context) }),
    subtrees: subtrees && Uint8Array.from(subtrees),
    at: textOf(at),
  };
}

/** Whether a height is among those of a commitment. */
export const covers = ({ startHeight, count }: CommittedRange, height: bigint): boolean =>
  startHeight <= height && height < startHeight + BigInt(count);

/** Whether two commitments have a height in common. */
export const overlap = (one: CommittedRange, other: CommittedRange): boolean =>
  other.startHeight < one.startHeight + BigInt(one.count) &&
  one.startHeight < other.startHeight + BigInt(other.count);

export const lastOf = ({ startHeight, count }: CommittedRange): bigint => startHeight + BigInt(count) - 1n;

/** @throws TapstakeError `commitment-overlap` */
export function refuseOverlap(earlier: readonly StoredCommitment[], range: CommittedRange): void {
  const other = earlier.find((each) => overlap(each, range));
  if (!other) return;
  throw new TapstakeError(
    "commitment-overlap",
    `heights ${range.startHeight} to ${lastOf(range)} overlap ${other.startHeight} to ${lastOf(other)}, which were committed ${other.at} (root ${hex.encode(other.root)}): a chain takes one commitment a height. Start at ${lastOf(other) + 1n} or later`,
    { startHeight: other.startHeight, count: other.count },
  );
}
