import { randomBytes } from "node:crypto";
import { accessSync, closeSync, constants, existsSync, linkSync, openSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import type Library from "libsql";
import { hex } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import { loadPackage } from "../../core/optional.js";
import { syncFolder } from "../private-files.js";
import {
  APPLICATION_ID,
  type Database,
  NO_VOTES,
  SCHEMA_VERSION,
  type Statement,
  sumOf,
  TABLES,
  textOf,
} from "./schema.js";

/** Why a database could not be read or written; the caller puts it into words. */
export class DatabaseFault extends Error {
  readonly kind: "busy" | "corrupt" | "empty" | "unwritable";

  constructor(kind: DatabaseFault["kind"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

let library: typeof Library | undefined;

/** Opens a connection. The first one loads the native library: commands without a store need not wait for it. */
export function connect(path: string, options?: { readonly timeout?: number }): Database {
  library ??= loadPackage<typeof Library>(createRequire(import.meta.url), "libsql");
  return new library(path, options);
}

/**
 * Writes an empty store, whole or not at all, if there is none. Returns its id.
 * @throws DatabaseFault
 */
export function createDatabase(path: string): string {
  const temporary = unfinished(path);
  const store = randomBytes(16);
  const state = [store, 0, NO_VOTES, 0, 0, 0] as const;
  return faulty("unwritable", () => {
    removeUnfinished(path);
    closeSync(openSync(temporary, "wx", 0o600));
    const db = connect(temporary, { timeout: 0 });
    // One statement after the other through `exec`: a prepared one would keep the connection open after `close`.
    db.exec("PRAGMA page_size = 1024");
    db.exec("PRAGMA synchronous = FULL");
    db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
    for (const table of Object.values(TABLES)) db.exec(table);
    const cells = state.map((cell) => (typeof cell === "number" ? cell : `x'${hex.encode(cell)}'`));
    db.exec(`INSERT INTO state VALUES (1, ${cells.join(", ")}, x'${hex.encode(sumOf("state", ...state))}')`);
    db.close();
    try {
      // Unlike a rename, a link never replaces a store.
      linkSync(temporary, path);
    } finally {
      removeUnfinished(path);
    }
    syncFolder(dirname(path));
    return store.toString("hex");
  });
}

/** Removes what a killed {@link createDatabase} has left: it may be another name of the store. */
export const removeUnfinished = (path: string): void => removeDatabase(unfinished(path));

const unfinished = (path: string): string => `${path}.new`;

/**
 * Opens a database for this process alone: WAL, each commit on the disk when it returns.
 * @throws DatabaseFault
 */
export function openDatabase(path: string): Database {
  const db = faulty("unwritable", () => connect(path, { timeout: 0 }));
  try {
    damaged(path, () => {
      db.exec("PRAGMA locking_mode = EXCLUSIVE");
      expect(pragma(db, "journal_mode = WAL") === "wal", "it refuses the mode that writes need");
      db.exec("PRAGMA synchronous = FULL");
      // Only `checkpoint` writes to the file itself, so a write of another program is noticed.
      db.exec("PRAGMA wal_autocheckpoint = 0");
      // A mere read takes no lock that keeps others out.
      db.exec("BEGIN IMMEDIATE");
      db.exec("COMMIT");
      checkTables(db);
    });
    return db;
  } catch (error) {
    closeDatabase(db);
    throw error;
  }
}

/** Moves the content of the write-ahead log into the file itself. */
export const checkpoint = (db: Database): void => void db.exec("PRAGMA wal_checkpoint(PASSIVE)");

/**
 * Ends a connection and frees its locks at once. With `close` alone, the garbage collector would free them and the
 * write-ahead log later, perhaps when another store is at the same path.
 */
export function closeDatabase(db: Database): void {
  for (const command of ["ROLLBACK", "PRAGMA journal_mode = DELETE", "PRAGMA locking_mode = NORMAL"]) {
    attempt(() => db.exec(command));
  }
  // The lock ends at the first access in the new mode.
  attempt(() => db.exec("SELECT count(*) FROM sqlite_master"));
  db.close();
}

/**
 * Runs `work` on a database whose file can be written: an error that SQLite calls read-only then means a damaged
 * header.
 */
function damaged(path: string, work: () => void): void {
  try {
    faulty("corrupt", work);
  } catch (error) {
    const { cause } = error as { cause?: { code?: string } };
    if (cause?.code !== "SQLITE_READONLY" || !isWritable(path)) throw error;
    throw new DatabaseFault("corrupt", "its header is not that of a store of this version", { cause });
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    accessSync(dirname(path), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Runs `work`; its error becomes a {@link DatabaseFault}, of kind `otherwise` unless the error says more. */
export function faulty<T>(otherwise: DatabaseFault["kind"], work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof DatabaseFault || cause instanceof TapstakeError) throw cause;
    const { code = "", message } = cause as { code?: string; message: string };
    const kind = KINDS.find(([pattern]) => pattern.test(code) || pattern.test(message))?.[1] ?? otherwise;
    throw new DatabaseFault(kind, message, { cause });
  }
}

/** @throws DatabaseFault `corrupt` unless `fact` */
export function expect(fact: boolean, damage: string): asserts fact {
  if (!fact) throw new DatabaseFault("corrupt", damage);
}

export function pragma(db: Database, command: string): unknown {
  const row = db.prepare(`PRAGMA ${command}`).get() as Record<string, unknown> | undefined;
  return row && Object.values(row)[0];
}

/**
 * The rows of a query, with blobs as Uint8Array. Here the library returns an ArrayBuffer for a blob; from `get`, a
 * Buffer.
 */
export function* rowsOf<Row>(statement: Statement, ...parameters: unknown[]): Generator<Row> {
  for (const row of statement.iterate(...parameters) as Iterable<Record<string, unknown>>) {
    for (const [name, cell] of Object.entries(row)) {
      if (cell instanceof ArrayBuffer) row[name] = new Uint8Array(cell);
    }
    yield row as Row;
  }
}

/** The files that SQLite may keep beside a database. */
export const besides = (path: string): string[] =>
  ["-wal", "-shm", "-journal"].map((end) => path + end).filter((file) => existsSync(file));

const KINDS: readonly (readonly [RegExp, DatabaseFault["kind"]])[] = [
  [/^SQLITE_(BUSY|LOCKED)/, "busy"],
  [/^SQLITE_(CORRUPT|NOTADB|IOERR_SHORT_READ|IOERR_CORRUPTFS)/, "corrupt"],
  // The error of `textOf` for bytes that are not UTF-8.
  [/^ERR_ENCODING_INVALID_ENCODED_DATA$/, "corrupt"],
  [/^SQLITE_(FULL|IOERR|READONLY|CANTOPEN|PERM|NOLFS)/, "unwritable"],
  [/^(ENOSPC|EROFS|EACCES|EPERM|EDQUOT|EFBIG|EIO)$/, "unwritable"],
];

function checkTables(db: Database): void {
  const text = "CAST(name AS BLOB) AS name, CAST(sql AS BLOB) AS sql";
  const master = db.prepare(`SELECT ${text} FROM sqlite_master WHERE sql IS NOT NULL`);
  const found = [...rowsOf<{ name: Uint8Array; sql: Uint8Array }>(master)].map((row) => ({
    name: textOf(row.name),
    sql: textOf(row.sql),
  }));
  if (found.length === 0) throw new DatabaseFault("empty", "it is an empty database");
  const names = Object.keys(TABLES);
  if (!found.some(({ name }) => names.includes(name))) {
    throw new DatabaseFault("empty", "it is a database of something else");
  }
  expect(
    pragma(db, "application_id") === APPLICATION_ID && pragma(db, "user_version") === SCHEMA_VERSION,
    "its header is not that of a store of this version",
  );
  expect(
    found.length === names.length && found.every(({ name, sql }) => TABLES[name] === sql),
    "its tables are not those of a store",
  );
  const rows = db.prepare("PRAGMA quick_check").all() as Record<string, unknown>[];
  const verdict = rows.map((row) => String(Object.values(row)[0])).join("; ");
  expect(verdict === "ok", `SQLite finds it damaged: ${verdict.slice(0, 200)}`);
}

/** Removes a database and what SQLite keeps beside it. */
export function removeDatabase(path: string): void {
  for (const file of [path, ...besides(path)]) rmSync(file, { force: true });
}

function attempt(work: () => unknown): void {
  try {
    work();
  } catch {
    // The connection ends in either case, at the latest with its process.
  }
}
