import type Database from "libsql";
import { selectFrom } from "./schema.js";

export type Statements = ReturnType<typeof prepareStatements>;

/** The statements of a store. A vote is one `addVote`. */
export function prepareStatements(db: Database.Database) {
  return {
    votes: db.prepare(`${selectFrom("votes")} WHERE subject = ? AND height BETWEEN ? AND ? ORDER BY height`),
    page: db.prepare(`${selectFrom("votes")} WHERE subject = ? AND height >= ? ORDER BY height LIMIT ?`),
    sumsBelow: db.prepare("SELECT CAST(sum AS BLOB) AS sum FROM votes WHERE subject = ? AND height < ?"),
    addVote: db.prepare("INSERT INTO votes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"),
    deleteVote: db.prepare("DELETE FROM votes WHERE subject = ? AND height = ?"),
    deleteBelow: db.prepare("DELETE FROM votes WHERE subject = ? AND height < ?"),
    setSubject: db.prepare("INSERT OR REPLACE INTO subjects VALUES (?, ?, ?, ?, ?, ?)"),
    setState: db.prepare(
      "UPDATE state SET seq = ?, total = ?, subjects = ?, births = ?, commitments = ?, sum = ? WHERE one = 1",
    ),
    addBirth: db.prepare("INSERT INTO births VALUES (?, ?, ?)"),
    addCommitment: db.prepare("INSERT INTO commitments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
    committers: db.prepare(
      "SELECT DISTINCT CAST(key AS BLOB) AS key, CAST(chain AS BLOB) AS chain FROM commitments",
    ),
    commitments: db.prepare(`${selectFrom("commitments")} WHERE key = ? AND chain = ? ORDER BY start`),
  };
}
