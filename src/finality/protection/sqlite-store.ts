import type Database from "libsql";
import { max, min } from "../../core/bigint.js";
import { hex, u64be, utf8 } from "../../core/bytes.js";
import { describeType, TapstakeError } from "../../core/errors.js";
import { assertChainId } from "../../vote/chain.js";
import type { Home } from "../home.js";
import { Heeding } from "../keys/provenance.js";
import { MAX_HEIGHT, type Marks, type StoredMarks, type VoteRecord } from "./decide.js";
import { broken, type Floor, replaced, unwritable } from "./errors.js";
import { historyText } from "./export.js";
import type { FileCheck } from "./file-check.js";
import { mergeSubject } from "./import.js";
import { type ImportReport, type Interchange, readInterchange } from "./interchange.js";
import { type KeyChainState, keyChainName } from "./key-chain.js";
import { checkpoint, closeDatabase, DatabaseFault, faulty, openDatabase } from "./sqlite.js";
import {
  refuseOverlap,
  type Protection,
  type StoredCommitment,
  type StoredVote,
  type Subject,
  type VoteEntry,
} from "./store.js";
import { Ledger, type Writer } from "./tables.js";
import type { Mark } from "./watermark-log.js";

/** What belongs to an open store. */
interface Attached {
  /** Notes a write and the marks that it changed in the second mark, durably. */
  readonly mirror: (seq: number, marks: readonly Mark[]) => void;
  /** The files that nobody else may touch. */
  readonly files: FileCheck;
  /** Ends with the store. */
  readonly onClose: () => void;
}

/** The store in SQLite: what may be done to its {@link Ledger}, in which order, and what a failure means. */
export class SqliteProtection implements Protection {
  readonly home: Home;
  readonly instance: string;
  readonly #db: Database.Database;
  readonly #ledger: Ledger;
  readonly #heeding: Heeding;
  /** The number of the last write that is in the file itself. */
  #checkpointed: number;
  #attached: Attached | undefined;
  #fault: (() => TapstakeError) | undefined;
  #closed = false;

  /**
   * Opens a store and checks every byte of it that means something.
   * @throws DatabaseFault
   */
  constructor(home: Home, instance: string, path: string = home.protectionFile) {
    this.home = home;
    this.instance = instance;
    const db = openDatabase(path);
    this.#db = db;
    try {
      this.#ledger = faulty("corrupt", () => new Ledger(db));
    } catch (error) {
      closeDatabase(db);
      throw error;
    }
    this.#checkpointed = this.seq;
    this.#heeding = new Heeding(home, this.#ledger, {
      write: (touched, change) => this.#write(touched, change),
      careful: (work) => this.#careful(work),
    });
  }

  /** Tells the store what belongs to it. */
  attach(attached: Attached): void {
    this.#attached = attached;
  }

  get storeId(): string {
    return this.#ledger.storeId;
  }

  get seq(): number {
    return this.#ledger.seq;
  }

  get poisoned(): boolean {
    return this.#fault !== undefined;
  }

  /** The marks of everything, as the second mark keeps them. */
  allMarks(): Mark[] {
    return [...this.#ledger.subjects.values()].map((known) => this.#markOf(known));
  }

  subjects(): Subject[] {
    return this.#read(() =>
      [...this.#ledger.subjects.values()].map(({ key, chainId, lowest, highest, held, heights }) => ({
        key: Uint8Array.from(key),
        chainId,
        lowest,
        highest,
        held,
        votes: heights.size,
      })),
    );
  }

  marks(key: Uint8Array, chainId: string): StoredMarks | null {
    this.#usable();
    const known = this.#known(key, chainId);
    return known ? { lowest: known.lowest, highest: known.highest, held: known.held } : null;
  }

  record(key: Uint8Array, chainId: string, height: bigint): VoteRecord | null {
    return this.recordsAt(key, chainId, [height]).get(height) ?? null;
  }

  recordsAt(key: Uint8Array, chainId: string, heights: readonly bigint[]): ReadonlyMap<bigint, VoteRecord> {
    this.#usable();
    const found = new Map<bigint, VoteRecord>();
    const known = this.#known(key, chainId);
    // Where there is none, whatever became of the files is found out by `append`.
    const wanted = new Set(heights.filter((height) => known?.heights.has(height)));
    if (!known || wanted.size === 0) return found;
    return this.#read(() => {
      const [first, last] = [[...wanted].reduce(min), [...wanted].reduce(max)];
      // One walk where the heights are close together, as they are in a batch.
      const together = wanted.size > 2 && last - first < 4n * BigInt(wanted.size);
      for (const [from, to] of together
        ? [[first, last] as const]
        : [...wanted].map((h) => [h, h] as const)) {
        for (const { height, ...record } of this.#ledger.votes(known, from, to)) {
          if (wanted.has(height)) found.set(height, record);
        }
      }
      return found;
    });
  }

  records(key: Uint8Array, chainId: string, from = 0n, limit = 100): StoredVote[] {
    return this.#read(() => {
      const known = this.#known(key, chainId);
      return known ? this.#ledger.page(known, from, limit) : [];
    });
  }

  blocked(key: Uint8Array, chainId: string): bigint[] {
    return this.#read(() => {
      const known = this.#known(key, chainId);
      return known ? [...known.blocked.between(0n, MAX_HEIGHT)] : [];
    });
  }

  isBornHere(key: Uint8Array): boolean {
    this.#usable();
    return this.#heeding.isBornHere(key);
  }

  heed(key: Uint8Array): void {
    this.#usable();
    this.#heeding.heed(key);
  }

  /** Heeds every key that was elsewhere, or whose secret left. */
  heedAll(): void {
    this.#heeding.heedAll();
  }

  append(key: Uint8Array, chainId: string, entries: readonly VoteEntry[]): void {
    const known = this.#mustKnow(key, chainId);
    for (const entry of entries) {
      checkEntry(entry);
      if (!known.heights.has(entry.height)) continue;
      throw new TapstakeError("double-vote", `a vote at height ${entry.height} is recorded already`);
    }
    const writer = writerNow(this.instance);
    const add = () => {
      for (const entry of entries) this.#ledger.addVote(known, entry, writer);
    };
    if (entries.length === 1) this.#commit([known], add);
    else this.#write([known], add);
  }

  init(key: Uint8Array, chainId: string, fromHeight: bigint): Marks {
    u64be(fromHeight, "first height");
    const earlier = this.#read(() => this.#known(key, chainId));
    if (earlier && fromHeight < earlier.lowest) throw wouldLower(fromHeight, earlier.lowest);
    if (!earlier || earlier.held || earlier.lowest !== fromHeight) {
      const known = earlier ?? this.#ledger.newSubject(key, chainId);
      this.#write([known], () => {
        known.lowest = fromHeight;
        known.held = false;
        this.#ledger.writeSubject(known);
      });
    }
    return { lowest: fromHeight, highest: earlier?.highest ?? null };
  }

  /** Raises marks after a loss, in one transaction. No key counts as new here any more. */
  restart(floors: readonly Floor[]): void {
    const plan = floors.map((floor) => {
      const { key, chainId } = floor;
      return { floor, known: this.#known(key, chainId) ?? this.#ledger.newSubject(key, chainId) };
    });
    const writer = writerNow(this.instance);
    this.#write(
      plan.map(({ known }) => known),
      () => {
        for (const key of this.#ledger.births.keys()) this.#ledger.forgetBirth(hex.decode(key));
        for (const { floor, known } of plan) {
          const { highest, held } = floor;
          const lowest = max(known.lowest, floor.lowest);
          Object.assign(known, { lowest, highest, held });
          // No mark is above the last height of all: a vote without digest blocks it.
          if (highest === MAX_HEIGHT && !known.heights.has(highest)) {
            this.#ledger.addVote(known, { height: highest, digest: null, signature: null }, writer);
          }
          this.#ledger.writeSubject(known);
        }
      },
    );
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
    let forgotten = 0;
    this.#write([known], () => {
      forgotten = this.#ledger.forgetBelow(known, below);
      known.lowest = below;
      this.#ledger.writeSubject(known);
    });
    return forgotten;
  }

  exportHistory(): Interchange {
    return JSON.parse([...historyText(this)].join("")) as Interchange;
  }

  importHistory(file: unknown): ImportReport {
    const { subjects } = readInterchange(file);
    this.#usable();
    if (subjects.length === 0) return [];
    const plan = subjects.map((subject) => {
      const { key, chainId, lowest } = subject;
      const known = this.#known(key, chainId);
      return {
        subject,
        known: known ?? (lowest === null ? undefined : this.#ledger.newSubject(key, chainId)),
      };
    });
    const writer = writerNow(`${this.instance}, from a file`);
    const report: ImportReport[number][] = [];
    const touched = plan.flatMap(({ known }) => known ?? []);
    this.#write(touched, () => {
      for (const { subject, known } of plan) report.push(mergeSubject(this.#ledger, subject, known, writer));
    });
    return report;
  }

  committers(): { readonly key: Uint8Array; readonly chainId: string }[] {
    return this.#read(() => this.#ledger.committers());
  }

  commitments(key: Uint8Array, chainId: string): StoredCommitment[] {
    assertChainId(chainId);
    return this.#read(() => this.#ledger.commitments(key, chainId));
  }

  addCommitment(key: Uint8Array, chainId: string, commitment: Omit<StoredCommitment, "at">): void {
    refuseOverlap(this.commitments(key, chainId), commitment);
    const at = new Date().toISOString();
    this.#write([], () => this.#ledger.addCommitment(key, chainId, { ...commitment, at }));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      // What has these names then is not this store, and must not lose its write-ahead log.
      if (this.#attached?.files.changed() !== undefined) this.#db.close();
      else closeDatabase(this.#db);
    } finally {
      this.#attached?.onClose();
    }
  }

  /** See `Heeding`. */
  #careful<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      this.#refuseTouched();
      throw this.#poison(cause);
    }
  }

  #usable(): void {
    if (this.#closed) throw new TapstakeError("protection-closed", "the store of votes was closed");
    if (this.#fault) throw this.#fault();
  }

  #poison(cause: unknown): TapstakeError {
    const { message: found } = cause as Error;
    const isCorrupt = cause instanceof DatabaseFault && cause.kind === "corrupt";
    this.#fault ??= () =>
      isCorrupt
        ? broken(this.home, { kind: "corrupt", part: "store", found }, new Map())
        : unwritable(this.home, found, cause);
    return this.#fault();
  }

  #refuseTouched(): void {
    this.#refuse(this.#attached?.files.changed());
  }

  /** @param touched what another program did to the files, if anything */
  #refuse(touched: string | undefined): void {
    if (touched === undefined) return;
    this.#fault ??= () => replaced(this.home, touched);
    throw this.#fault();
  }

  #read<T>(work: () => T): T {
    this.#usable();
    this.#refuseTouched();
    try {
      return faulty("unwritable", work);
    } catch (error) {
      throw error instanceof TapstakeError ? error : this.#poison(error);
    }
  }

  /** Changes in one transaction. */
  #write(touched: readonly KeyChainState[], change: () => void): void {
    this.#commit(touched, () => {
      this.#db.exec("BEGIN IMMEDIATE");
      change();
      this.#ledger.writeState();
      this.#db.exec("COMMIT");
    });
  }

  /**
   * What is durable when it returns, and then the second mark. What is in memory changes with it: where one of both
   * fails, nothing is used any more.
   */
  #commit(touched: readonly KeyChainState[], change: () => void): void {
    this.#usable();
    this.#refuseTouched();
    try {
      faulty("unwritable", () => {
        change();
        const marks = touched.map((known) => this.#markOf(known));
        this.#attached?.mirror(this.seq, marks);
      });
    } catch (error) {
      this.#refuseTouched();
      throw this.#poison(error);
    }
    this.#refuseTouched();
    if (this.seq - this.#checkpointed >= WRITES_BETWEEN_CHECKPOINTS) this.#checkpoint();
  }

  #checkpoint(): void {
    try {
      faulty("unwritable", () => checkpoint(this.#db));
    } catch (error) {
      // What it has written by then is our own, and not what ends the store.
      this.#attached?.files.accept();
      throw this.#poison(error);
    }
    this.#checkpointed = this.seq;
    this.#refuse(this.#attached?.files.accept());
  }

  #known(key: Uint8Array, chainId: string): KeyChainState | undefined {
    return this.#ledger.subjects.get(keyChainName(key, chainId));
  }

  #mustKnow(key: Uint8Array, chainId: string): KeyChainState {
    this.#usable();
    const known = this.#known(key, chainId);
    if (known) return known;
    const text = `key ${hex.encode(key)} has no marks on chain ${chainId}`;
    throw new TapstakeError("protection-uninitialised", text, { key: hex.encode(key), chain: chainId });
  }

  #markOf({ key, chainId, lowest, highest, held }: KeyChainState): Mark {
    return { key, chainId, lowest, highest, held, seq: this.seq };
  }
}

/** The write-ahead log begins anew then. While it still grows, a sync takes half as long again. */
const WRITES_BETWEEN_CHECKPOINTS = 100;

const writerNow = (instance: string): Writer => ({
  at: utf8(new Date().toISOString()),
  instance: utf8(instance),
});

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
