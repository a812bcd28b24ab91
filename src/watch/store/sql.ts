import { TapstakeError } from "../../core/errors.js";
import type { Database, Statement } from "../../finality/protection/schema.js";
import { closeDatabase } from "../../finality/protection/sqlite.js";

/** What a cell can be. */
export type Cell = Uint8Array | number | bigint | string | boolean | null;

/**
 * A connection with its prepared statements. Parameters go in as one list, as the library takes a single blob for named
 * parameters; every query is read to its end, as an unfinished one keeps its lock; blobs come out as Uint8Array. Errors are
 * those of {@link inStore}.
 */
export class Sql {
  readonly #db: Database;
  readonly #path: string;
  readonly #statements = new Map<string, Statement>();

  /** @param path of the store, for messages */
  constructor(db: Database, path: string) {
    this.#db = db;
    this.#path = path;
  }

  /** Statements without parameters, such as pragmas. */
  exec(text: string): void {
    inStore(this.#path, () => this.#db.exec(text));
  }

  run(text: string, ...cells: readonly Cell[]): void {
    inStore(this.#path, () => this.#statement(text).run(cells.map(bindable)));
  }

  all<Row>(text: string, ...cells: readonly Cell[]): Row[] {
    const rows = inStore(this.#path, () => this.#statement(text).all(cells.map(bindable))) as Record<
      string,
      unknown
    >[];
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

  /**
   * The rows of a query in parts, as all of them may not fit into memory. It orders by a column that it calls `place`, and
   * takes the place to go on behind, and a limit.
   */
  *pages<Row>(text: string, rows: number): Generator<Row[], void> {
    // Below every rowid, and below every blob.
    for (let after: Cell = -1; ;) {
      const page: (Row & { readonly place: Cell })[] = this.all(text, after, rows);
      if (page.length === 0) return;
      yield page;
      after = page.at(-1)!.place;
    }
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

/** Runs `work`; what SQLite and the system say of the store becomes an error that names it. Others pass. */
export function inStore<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code = "", message } = error as { code?: string; message: string };
    const kind = FAULTS.find(([pattern]) => pattern.test(code))?.[1];
    if (error instanceof TapstakeError || !kind) throw error;
    const options = { cause: error };
    if (kind === "busy") {
      const text = `another process writes to the store ${path}`;
      throw new TapstakeError("watch-running", text, { path }, options);
    }
    throw new TapstakeError(
      kind,
      `${FAULT_TEXT[kind](path)}: ${message}`,
      { path, reason: message },
      options,
    );
  }
}

const FAULT_TEXT = {
  "store-invalid": (path: string) => `${path} is not a store of a watch, or is damaged`,
  "store-unwritable": (path: string) => `cannot write the store ${path}`,
} as const;

const FAULTS: readonly (readonly [RegExp, "busy" | "store-invalid" | "store-unwritable"])[] = [
  [/^SQLITE_(BUSY|LOCKED)/, "busy"],
  [/^SQLITE_(CORRUPT|NOTADB|IOERR_SHORT_READ|IOERR_CORRUPTFS)/, "store-invalid"],
  [/^SQLITE_(FULL|IOERR|READONLY|CANTOPEN|PERM|NOLFS)/, "store-unwritable"],
  [/^(ENOSPC|EROFS|EACCES|EPERM|EDQUOT|EFBIG|EIO|ENOENT|ENOTDIR)$/, "store-unwritable"],
];
