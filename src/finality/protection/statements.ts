import type Database from "libsql";
import { selectFrom } from "./schema.js";

/** What is asked of the library's statements, whose own type has no name that could be exported. */
export interface Statement {
  run(...cells: unknown[]): unknown;
  get(...cells: unknown[]): unknown;
  all(...cells: unknown[]): unknown[];
  iterate(...cells: unknown[]): IterableIterator<unknown>;
}
type Name =
  | "votes"
  | "page"
  | "sumsBelow"
  | "addVote"
  | "deleteVote"
  | "deleteBelow"
  | "setSubject"
  | "setState"
  | "addBirth"
  | "forgetBirth"
  | "addCommitment"
  | "committers"
  | "commitments";
export type Statements = Readonly<Record<Name, Statement>>;

/** The statements of a store. A vote is one `addVote`. */
export function prepareStatements(db: Database.Database): Statements {
  const votes = selectFrom("votes");
  // By the column itself, as the primary key has it: what is selected as "height" is cast, and would be sorted.
  const inOrder = "ORDER BY votes.height";
  return {
    votes: db.prepare(`${votes} WHERE subject = ? AND height BETWEEN ? AND ? ${inOrder}`),
    page: db.prepare(`${votes} WHERE subject = ? AND height >= ? ${inOrder} LIMIT ?`),
    sumsBelow: db.prepare("SELECT CAST(sum AS BLOB) AS sum FROM votes WHERE subject = ? AND height < ?"),
    addVote: db.prepare("INSERT INTO votes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"),
    deleteVote: db.prepare("DELETE FROM votes WHERE subject = ? AND height = ?"),
    deleteBelow: db.prepare("DELETE FROM votes WHERE subject = ? AND height < ?"),
    setSubject: db.prepare("INSERT OR REPLACE INTO subjects VALUES (?, ?, ?, ?, ?, ?, ?)"),
    setState: db.prepare(
      "UPDATE state SET seq = ?, total = ?, subjects = ?, births = ?, commitments = ?, sum = ? WHERE one = 1",
    ),
    addBirth: db.prepare("INSERT INTO births VALUES (?, ?, ?)"),
    forgetBirth: db.prepare("DELETE FROM births WHERE key = ?"),
    addCommitment: db.prepare("INSERT INTO commitments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
    committers: db.prepare(
      "SELECT DISTINCT CAST(key AS BLOB) AS key, CAST(chain AS BLOB) AS chain FROM commitments",
    ),
    commitments: db.prepare(`${selectFrom("commitments")} WHERE key = ? AND chain = ? ORDER BY start`),
  };
}
