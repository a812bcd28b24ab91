import { accessSync, closeSync, constants, existsSync, linkSync, openSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { hex, utf8 } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import { syncFolder } from "../../finality/private-files.js";
import { connect } from "../../finality/protection/sqlite.js";
import { lockStore, type StoreLock } from "./lock.js";
import { APPLICATION_ID, INDEXES, SCHEMA_VERSION, TABLES } from "./schema.js";
import { inStore, Sql } from "./sql.js";

/** A store that is open. */
export interface OpenStore {
  readonly path: string;
  readonly sql: Sql;
  /** Frees locks; a writer leaves one file. */
  close(): void;
}

/**
 * Makes an empty store, whole or not at all.
 * @param meta facts that do not change later
 * @throws TapstakeError `store-exists`, `store-unwritable`
 */
export function createStore(path: string, meta: Readonly<Record<string, string>>): void {
  if (existsSync(path)) throw exists(path);
  const unfinished = `${path}.new`;
  inStore(path, () => {
    remove(unfinished);
    closeSync(openSync(unfinished, "wx", 0o600));
    const sql = new Sql(connect(unfinished, { timeout: 0 }), path);
    try {
      sql.exec("PRAGMA synchronous = FULL");
      sql.exec("BEGIN");
      sql.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
      sql.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
      for (const each of [...Object.values(TABLES), ...Object.values(INDEXES)]) sql.exec(each);
      // Without a prepared statement, which would keep the file open after `close`.
      for (const [name, value] of Object.entries({ seq: "0", ...meta })) {
        sql.exec(`INSERT INTO meta VALUES ('${name}', CAST(x'${hex.encode(utf8(value))}' AS TEXT))`);
      }
      sql.exec("COMMIT");
    } finally {
      sql.closeWriter();
    }
    try {
      // Unlike a rename, a link never replaces a store.
      linkSync(unfinished, path);
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === "EEXIST" ? exists(path) : error;
    } finally {
      remove(unfinished);
    }
    syncFolder(dirname(path));
  });
}

/**
 * Opens a store for this process to write: WAL, each commit on the disk when it returns. Others can read meanwhile.
 * @throws TapstakeError `store-missing`, `store-invalid`, `store-unwritable`; `watch-running` when another process writes
 */
export function openWriter(path: string): OpenStore {
  assertThere(path);
  let lock: StoreLock | undefined;
  let sql: Sql | undefined;
  try {
    return inStore(path, () => {
      lock = lockStore(path);
      sql = new Sql(connect(path, { timeout: 2_000 }), path);
      checkHeader(path, sql);
      const mode = sql.one<{ journal_mode: string }>("PRAGMA journal_mode = WAL");
      if (mode?.journal_mode !== "wal") {
        const text = `cannot write the store ${path}: its disk refuses write-ahead logging`;
        throw new TapstakeError("store-unwritable", text, { path });
      }
      sql.exec("PRAGMA synchronous = FULL");
      // A disk that cannot be written says so here, and not at the first block.
      sql.exec("BEGIN IMMEDIATE");
      sql.run("UPDATE meta SET value = value WHERE name = 'seq'");
      sql.exec("COMMIT");
      const opened = sql;
      const held = lock;
      return {
        path,
        sql: opened,
        close() {
          opened.closeWriter();
          held.release();
        },
      };
    });
  } catch (error) {
    sql?.close();
    lock?.release();
    throw error;
  }
}

/**
 * Opens a store to read, while another process may write.
 * @throws TapstakeError `store-missing`, `store-invalid`, `store-unwritable`
 */
export function openReader(path: string): OpenStore {
  assertThere(path);
  return inStore(path, () => {
    const sql = new Sql(connect(path, { timeout: 2_000 }), path);
    try {
      sql.exec("PRAGMA query_only = ON");
      checkHeader(path, sql);
    } catch (error) {
      sql.close();
      throw error;
    }
    return { path, sql, close: () => sql.close() };
  });
}

/**
 * Copies a store, all of one moment, while another process may write to it.
 * @throws TapstakeError `store-missing`, `store-invalid`, `store-unwritable`
 */
export function copyStore(path: string, to: string): void {
  openReader(path).close();
  const sql = new Sql(connect(path, { timeout: 2_000 }), path);
  try {
    sql.exec(`VACUUM INTO '${to.replaceAll("'", "''")}'`);
  } catch (error) {
    if (!(error instanceof TapstakeError) || error.code !== "store-unwritable") throw error;
    const reason = String(error.details["reason"]);
    const text = `cannot copy the store ${path} to ${to}: ${reason}`;
    throw new TapstakeError("store-unwritable", text, { path: to, reason }, { cause: error });
  } finally {
    sql.close();
  }
}

function checkHeader(path: string, sql: Sql): void {
  const id = sql.one<{ application_id: number }>("PRAGMA application_id")?.application_id;
  const version = sql.one<{ user_version: number }>("PRAGMA user_version")?.user_version;
  if (id === APPLICATION_ID && version === SCHEMA_VERSION) return;
  const text =
    id === APPLICATION_ID
      ? `the store ${path} has version ${version}, but this tapstake reads version ${SCHEMA_VERSION}`
      : `${path} is not a store of a watch`;
  throw new TapstakeError("store-invalid", text, { path });
}

function assertThere(path: string): void {
  try {
    if (statSync(path).isDirectory())
      throw new TapstakeError("store-invalid", `${path} is a folder, not a store of a watch`, { path });
    accessSync(path, constants.R_OK);
  } catch (cause) {
    if (cause instanceof TapstakeError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "EACCES" || code === "EPERM") {
      const text = `cannot read the store ${path}: permission denied. Do: run the command as the user of the watch`;
      throw new TapstakeError("store-unwritable", text, { path, reason: code }, { cause });
    }
    const text = `there is no store at ${path}: make one with tapstake watch init`;
    throw new TapstakeError("store-missing", text, { path });
  }
}

const exists = (path: string): TapstakeError =>
  new TapstakeError("store-exists", `${path} exists already, and a new store never replaces a file`, {
    path,
  });

function remove(path: string): void {
  for (const end of ["", "-wal", "-shm", "-journal"]) rmSync(path + end, { force: true });
}
