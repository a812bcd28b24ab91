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
  /** Hashes of the subtrees of 256 leaves, one after the other; null where they must be computed again. */
  readonly subtrees: Uint8Array | null;
  readonly at: string;
}

/** A key and a chain that are known to the store. */
export interface StoredKeyChain extends StoredWatermarks {
  /** X-only, 32 bytes. */
  readonly key: Uint8Array;
  readonly chainId: string;
  /** How many votes are remembered. */
  readonly votes: number;
}

/**
 * What a signer remembers, durably. Keys are x-only, 32 bytes; what is written is on the disk when a method returns.
 * After a write that failed, whatever it was, every method refuses with `protection-unwritable` until the store is
 * opened again: what is on the disk is not known.
 */
export interface ProtectionStore {
  readonly home: Home;
  /** Every key and chain, with its watermarks. */
  keyChains(): StoredKeyChain[];
  /** The watermarks of a key on a chain; null when votes there were never initialised. */
  watermarks(key: Uint8Array, chainId: string): StoredWatermarks | null;
  record(key: Uint8Array, chainId: string, height: bigint): VoteRecord | null;
  /** The records among these heights. */
  recordsAt(key: Uint8Array, chainId: string, heights: readonly bigint[]): ReadonlyMap<bigint, VoteRecord>;
  /** Votes from `from` on, by height. */
  records(key: Uint8Array, chainId: string, from?: bigint, limit?: number): StoredVote[];
  /**
   * Takes over, for good, what is noted of a key. A key that was elsewhere is locked; one whose secret left is no
   * longer new; the note that it was generated here ends. Comes before every vote. See `recordImported`,
   * `recordExported` and `recordGenerated`.
   */
  applyProvenance(key: Uint8Array): void;
  /** Heights that sign nothing, as which message was signed there is not known, in order. */
  blocked(key: Uint8Array, chainId: string): bigint[];
  /** Whether this key was made in this home, while this store was there: see `recordGenerated`. */
  isGeneratedHere(key: Uint8Array): boolean;
  /**
   * Remembers votes, all or none, first in the store and then in the watermark log. Throws where one of the heights has
   * a record already.
   */
  append(key: Uint8Array, chainId: string, entries: readonly VoteEntry[]): void;
  /**
   * Begins votes at a height, or raises the low watermark to it.
   * @throws TapstakeError `would-lower-mark`
   */
  init(key: Uint8Array, chainId: string, fromHeight: bigint): Watermarks;
  /**
   * Forgets the votes below a height and raises the low watermark to it; returns how many votes were forgotten.
   * @throws TapstakeError `would-lower-mark`; `invalid-number` beyond the height after the highest vote;
   *   `protection-uninitialised`
   */
  prune(key: Uint8Array, chainId: string, below: bigint): number;
  /** Everything that is remembered; `interchangeText` writes what is too long to be held. */
  exportInterchange(): Interchange;
  /**
   * Merges an interchange file, all of it or nothing.
   * @param file the JSON of one, parsed, or what `readInterchange` made of its text
   * @throws TapstakeError `invalid-json`, `unknown-version`; `invalid-signature` for a commitment that its key has not
   *   signed; `protection-uninitialised` where a key would begin by the file and `begin` is not given
   */
  importInterchange(file: unknown, options?: ImportOptions): ImportReport;
  /** Every key and chain with a commitment. */
  committers(): { readonly key: Uint8Array; readonly chainId: string }[];
  /** Commitments that overlap no earlier one: proofs are made of them. */
  commitments(key: Uint8Array, chainId: string): StoredCommitment[];
  /** Imported commitments that overlap others. They serve no proof; votes at heights that they alone cover heed their context. */
  overlapping(key: Uint8Array, chainId: string): StoredCommitment[];
  /**
   * The heights and contexts of {@link ProtectionStore.commitments}, and of the heights that one of
   * {@link ProtectionStore.overlapping} alone covers, from memory: a vote asks for them.
   */
  committed(key: Uint8Array, chainId: string): readonly CommittedContext[];
  /** @throws TapstakeError `commitment-overlap` */
  addCommitment(key: Uint8Array, chainId: string, commitment: Omit<StoredCommitment, "at">): void;
}

/** An open store. It is the only one of its home until it is closed. */
export interface Protection extends ProtectionStore {
  /** Which signer this is, in records: host and process. */
  readonly instance: string;
  /**
   * Whether a write failed, or the store was found to be damaged or replaced: nothing is signed until it is opened
   * again.
   */
  readonly failed: boolean;
  /** Closing twice is once. */
  close(): void;
}

/** The heights of a commitment. */
export interface CommittedRange {
  readonly startHeight: bigint;
  readonly count: number;
}

/** The heights of a commitment, and the signing context that it was made under. */
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

/** Whether two are one and the same commitment, whatever signature it has. */
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

/** What of one range is before and after another that it overlaps. */
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
