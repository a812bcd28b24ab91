import { concatBytes, utf8 } from "../../core/bytes.js";
import { sha256 } from "../../core/hashes.js";

/**
 * The tables of a store, exactly as SQLite keeps their text: a store with other tables is damaged. Text is stored as
 * bytes: the library ends the process if a text is not UTF-8, which damage can cause.
 */
export const TABLES: Readonly<Record<string, string>> = {
  state: `CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    store BLOB NOT NULL,
    seq INTEGER NOT NULL,
    total BLOB NOT NULL,
    subjects INTEGER NOT NULL,
    births INTEGER NOT NULL,
    commitments INTEGER NOT NULL,
    sum BLOB NOT NULL
  ) STRICT`,
  subjects: `CREATE TABLE subjects (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL,
    chain BLOB NOT NULL,
    lowest BLOB NOT NULL,
    highest BLOB,
    held INTEGER NOT NULL,
    sum BLOB NOT NULL
  ) STRICT`,
  votes: `CREATE TABLE votes (
    subject INTEGER NOT NULL,
    height BLOB NOT NULL,
    digest BLOB,
    signature BLOB,
    at BLOB NOT NULL,
    instance BLOB NOT NULL,
    seq INTEGER NOT NULL,
    before BLOB NOT NULL,
    sum BLOB NOT NULL,
    PRIMARY KEY (subject, height)
  ) STRICT, WITHOUT ROWID`,
  // Always empty in new stores: an earlier release noted new keys here.
  births: `CREATE TABLE births (
    key BLOB PRIMARY KEY,
    place BLOB NOT NULL,
    sum BLOB NOT NULL
  ) STRICT, WITHOUT ROWID`,
  commitments: `CREATE TABLE commitments (
    key BLOB NOT NULL,
    chain BLOB NOT NULL,
    start BLOB NOT NULL,
    count INTEGER NOT NULL,
    root BLOB NOT NULL,
    signature BLOB NOT NULL,
    context BLOB,
    subtrees BLOB,
    at BLOB NOT NULL,
    sum BLOB NOT NULL,
    PRIMARY KEY (key, chain, start)
  ) STRICT, WITHOUT ROWID`,
};

/** Queries. Each cell is read as its proper type, whatever type damage has made of it: see {@link TABLES}. */
const QUERIES = {
  state: "one, store:b, seq, total:b, subjects, births, commitments, sum:b",
  subjects: "id, key:b, chain:b, lowest:b, highest:b, held, sum:b",
  votes: "subject, height:b, digest:b, signature:b, at:b, instance:b, seq, before:b, sum:b",
  commitments: "key:b, chain:b, start:b, count, root:b, signature:b, context:b, subtrees:b, at:b, sum:b",
};

/** `SELECT` with all cells of a table. */
export function selectFrom(table: keyof typeof QUERIES): string {
  const cells = QUERIES[table].split(", ").map((cell) => {
    const [name, bytes] = cell.split(":");
    return `CAST(${name} AS ${bytes ? "BLOB" : "INTEGER"}) AS ${name}`;
  });
  return `SELECT ${cells.join(", ")} FROM ${table}`;
}

/** What is used of a connection to SQLite: the types of an optional package would be missing without it. */
export interface Database {
  exec(sql: string): unknown;
  prepare(sql: string): Statement;
  close(): unknown;
}

/** What is used of a statement. */
export interface Statement {
  run(...cells: unknown[]): unknown;
  get(...cells: unknown[]): unknown;
  all(...cells: unknown[]): unknown[];
  iterate(...cells: unknown[]): IterableIterator<unknown>;
}

export type Statements = Readonly<Record<keyof typeof STATEMENTS, Statement>>;

export const prepareStatements = (db: Database): Statements =>
  Object.fromEntries(Object.entries(STATEMENTS).map(([name, sql]) => [name, db.prepare(sql)])) as never;

// The column itself, as in the primary key: the selected "height" is cast, and would have to be sorted.
const BY_HEIGHT = "ORDER BY votes.height";

/** The changes of an open store. A vote is one `addVote`. */
const STATEMENTS = {
  votes: `${selectFrom("votes")} WHERE subject = ? AND height BETWEEN ? AND ? ${BY_HEIGHT}`,
  page: `${selectFrom("votes")} WHERE subject = ? AND height >= ? ${BY_HEIGHT} LIMIT ?`,
  sumsBelow: "SELECT CAST(sum AS BLOB) AS sum FROM votes WHERE subject = ? AND height < ?",
  addVote: "INSERT INTO votes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
  deleteVote: "DELETE FROM votes WHERE subject = ? AND height = ?",
  deleteBelow: "DELETE FROM votes WHERE subject = ? AND height < ?",
  setKeyChain: "INSERT OR REPLACE INTO subjects VALUES (?, ?, ?, ?, ?, ?, ?)",
  setState:
    "UPDATE state SET seq = ?, total = ?, subjects = ?, births = ?, commitments = ?, sum = ? WHERE one = 1",
  addCommitment: "INSERT INTO commitments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
  committers: "SELECT DISTINCT CAST(key AS BLOB) AS key, CAST(chain AS BLOB) AS chain FROM commitments",
  commitments: `${selectFrom("commitments")} WHERE key = ? AND chain = ? ORDER BY start`,
};

/** The version of the tables, as SQLite's `user_version`. */
export const SCHEMA_VERSION = 1;

/** "taps", as SQLite's `application_id`. */
export const APPLICATION_ID = 0x74617073;

export type Cell = Uint8Array | number | null;

/** 16 bytes over the cells of a row, the name of its table first; each cell includes its type and length. */
export function sumOf(table: string, ...cells: readonly Cell[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let heads = table;
  for (const cell of cells) {
    heads += cell instanceof Uint8Array ? ` b${cell.length}` : ` ${cell}`;
    if (cell instanceof Uint8Array) parts.push(cell);
  }
  return sha256(concatBytes(...parts, utf8(heads))).subarray(0, 16);
}

/** a XOR b. It combines the checksums of all votes, so that a missing one is detected. */
export function combine(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ b[i]!);
}

export const NO_VOTES: Uint8Array = new Uint8Array(16);

/** A height from its 8 bytes, whose order is that of the heights. */
export const heightOf = (bytes: Uint8Array): bigint =>
  new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0);

/** Bytes as UTF-8 text: different bytes give different texts. @throws TypeError */
export const textOf = (bytes: Uint8Array): string =>
  new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
