import { TapstakeError } from "../../core/errors.js";
import type { Home } from "../home.js";
import { broken, replaced, unwritable } from "./errors.js";
import type { FileCheck } from "./file-check.js";
import type { KeyChainState } from "./key-chain.js";
import type { Database } from "./schema.js";
import { checkpoint, closeDatabase, DatabaseFault, faulty, openDatabase } from "./sqlite.js";
import { Tables } from "./tables.js";
import type { LoggedWatermarks } from "./watermark-log.js";

/** What an open store also needs. */
export interface Attached {
  /** Notes a write and the watermarks that it changed in the watermark log, durably. */
  readonly mirror: (seq: number, watermarks: readonly LoggedWatermarks[]) => void;
  /** The files that no other process may change. */
  readonly files: FileCheck;
  /** Ends with the store. */
  readonly onClose: () => void;
}

/**
 * Reads and changes of an open store. A change is durable in the database and in the watermark log when it returns. After
 * a failure, or a change by another program, nothing more is read or changed.
 */
export class Transactions {
  readonly tables: Tables;
  readonly #home: Home;
  readonly #db: Database;
  /** The number of the last write that is in the file itself. */
  #checkpointed: number;
  #attached: Attached | undefined;
  #fault: (() => TapstakeError) | undefined;
  #closed = false;

  /**
   * Opens a database, and checks every byte that has a meaning.
   * @throws DatabaseFault
   */
  constructor(home: Home, path: string) {
    this.#home = home;
    const db = openDatabase(path);
    this.#db = db;
    try {
      this.tables = faulty("corrupt", () => new Tables(db));
    } catch (error) {
      closeDatabase(db);
      throw error;
    }
    this.#checkpointed = this.tables.seq;
  }

  attach(attached: Attached): void {
    this.#attached = attached;
  }

  get failed(): boolean {
    return this.#fault !== undefined;
  }

  /** @throws TapstakeError `protection-closed`, and the failure that ended the store */
  usable(): void {
    if (this.#closed) throw new TapstakeError("protection-closed", "the store of votes was closed");
    if (this.#fault) throw this.#fault();
  }

  read<T>(work: () => T): T {
    this.usable();
    this.#refuseTouched();
    try {
      return faulty("unwritable", work);
    } catch (error) {
      throw error instanceof TapstakeError ? error : this.#fail(error);
    }
  }

  /** Changes in one transaction. */
  write(touched: readonly KeyChainState[], change: () => void): void {
    this.commit(touched, () => {
      this.#db.exec("BEGIN IMMEDIATE");
      change();
      this.tables.writeState();
      this.#db.exec("COMMIT");
    });
  }

  /**
   * Commits the transaction, and then writes the watermark log: both are durable when it returns. The memory changes
   * with them; if either fails, the store is no longer used.
   */
  commit(touched: readonly KeyChainState[], change: () => void): void {
    this.usable();
    this.#refuseTouched();
    try {
      faulty("unwritable", () => {
        change();
        const { seq } = this.tables;
        const watermarks = touched.map((known) => loggedOf(known, seq));
        this.#attached?.mirror(seq, watermarks);
      });
    } catch (error) {
      this.#refuseTouched();
      throw this.#fail(error);
    }
    this.#refuseTouched();
    if (this.tables.seq - this.#checkpointed >= WRITES_BETWEEN_CHECKPOINTS) this.#checkpoint();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      // Changed files of these names are not this store's, and must not lose their write-ahead log.
      if (this.#attached?.files.changed() !== undefined) this.#db.close();
      else closeDatabase(this.#db);
    } finally {
      this.#attached?.onClose();
    }
  }

  #checkpoint(): void {
    try {
      faulty("unwritable", () => checkpoint(this.#db));
    } catch (error) {
      // The changes until now are our own, and not a reason to end the store.
      this.#attached?.files.accept();
      throw this.#fail(error);
    }
    this.#checkpointed = this.tables.seq;
    this.#refuse(this.#attached?.files.accept());
  }

  #fail(cause: unknown): TapstakeError {
    const { message: found } = cause as Error;
    const isCorrupt = cause instanceof DatabaseFault && cause.kind === "corrupt";
    this.#fault ??= () =>
      isCorrupt
        ? broken(this.#home, { kind: "corrupt", part: "store", found }, new Map())
        : unwritable(this.#home, found, cause);
    return this.#fault();
  }

  #refuseTouched(): void {
    this.#refuse(this.#attached?.files.changed());
  }

  /** @param touched what another program did to the files, if anything */
  #refuse(touched: string | undefined): void {
    if (touched === undefined) return;
    this.#fault ??= () => replaced(this.#home, touched);
    throw this.#fault();
  }
}

/** After so many writes, the write-ahead log begins anew. While it grows, a sync takes half as long again. */
const WRITES_BETWEEN_CHECKPOINTS = 100;

/** Watermarks as the log keeps them. */
export const loggedOf = (
  { key, chainId, lowWatermark, highWatermark, locked }: KeyChainState,
  seq: number,
): LoggedWatermarks => ({ key, chainId, lowWatermark, highWatermark, locked, seq });
