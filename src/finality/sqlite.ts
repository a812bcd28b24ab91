import type Database from "libsql";
import { hex, u64be, utf8 } from "../core/bytes.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { hasBirth, listBirths, removeBirth } from "./births.js";
import { commitmentCells, type CommitmentRow, readCommitment, refuseOverlap } from "./commitment-rows.js";
import { closeDatabase, DatabaseFault, faulty, openDatabase, rowsOf } from "./database.js";
import { type Known, loadStore, readVote, type VoteRow } from "./loading.js";
import type { Marks, VoteRecord } from "./decision.js";
import type { Home } from "./home.js";
import { corruptStore, unwritable } from "./instructions.js";
import { type ImportReport, type Interchange, readInterchange, type ReadSubject } from "./interchange.js";
import { exportSubject, importCommitments, importVotes } from "./merging.js";
import type { Mark } from "./marks.js";
import { combine, sumOf, textOf } from "./schema.js";
import { prepareStatements, type Statements } from "./statements.js";
import type { Protection, StoredCommitment, Subject, VoteEntry } from "./store.js";
import { assertChainId, subjectName } from "./subject.js";

/**
 * The store in SQLite. Each row carries a checksum over all of it. Votes carry a running number and the combination
 * of all checksums before them, so that a vote is one row in one page, and that no row can be missing.
 */
export class SqliteProtection implements Protection {
  readonly home: Home;
  readonly instance: string;
  readonly storeId: string;
  readonly #db: Database.Database;
  readonly #statements: Statements;
  readonly #subjects: Map<string, Known>;
  readonly #births: Set<string>;
  #commitments: number;
  #seq: number;
  #total: Uint8Array;
  #mirror: (marks: readonly Mark[]) => void = () => {};
  #onClose: () => void = () => {};
  #fault: string | undefined;
  #closed = false;

  /**
   * Opens a store and checks every byte of it that means something.
   * @throws DatabaseFault
   */
  constructor(home: Home, instance: string) {
    this.home = home;
    this.instance = instance;
    this.#db = openDatabase(home.protectionFile);
    try {
      const db = this.#db;
      this.#statements = faulty("corrupt", () => prepareStatements(db));
      const loaded = faulty("corrupt", () => loadStore(db));
      this.storeId = loaded.storeId;
      this.#subjects = loaded.subjects;
      this.#births = loaded.births;
      ({ seq: this.#seq, total: this.#total, commitments: this.#commitments } = loaded);
    } catch (error) {
      closeDatabase(this.#db);
      throw error;
    }
  }

  /** Tells the store where its second mark is, and what else ends with it. */
  attach(mirror: (marks: readonly Mark[]) => void, onClose: () => void): void {
    this.#mirror = mirror;
    this.#onClose = onClose;
  }

  get seq(): number {
    return this.#seq;
  }

  get poisoned(): boolean {
    return this.#fault !== undefined;
  }

  /** The marks of everything, as the second mark keeps them. */
  allMarks(): Mark[] {
    return [...this.#subjects.values()].map((known) => this.#markOf(known));
  }

  subjects(): Subject[] {
    return this.#read(() =>
      [...this.#subjects.values()].map(({ key, chainId, lowest, highest, votes }) => ({
        key: Uint8Array.from(key),
        chainId,
        lowest,
        highest,
        votes,
      })),
    );
  }

  marks(key: Uint8Array, chainId: string): Marks | null {
    return this.#read(() => {
      const known = this.#subjects.get(subjectName(key, chainId));
      return known ? { lowest: known.lowest, highest: known.highest } : null;
    });
  }

  record(key: Uint8Array, chainId: string, height: bigint): VoteRecord | null {
    return this.recordsAt(key, chainId, [height]).get(height) ?? null;
  }

  recordsAt(key: Uint8Array, chainId: string, heights: readonly bigint[]): ReadonlyMap<bigint, VoteRecord> {
    return this.#read(() => {
      const found = new Map<bigint, VoteRecord>();
      const known = this.#subjects.get(subjectName(key, chainId));
      if (!known || heights.length === 0) return found;
      const wanted = new Set(heights);
      const [first, last] = [heights.reduce(min), heights.reduce(max)];
      // One walk where the heights are close together, as they are in a batch.
      const together = heights.length > 2 && last - first < 4n * BigInt(heights.length);
      for (const [from, to] of together ? [[first, last] as const] : heights.map((h) => [h, h] as const)) {
        for (const row of rowsOf<VoteRow>(this.#statements.votes, known.id, u64be(from), u64be(to))) {
          const { height, ...record } = readVote(row);
          if (wanted.has(height)) found.set(height, record);
        }
      }
      return found;
    });
  }

  records(key: Uint8Array, chainId: string, from = 0n, limit = 100) {
    return this.#read(() => {
      const known = this.#subjects.get(subjectName(key, chainId));
      if (!known) return [];
      return [...rowsOf<VoteRow>(this.#statements.page, known.id, u64be(from, "first height"), limit)].map(
        readVote,
      );
    });
  }

  isBornHere(key: Uint8Array): boolean {
    return this.#read(() => {
      if (!this.#births.has(hex.encode(key)) && hasBirth(this.home, key)) this.takeOverBirths();
      return this.#births.has(hex.encode(key));
    });
  }

  /** Moves the notes of new keys into the store. */
  takeOverBirths(): void {
    const notes = listBirths(this.home);
    if (notes.length === 0) return;
    this.#write([], () => {
      for (const key of notes.filter((note) => !this.#births.has(hex.encode(note)))) {
        const at = utf8(new Date().toISOString());
        this.#statements.addBirth.run(key, at, sumOf("births", key, at));
        this.#births.add(hex.encode(key));
      }
      this.#writeState();
      return undefined;
    });
    // The note goes for good before a vote is made: found again after a restore, it would make an old key new.
    try {
      for (const key of notes) removeBirth(this.home, key);
    } catch (cause) {
      throw this.#poison(cause);
    }
  }

  append(key: Uint8Array, chainId: string, entries: readonly VoteEntry[]): void {
    const known = this.#mustKnow(key, chainId);
    for (const entry of entries) checkEntry(entry);
    const at = new Date().toISOString();
    // One row is a transaction of its own.
    this.#write(
      [known],
      () => {
        for (const entry of entries) this.#insertVote(known, entry, at, this.instance);
      },
      entries.length === 1,
    );
  }

  init(key: Uint8Array, chainId: string, fromHeight: bigint): Marks {
    u64be(fromHeight, "first height");
    const earlier = this.#read(() => this.#subjects.get(subjectName(key, chainId)));
    if (earlier && fromHeight < earlier.lowest) throw wouldLower(fromHeight, earlier.lowest);
    if (earlier?.lowest !== fromHeight) {
      const known = earlier ?? this.#newSubject(key, chainId);
      this.#write([known], () => {
        known.lowest = fromHeight;
        this.#writeSubject(known);
        this.#writeState();
      });
    }
    return { lowest: fromHeight, highest: earlier?.highest ?? null };
  }

  prune(key: Uint8Array, chainId: string, below: bigint): number {
    const known = this.#mustKnow(key, chainId);
    u64be(below, "height");
    if (below < known.lowest) throw wouldLower(below, known.lowest);
    if (below > (known.highest ?? known.lowest - 1n) + 1n && below !== known.lowest) {
      throw new TapstakeError(
        "invalid-number",
        `expected a height up to ${(known.highest ?? known.lowest - 1n) + 1n}, after the last vote, got ${below}: ` +
          "nothing would be signed between. To raise the mark above all votes, use protection init",
      );
    }
    const before = known.votes;
    this.#write([known], () => {
      for (const { sum } of rowsOf<VoteRow>(this.#statements.sumsBelow, known.id, u64be(below))) {
        this.#total = combine(this.#total, sum);
        known.votes--;
      }
      this.#statements.deleteBelow.run(known.id, u64be(below));
      known.lowest = below;
      this.#writeSubject(known);
      this.#writeState();
    });
    return before - known.votes;
  }

  exportHistory(): Interchange {
    return this.#read(() => {
      const named = new Map<string, { key: Uint8Array; chainId: string }>(this.#subjects);
      // A key may have committed and never voted.
      for (const { key, chain } of rowsOf<CommitmentRow>(this.#statements.committers)) {
        const chainId = textOf(chain);
        if (!named.has(subjectName(key, chainId))) named.set(subjectName(key, chainId), { key, chainId });
      }
      return {
        metadata: { format: "tapstake-protection", version: 1, exportedAt: new Date().toISOString() },
        data: [...named].map(([name, { key, chainId }]) => {
          const known = this.#subjects.get(name);
          const votes = known ? this.#allVotes(known.id) : [];
          return exportSubject(key, chainId, known, votes, this.commitments(key, chainId));
        }),
      };
    });
  }

  importHistory(file: unknown): ImportReport {
    const subjects = readInterchange(file);
    this.#usable();
    if (subjects.length === 0) return [];
    const plan = subjects.map((subject) => {
      const { key, chainId, lowest } = subject;
      const known = this.#subjects.get(subjectName(key, chainId));
      return { subject, known: known ?? (lowest === null ? undefined : this.#newSubject(key, chainId)) };
    });
    const report: ImportReport[number][] = [];
    const touched = plan.flatMap(({ known }) => known ?? []);
    this.#write(touched, () => {
      for (const { subject, known } of plan) report.push(this.#importSubject(subject, known));
      this.#writeState();
    });
    return report;
  }

  commitments(key: Uint8Array, chainId: string): StoredCommitment[] {
    return this.#read(() => {
      assertChainId(chainId);
      return [...rowsOf<CommitmentRow>(this.#statements.commitments, key, utf8(chainId))].map(readCommitment);
    });
  }

  addCommitment(key: Uint8Array, chainId: string, commitment: Omit<StoredCommitment, "at">): void {
    refuseOverlap(this.commitments(key, chainId), commitment);
    this.#write([], () => {
      this.#insertCommitment(key, chainId, commitment);
      this.#writeState();
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      closeDatabase(this.#db);
    } finally {
      this.#onClose();
    }
  }

  #usable(): void {
    if (this.#closed) throw new TapstakeError("protection-closed", "the store of votes was closed");
    if (this.#fault !== undefined) throw unwritable(this.home, this.#fault);
  }

  #poison(cause: unknown): TapstakeError {
    const { message } = cause as Error;
    this.#fault ??= message;
    return cause instanceof DatabaseFault && cause.kind === "corrupt"
      ? corruptStore(this.home, message, [])
      : unwritable(this.home, message, cause);
  }

  #read<T>(work: () => T): T {
    this.#usable();
    try {
      return faulty("unwritable", work);
    } catch (error) {
      throw error instanceof TapstakeError ? error : this.#poison(error);
    }
  }

  /**
   * One transaction, and then the second mark. What is in memory changes with it: where one of both fails, nothing
   * is used any more.
   */
  #write(touched: readonly Known[], work: () => void, isOneStatement = false): void {
    this.#usable();
    try {
      faulty("unwritable", () => {
        if (!isOneStatement) this.#db.exec("BEGIN IMMEDIATE");
        work();
        if (!isOneStatement) this.#db.exec("COMMIT");
        if (touched.length > 0) this.#mirror(touched.map((known) => this.#markOf(known)));
      });
    } catch (error) {
      throw this.#poison(error);
    }
  }

  #insertVote(known: Known, { height, digest, signature }: VoteEntry, at: string, instance: string): void {
    const written = [utf8(at), utf8(instance), ++this.#seq, this.#total] as const;
    const cells = [known.id, u64be(height), digest, signature, ...written] as const;
    const sum = sumOf("votes", ...cells);
    this.#statements.addVote.run(...cells, sum);
    this.#total = combine(this.#total, sum);
    known.votes++;
    if (known.highest === null || height > known.highest) known.highest = height;
  }

  #replaceVote(known: Known, entry: VoteEntry, at: string, instance: string): void {
    const height = u64be(entry.height);
    const { sum } = this.#statements.votes.get(known.id, height, height) as VoteRow;
    this.#statements.deleteVote.run(known.id, height);
    this.#total = combine(this.#total, sum);
    known.votes--;
    this.#insertVote(known, entry, at, instance);
  }

  #importSubject(subject: ReadSubject, known: Known | undefined): ImportReport[number] {
    const { key, chainId } = subject;
    const at = new Date().toISOString();
    const by = `import by ${this.instance}`;
    const votes = known
      ? importVotes(subject, known, {
          record: (height) => this.record(key, chainId, height),
          insert: (entry) => this.#insertVote(known, entry, at, by),
          replace: (entry) => this.#replaceVote(known, entry, at, by),
        })
      : { added: 0, conflicts: [] };
    if (known) this.#writeSubject(known);
    const commitments = importCommitments(subject, this.commitments(key, chainId), (commitment) =>
      this.#insertCommitment(key, chainId, commitment),
    );
    const { lowest = null, highest = null } = known ?? {};
    return { key: Uint8Array.from(key), chainId, lowest, highest, ...votes, ...commitments };
  }

  #insertCommitment(key: Uint8Array, chainId: string, commitment: Omit<StoredCommitment, "at">): void {
    const cells = commitmentCells(key, chainId, { ...commitment, at: new Date().toISOString() });
    this.#statements.addCommitment.run(...cells, sumOf("commitments", ...cells));
    this.#commitments++;
  }

  #writeSubject({ id, key, chainId, lowest, highest }: Known): void {
    const cells = [id, key, utf8(chainId), u64be(lowest), highest === null ? null : u64be(highest)] as const;
    this.#statements.setSubject.run(...cells, sumOf("subjects", ...cells));
  }

  #writeState(): void {
    const counts = [this.#subjects.size, this.#births.size, this.#commitments] as const;
    const cells = [++this.#seq, this.#total, ...counts] as const;
    this.#statements.setState.run(...cells, sumOf("state", hex.decode(this.storeId), ...cells));
  }

  #newSubject(key: Uint8Array, chainId: string): Known {
    const id = [...this.#subjects.values()].reduce((highest, known) => Math.max(highest, known.id), 0) + 1;
    const known = { id, key: Uint8Array.from(key), chainId, lowest: 0n, highest: null, votes: 0 };
    this.#subjects.set(subjectName(key, chainId), known);
    return known;
  }

  #mustKnow(key: Uint8Array, chainId: string): Known {
    this.#usable();
    const known = this.#subjects.get(subjectName(key, chainId));
    if (known) return known;
    const text = `key ${hex.encode(key)} has no marks on chain ${chainId}`;
    throw new TapstakeError("protection-uninitialised", text, { key: hex.encode(key), chainId });
  }

  #markOf({ key, chainId, lowest, highest }: Known): Mark {
    return { key, chainId, lowest, highest, seq: this.#seq };
  }

  *#allVotes(subject: number): Generator<VoteRecord & { readonly height: bigint }> {
    for (const row of rowsOf<VoteRow>(this.#statements.votes, subject, u64be(0n), LAST_HEIGHT)) {
      yield readVote(row);
    }
  }
}

const LAST_HEIGHT = u64be(0xffff_ffff_ffff_ffffn);

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);

function checkEntry({ height, digest, signature }: VoteEntry): void {
  u64be(height, "height");
  for (const [name, value] of [
    ["digest", digest],
    ["signature", signature],
  ] as const) {
    if (value !== null && !(value instanceof Uint8Array && value.length === 32)) {
      throw new TapstakeError(
        "invalid-bytes",
        `${name}: expected 32 bytes or null, got ${describeType(value)}`,
      );
    }
  }
}

const wouldLower = (height: bigint, lowest: bigint): TapstakeError =>
  new TapstakeError(
    "would-lower-mark",
    `expected a height of ${lowest} or more, got ${height}: nothing below ${lowest} is signed any more, and that is never taken back`,
    { lowest, height },
  );
