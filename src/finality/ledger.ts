import type Database from "libsql";
import { hex, u64be, utf8 } from "../core/bytes.js";
import { commitmentCells, type CommitmentRow, readCommitment } from "./commitment-rows.js";
import { rowsOf } from "./database.js";
import { floorOf, higher, MAX_HEIGHT } from "./decision.js";
import { type Known, loadStore, readVote, type VoteRow } from "./loading.js";
import { combine, sumOf, textOf } from "./schema.js";
import { prepareStatements, type Statements } from "./statements.js";
import type { StoredCommitment, StoredVote, VoteEntry } from "./store.js";
import { subjectName } from "./subject.js";

/** By whom and when a row is written. */
export interface Writer {
  /** UTF-8, as it is stored. */
  readonly at: Uint8Array;
  readonly instance: Uint8Array;
}

/**
 * The rows of an open store and what ties them together: each carries a checksum over all of it; votes carry a running
 * number and the combination of all checksums before them, so that a vote is one row in one page, and that no row can
 * be missing. Changes belong into a transaction, which ends with `writeState` unless it is a single vote.
 */
export class Ledger {
  readonly storeId: string;
  readonly subjects: Map<string, Known>;
  readonly births: Map<string, string>;
  readonly #statements: Statements;
  #commitments: number;
  #seq: number;
  #total: Uint8Array;

  /**
   * Reads and checks every row.
   * @throws DatabaseFault `corrupt`
   */
  constructor(db: Database.Database) {
    this.#statements = prepareStatements(db);
    const loaded = loadStore(db);
    this.storeId = loaded.storeId;
    this.subjects = loaded.subjects;
    this.births = loaded.births;
    ({ seq: this.#seq, total: this.#total, commitments: this.#commitments } = loaded);
  }

  /** The number of the last write. */
  get seq(): number {
    return this.#seq;
  }

  /** The votes of a subject from one height to another, by height. */
  *votes(subject: number, from = 0n, to = MAX_HEIGHT): Generator<StoredVote> {
    for (const row of rowsOf<VoteRow>(this.#statements.votes, subject, u64be(from), u64be(to))) {
      yield readVote(row);
    }
  }

  vote(subject: number, height: bigint): StoredVote | undefined {
    // To its end: a walk that is given up keeps its statement busy.
    const [vote] = [...this.votes(subject, height, height)];
    return vote;
  }

  /** At most `limit` votes of a subject from a height on. */
  page(subject: number, from: bigint, limit: number): StoredVote[] {
    const rows = rowsOf<VoteRow>(this.#statements.page, subject, u64be(from, "first height"), limit);
    return [...rows].map(readVote);
  }

  /** The heights of votes whose message is not known. */
  blocked(subject: number): bigint[] {
    return [...rowsOf<VoteRow>(this.#statements.blocked, subject)].map((row) => readVote(row).height);
  }

  commitments(key: Uint8Array, chainId: string): StoredCommitment[] {
    return [...rowsOf<CommitmentRow>(this.#statements.commitments, key, utf8(chainId))].map(readCommitment);
  }

  /** Every key and chain with a commitment. */
  committers(): { key: Uint8Array; chainId: string }[] {
    const rows = rowsOf<Pick<CommitmentRow, "key" | "chain">>(this.#statements.committers);
    return [...rows].map(({ key, chain }) => ({ key, chainId: textOf(chain) }));
  }

  newSubject(key: Uint8Array, chainId: string): Known {
    const id = [...this.subjects.values()].reduce((highest, known) => Math.max(highest, known.id), 0) + 1;
    const known = {
      id,
      key: Uint8Array.from(key),
      chainId,
      lowest: 0n,
      highest: null,
      held: false,
      votes: 0,
    };
    this.subjects.set(subjectName(key, chainId), known);
    return known;
  }

  addVote(known: Known, { height, digest, signature }: VoteEntry, { at, instance }: Writer): void {
    const seq = ++this.#seq;
    const cells = [known.id, u64be(height), digest, signature, at, instance, seq, this.#total];
    const sum = sumOf("votes", ...cells);
    this.#statements.addVote.run(...cells, sum);
    this.#total = combine(this.#total, sum);
    known.votes++;
    known.highest = higher(known.highest, height);
  }

  replaceVote(known: Known, entry: VoteEntry, writer: Writer): void {
    const height = u64be(entry.height);
    const { sum } = this.#statements.votes.get(known.id, height, height) as VoteRow;
    this.#statements.deleteVote.run(known.id, height);
    this.#total = combine(this.#total, sum);
    known.votes--;
    this.addVote(known, entry, writer);
  }

  forgetBelow(known: Known, height: bigint): void {
    const below = u64be(height);
    for (const { sum } of rowsOf<VoteRow>(this.#statements.sumsBelow, known.id, below)) {
      this.#total = combine(this.#total, sum);
      known.votes--;
    }
    this.#statements.deleteBelow.run(known.id, below);
  }

  addCommitment(key: Uint8Array, chainId: string, commitment: StoredCommitment): void {
    const cells = commitmentCells(key, chainId, commitment);
    this.#statements.addCommitment.run(...cells, sumOf("commitments", ...cells));
    this.#commitments++;
  }

  addBirth(key: Uint8Array, place: string): void {
    const cells = [key, utf8(place)] as const;
    this.#statements.addBirth.run(...cells, sumOf("births", ...cells));
    this.births.set(hex.encode(key), place);
  }

  forgetBirth(key: Uint8Array): void {
    // A list, as the library takes a single object for names and values, and ends the process.
    this.#statements.forgetBirth.run([key]);
    this.births.delete(hex.encode(key));
  }

  /** Keeps a subject from signing until it is begun anew, above what is known of it. `writeSubject` makes it so. */
  hold(known: Known): void {
    known.lowest = floorOf(known);
    known.held = true;
  }

  writeSubject({ id, key, chainId, lowest, highest, held }: Known): void {
    const marks = [u64be(lowest), highest === null ? null : u64be(highest), held ? 1 : 0] as const;
    const cells = [id, key, utf8(chainId), ...marks] as const;
    this.#statements.setSubject.run(...cells, sumOf("subjects", ...cells));
  }

  writeState(): void {
    const counts = [this.subjects.size, this.births.size, this.#commitments] as const;
    const cells = [++this.#seq, this.#total, ...counts] as const;
    this.#statements.setState.run(...cells, sumOf("state", hex.decode(this.storeId), ...cells));
  }
}
