import { equalBytes, hex } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import type { Home } from "../home.js";
import type { StoredWatermarks, VoteRecord, Watermarks } from "./decide.js";
import type { ImportOptions, ImportReport, Interchange } from "./interchange.js";
import type { KeyChain } from "./key-chain.js";

/** A vote to remember. */
export interface VoteEntry {
  readonly height: bigint;
  /** SHA-256 of the message, 32 bytes; null if only the fact of a vote is known. */
  readonly digest: Uint8Array | null;
  /** 32 bytes. */
  readonly signature: Uint8Array | null;
}

/** A vote as the store remembers it. */
export interface StoredVote extends VoteRecord {
  readonly height: bigint;
}

/** A commitment as the store remembers it. */
export interface StoredCommitment {
  readonly startHeight: bigint;
  readonly count: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
  /** BIP-340, 64 bytes. */
  readonly signature: Uint8Array;
  readonly context?: string;
  /** Hashes of the subtrees of 256 leaves, one after the other; null if they must be computed again. */
  readonly subtrees: Uint8Array | null;
  readonly at: string;
}

/** A commitment to store. */
export interface NewCommitment extends Omit<StoredCommitment, "at"> {
  /** The store that its key was generated for: `KeyInfo.store`. */
  readonly madeFor?: string | undefined;
}

/** A key and a chain that the store knows. */
export interface StoredKeyChain extends StoredWatermarks {
  /** X-only, 32 bytes. */
  readonly key: Uint8Array;
  readonly chainId: string;
  /** How many votes are remembered. */
  readonly votes: number;
}

/**
 * The durable memory of a signer. Keys are x-only, 32 bytes; what a method writes is on the disk when it returns.
 *
 * After any failed write, the content of the disk is unknown: every method then refuses with `protection-unwritable`
 * until the store is opened again.
 */
export interface ProtectionStore {
  readonly home: Home;
  /** 32 hexadecimal digits, drawn when the store was made. */
  readonly storeId: string;
  /** Every key and chain, with its watermarks. */
  keyChains(): StoredKeyChain[];
  /** The watermarks of a key on a chain; null if votes there were never initialised. */
  watermarks(key: Uint8Array, chainId: string): StoredWatermarks | null;
  record(key: Uint8Array, chainId: string, height: bigint): VoteRecord | null;
  /** The records among these heights. */
  recordsAt(key: Uint8Array, chainId: string, heights: readonly bigint[]): ReadonlyMap<bigint, VoteRecord>;
  /** Votes from `from` on, by height. */
  records(key: Uint8Array, chainId: string, from?: bigint, limit?: number): StoredVote[];
  /** Heights, in order, at which nothing is signed, as the message that was signed there is unknown. */
  blocked(key: Uint8Array, chainId: string): bigint[];
  /**
   * Remembers votes, all or nothing, first in the store and then in the watermark log. Throws if one of the
   * heights has a record already.
   */
  append(key: Uint8Array, chainId: string, entries: readonly VoteEntry[]): void;
  /**
   * Begins votes at a height, or raises the low watermark to it.
   * @throws TapstakeError `would-lower-mark`, `height-too-high`
   */
  init(key: Uint8Array, chainId: string, fromHeight: bigint): Watermarks;
  /** Locks a key on every chain that the store knows, above its votes: it may have voted elsewhere. */
  lock(key: Uint8Array): void;
  /** Locks a key on every chain that the store knows: its votes move to another home. */
  retire(key: Uint8Array): void;
  /**
   * Forgets the votes below a height and raises the low watermark to it; returns how many votes were forgotten.
   * @throws TapstakeError `would-lower-mark`; `invalid-number` beyond the height after the highest vote;
   *   `protection-uninitialised`
   */
  prune(key: Uint8Array, chainId: string, below: bigint): number;
  /** Everything that is remembered; for content that is too long for memory, use `interchangeText`. */
  exportInterchange(): Interchange;
  /**
   * Merges an interchange file, whole or not at all.
   * @param file its JSON, parsed, or the result of `readInterchange`
   * @throws TapstakeError `invalid-json`, `unknown-version`; `invalid-signature` for a commitment that its key has not
   * signed; `protection-uninitialised` if a key would begin on the word of the file and `begin` is not given
   */
  importInterchange(file: unknown, options?: ImportOptions): ImportReport;
  /** Every key and chain with a commitment. */
  committers(): { readonly key: Uint8Array; readonly chainId: string }[];
  /** Commitments that overlap no earlier one: they serve proofs. */
  commitments(key: Uint8Array, chainId: string): StoredCommitment[];
  /**
   * Imported commitments that overlap others. They serve no proof; votes at heights that they alone cover use their
   * context.
   */
  overlapping(key: Uint8Array, chainId: string): StoredCommitment[];
  /**
   * The heights and contexts of {@link ProtectionStore.commitments}, and of the heights that one of
   * {@link ProtectionStore.overlapping} alone covers. They come from memory, as each vote needs them.
   */
  committed(key: Uint8Array, chainId: string): readonly CommittedContext[];
  /**
   * Stores a commitment. If it is the first one of a key that was generated for this store, the key begins to vote at
   * its first height.
   * @throws TapstakeError `commitment-overlap`, `height-too-high`, `too-many-chains`
   */
  addCommitment(key: Uint8Array, chainId: string, commitment: NewCommitment): void;
}

/** An open store: the only one of its home until it is closed. */
export interface Protection extends ProtectionStore {
  /** Which signer this is, in records: host and process. */
  readonly instance: string;
  /** Whether a write failed, or the store was found damaged or replaced: nothing is signed until it is opened again. */
  readonly failed: boolean;
  /** A second call does nothing. */
  close(): void;
}

/** The heights of a commitment. */
export interface CommittedRange {
  readonly startHeight: bigint;
  readonly count: number;
}

/** The heights of a commitment, and its signing context. */
export interface CommittedContext extends CommittedRange {
  readonly context?: string;
}

/** Whether a height is among those of a commitment. */
export const covers = ({ startHeight, count }: CommittedRange, height: bigint): boolean =>
  startHeight <= height && height < startHeight + BigInt(count);

/** Whether two commitments have a height in common. */
export const overlap = (one: CommittedRange, other: CommittedRange): boolean =>
  other.startHeight < one.startHeight + BigInt(one.count) &&
  one.startHeight < other.startHeight + BigInt(other.count);

export const lastOf = ({ startHeight, count }: CommittedRange): bigint => startHeight + BigInt(count) - 1n;

/** Whether two records are of one commitment, with any signature. */
export const isSameCommitment = (one: Committed, other: Committed): boolean =>
  one.startHeight === other.startHeight &&
  one.count === other.count &&
  one.context === other.context &&
  equalBytes(one.root, other.root);

type Committed = Pick<StoredCommitment, "startHeight" | "count" | "context" | "root">;

/** The heights of a range that no other range has. */
export function uncovered(range: CommittedRange, others: readonly CommittedRange[]): CommittedRange[] {
  let rest = [range];
  for (const other of others)
    rest = rest.flatMap((each) => (overlap(each, other) ? around(each, other) : [each]));
  return rest;
}

/** The parts of one range before and after another that it overlaps. */
function around(one: CommittedRange, other: CommittedRange): CommittedRange[] {
  const before = Number(other.startHeight - one.startHeight);
  const after = Number(lastOf(one) - lastOf(other));
  return [
    ...(before > 0 ? [{ startHeight: one.startHeight, count: before }] : []),
    ...(after > 0 ? [{ startHeight: lastOf(other) + 1n, count: after }] : []),
  ];
}

/** @throws TapstakeError `commitment-overlap` */
export function refuseOverlap(
  store: Pick<ProtectionStore, "commitments" | "overlapping">,
  { key, chainId }: KeyChain,
  range: CommittedRange,
): void {
  const earlier = [...store.commitments(key, chainId), ...store.overlapping(key, chainId)];
  const other = earlier.find((each) => overlap(each, range));
  if (!other) return;
  throw new TapstakeError(
    "commitment-overlap",
    `heights ${range.startHeight} to ${lastOf(range)} overlap ${other.startHeight} to ${lastOf(other)}, which were committed ${other.at} (root ${hex.encode(other.root)}): a chain takes one commitment a height. Start at ${lastOf(other) + 1n} or later`,
    { startHeight: other.startHeight, count: other.count },
  );
}
