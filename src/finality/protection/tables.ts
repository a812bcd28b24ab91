import { hex, u64be, utf8 } from "../../core/bytes.js";
import { floorOf, higher, MAX_HEIGHT } from "./decide.js";
import { Heights, keyChainName, type KeyChainState } from "./key-chain.js";
import {
  commitmentCells,
  type CommitmentRow,
  heldCell,
  loadStore,
  readCommitment,
  type ReadCommitmentRow,
  readVote,
  type VoteRow,
} from "./rows.js";
import { combine, type Database, prepareStatements, type Statements, sumOf, textOf } from "./schema.js";
import { expect, rowsOf } from "./sqlite.js";
import {
  type CommittedContext,
  type CommittedRange,
  isSameCommitment,
  type StoredCommitment,
  type StoredVote,
  type VoteEntry,
} from "./store.js";

/** Who writes a row, and when. */
export interface Writer {
  /** UTF-8, as stored. */
  readonly at: Uint8Array;
  readonly instance: Uint8Array;
}

/**
 * The rows of an open store and what ties them together. Each row has a checksum over all of it. Votes have a running
 * number and the combination of all checksums before them. So a vote is one row in one page, and a missing row is
 * detected.
 *
 * Changes belong in a transaction, which ends with `writeState` unless it is a single vote.
 */
export class Tables {
  readonly storeId: string;
  readonly keyChains: Map<string, KeyChainState>;
  readonly #births: number;
  readonly #statements: Statements;
  /** Every vote needs them, and rows of commitments are long. */
  readonly #committed: Map<string, CommittedContext[]>;
  #commitments: number;
  #seq: number;
  #total: Uint8Array;

  /**
   * Reads and checks every row.
   * @throws DatabaseFault `corrupt`
   */
  constructor(db: Database) {
    this.#statements = prepareStatements(db);
    const loaded = loadStore(db);
    this.storeId = loaded.storeId;
    this.keyChains = loaded.keyChains;
    this.#births = loaded.births;
    ({ seq: this.#seq, total: this.#total } = loaded);
    this.#committed = loaded.commitments;
    this.#commitments = [...loaded.commitments.values()].flat().length;
  }

  /** The number of the last write. */
  get seq(): number {
    return this.#seq;
  }

  /**
   * The votes from one height to another, by height. @throws DatabaseFault `corrupt` unless they are those that were
   * written
   */
  *votes(known: KeyChainState, from = 0n, to = MAX_HEIGHT): Generator<StoredVote> {
    const rows = rowsOf<VoteRow>(this.#statements.votes, known.id, u64be(from), u64be(to));
    yield* asWritten(known, rows, known.heights.between(from, to));
  }

  /** @throws DatabaseFault `corrupt` if a vote was written and is missing */
  vote(known: KeyChainState, height: bigint): StoredVote | undefined {
    if (!known.heights.has(height)) return undefined;
    // Read to its end: an unfinished walk keeps its statement busy.
    const [vote] = [...this.votes(known, height, height)];
    return vote;
  }

  /** At most `limit` votes from a height on. @throws DatabaseFault as {@link Ledger.votes} */
  page(known: KeyChainState, from: bigint, limit: number): StoredVote[] {
    const rows = rowsOf<VoteRow>(this.#statements.page, known.id, u64be(from, "first height"), limit);
    return [...asWritten(known, rows, take(known.heights.between(from, MAX_HEIGHT), limit))];
  }

  /** Commitments that overlap no earlier one. */
  commitments(key: Uint8Array, chainId: string): StoredCommitment[] {
    const rows = this.#commitmentRows(key, chainId);
    return rows.flatMap(({ commitment, alone }) => (alone ? [] : [commitment]));
  }

  /** Commitments that overlap others and cover heights that no other does. */
  overlapping(key: Uint8Array, chainId: string): StoredCommitment[] {
    const found: StoredCommitment[] = [];
    for (const { commitment, alone } of this.#commitmentRows(key, chainId)) {
      // Others may lie between the heights that it alone covers.
      if (alone && !found.some((other) => isSameCommitment(other, commitment))) found.push(commitment);
    }
    return found;
  }

  #commitmentRows(key: Uint8Array, chainId: string): ReadCommitmentRow[] {
    return [...rowsOf<CommitmentRow>(this.#statements.commitments, key, utf8(chainId))].map(readCommitment);
  }

  /** The heights and contexts of the commitments, from memory. */
  committed(key: Uint8Array, chainId: string): readonly CommittedContext[] {
    return this.#committed.get(keyChainName(key, chainId)) ?? [];
  }

  /** Every key and chain with a commitment. */
  committers(): { key: Uint8Array; chainId: string }[] {
    const rows = rowsOf<Pick<CommitmentRow, "key" | "chain">>(this.#statements.committers);
    return [...rows].map(({ key, chain }) => ({ key, chainId: textOf(chain) }));
  }

  newKeyChain(key: Uint8Array, chainId: string): KeyChainState {
    const last = [...this.keyChains.values()].reduce((id, known) => Math.max(id, known.id), 0);
    const known = {
      id: last + 1,
      key: Uint8Array.from(key),
      chainId,
      lowWatermark: 0n,
      highWatermark: null,
      locked: false,
      retired: false,
      heights: new Heights(),
      blocked: new Heights(),
    };
    this.keyChains.set(keyChainName(key, chainId), known);
    return known;
  }

  /** @throws DatabaseFault `corrupt` if the file has a row that memory does not know */
  addVote(known: KeyChainState, entry: VoteEntry, writer: Writer): void {
    expect(known.heights.add(entry.height), `it was to have a second vote at height ${entry.height}`);
    this.#insert(known, entry, writer);
  }

  replaceVote(known: KeyChainState, entry: VoteEntry, writer: Writer): void {
    const height = u64be(entry.height);
    const { sum } = this.#statements.votes.get(known.id, height, height) as VoteRow;
    this.#statements.deleteVote.run(known.id, height);
    this.#total = combine(this.#total, sum);
    this.#insert(known, entry, writer);
  }

  #insert(known: KeyChainState, { height, digest, signature }: VoteEntry, { at, instance }: Writer): void {
    const seq = ++this.#seq;
    const cells = [known.id, u64be(height), digest, signature, at, instance, seq, this.#total];
    const sum = sumOf("votes", ...cells);
    this.#statements.addVote.run(...cells, sum);
    this.#total = combine(this.#total, sum);
    known.highWatermark = higher(known.highWatermark, height);
    if (!digest) known.blocked.add(height);
  }

  /** Returns how many votes it forgot. @throws DatabaseFault `corrupt` if there are fewer than were written */
  forgetBelow(known: KeyChainState, height: bigint): number {
    const below = u64be(height);
    let found = 0;
    for (const { sum } of rowsOf<VoteRow>(this.#statements.sumsBelow, known.id, below)) {
      this.#total = combine(this.#total, sum);
      found++;
    }
    expect(found === known.heights.removeBelow(height), "votes are missing");
    known.blocked.removeBelow(height);
    this.#statements.deleteBelow.run(known.id, below);
    return found;
  }

  /** @param alone for one that overlaps others, heights that it alone covers: only they are added */
  addCommitment(
    key: Uint8Array,
    chainId: string,
    commitment: StoredCommitment,
    alone?: CommittedRange,
  ): void {
    const cells = commitmentCells(key, chainId, commitment, alone);
    this.#statements.addCommitment.run(...cells, sumOf("commitments", ...cells));
    this.#commitments++;
    const name = keyChainName(key, chainId);
    const { context } = commitment;
    const { startHeight, count } = alone ?? commitment;
    const range = { startHeight, count, ...(context !== undefined && { context }) };
    this.#committed.set(name, [...(this.#committed.get(name) ?? []), range]);
  }

  /** Locks a key and chain until an `init` above what is known of it. */
  lock(known: KeyChainState): void {
    known.lowWatermark = floorOf(known);
    known.locked = true;
    known.retired = false;
    this.writeKeyChain(known);
  }

  /** Locks a key and chain whose votes go to another home. An export still has the watermarks as they were. */
  retire(known: KeyChainState): void {
    // One that was locked before stays so: its votes may not all be known.
    known.retired = !known.locked || known.retired;
    known.locked = true;
    this.writeKeyChain(known);
  }

  writeKeyChain(known: KeyChainState): void {
    const { id, key, chainId, lowWatermark, highWatermark } = known;
    const high = highWatermark === null ? null : u64be(highWatermark);
    const watermarks = [u64be(lowWatermark), high, heldCell(known)] as const;
    const cells = [id, key, utf8(chainId), ...watermarks] as const;
    this.#statements.setKeyChain.run(...cells, sumOf("subjects", ...cells));
  }

  writeState(): void {
    const counts = [this.keyChains.size, this.#births, this.#commitments] as const;
    const cells = [++this.#seq, this.#total, ...counts] as const;
    this.#statements.setState.run(...cells, sumOf("state", hex.decode(this.storeId), ...cells));
  }
}

/**
 * Rows, if they are those that this process has read and written. SQLite trusts its files, and reads what another
 * program wrote over them as its own. A row lost that way would be a height that could be voted for again.
 */
function* asWritten(
  { blocked }: KeyChainState,
  rows: Iterable<VoteRow>,
  heights: Iterator<bigint>,
): Generator<StoredVote> {
  for (const row of rows) {
    const vote = readVote(row);
    expect(heights.next().value === vote.height, "votes are missing");
    expect(vote.digest === null || !blocked.has(vote.height), "an earlier record of a vote is back");
    yield vote;
  }
  expect(heights.next().done === true, "votes are missing");
}

function* take<T>(all: Iterable<T>, limit: number): Generator<T, void> {
  let left = limit;
  if (left <= 0) return;
  for (const one of all) {
    yield one;
    if (--left === 0) return;
  }
}
