import type { Database, Statement } from "../../finality/protection/schema.js";
import { closeDatabase } from "../../finality/protection/sqlite.js";

/** What a cell can be. */
export type Cell = Uint8Array | number | bigint | string | boolean | null;

/**
 * A connection with its prepared statements. Parameters go in as one list, as the library takes a single blob for named
 * parameters; every query is read to its end, as an unfinished one keeps its lock; blobs come out as Uint8Array.
 */
export class Sql {
  readonly #db: Database;
  readonly #statements = new Map<string, Statement>();

  constructor(db: Database) {
    this.#db = db;
  }

  /** Statements without parameters, such as pragmas. */
  exec(text: string): void {
    this.#db.exec(text);
  }

  run(text: string, ...cells: readonly Cell[]): void {
    this.#statement(text).run(cells.map(bindable));
  }

  all<Row>(text: string, ...cells: readonly Cell[]): Row[] {
    const rows = this.#statement(text).all(cells.map(bindable)) as Record<string, unknown>[];
    for (const row of rows) {
      for (const name in row) {
        const cell = row[name];
        if (cell instanceof ArrayBuffer) row[name] = new Uint8Array(cell);
      }
    }
    return rows as Row[];
  }

  /** The first row; undefined where there is none. */
  one<Row>(text: string, ...cells: readonly Cell[]): Row | undefined {
    return this.all<Row>(text, ...cells)[0];
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  /** For a writer: nothing of the write-ahead log stays behind. */
  closeWriter(): void {
    this.#statements.clear();
    closeDatabase(this.#db);
  }

  #statement(text: string): Statement {
    let statement = this.#statements.get(text);
    if (!statement) {
      statement = this.#db.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }
}

const bindable = (cell: Cell): unknown => {
  if (typeof cell === "bigint") return Number(cell);
  return typeof cell === "boolean" ? Number(cell) : cell;
};
