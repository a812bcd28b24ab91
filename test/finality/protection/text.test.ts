import { readFileSync, writeFileSync } from "node:fs";
import Database from "libsql";
import { describe, expect, it } from "vitest";
import { hex, u64be, utf8 } from "../../../src/core/bytes.js";
import type { Home } from "../../../src/finality/home.js";
import { openProtection } from "../../../src/finality/protection/protection.js";
import { type Cell, selectFrom, sumOf, textOf } from "../../../src/finality/protection/schema.js";
import { rowsOf } from "../../../src/finality/protection/sqlite.js";
import { commitStored } from "../../../src/finality/randomness/commit.js";
import { refusal } from "../../support/refusal.js";
import { CHAIN, hash, inHome, newSigner, testKey } from "../../support/signer.js";

const key = testKey();
const NOT_TEXT = Uint8Array.of(0x62, 0xff);
const MARKED = Uint8Array.of(0xef, 0xbb, 0xbf, ...utf8(CHAIN.id));

/** A home with one vote and one commitment. */
async function home(): Promise<Home> {
  const { home: made, protection, voter } = newSigner();
  voter.vote({ height: 5n, appHash: hash(1) });
  await commitStored({ key, chain: CHAIN, protection, start: 1n, count: 4 });
  protection.close();
  return made;
}

type Row = Record<string, Cell>;

/** Changes rows of a table, each with its own checksum: nothing but what the cells say is wrong with them. */
function rewrite(
  { protectionFile }: Home,
  table: Parameters<typeof selectFrom>[0],
  change: (rows: Row[]) => Row[],
) {
  const db = new Database(protectionFile);
  const rows = [...rowsOf<Row>(db.prepare(selectFrom(table)))];
  const asSql = (cell: Cell) => (cell instanceof Uint8Array ? `x'${hex.encode(cell)}'` : `${cell}`);
  const inserts = change(rows).map((row) => {
    const sum = sumOf(table, ...summedOf(row));
    return `INSERT INTO ${table} VALUES (${Object.values({ ...row, sum })
      .map(asSql)
      .join(", ")})`;
  });
  for (const sql of [`DELETE FROM ${table}`, ...inserts]) db.exec(sql);
  db.close();
}

/** The cells that a row's checksum is over. */
const summedOf = (row: Row): Cell[] =>
  Object.entries(row).flatMap(([name, cell]) => (name === "sum" || name === "one" ? [] : [cell]));

const set = (cells: Row) => (rows: Row[]) => rows.map((row) => ({ ...row, ...cells }));

describe("the text of a store", () => {
  it("is unchanged after its rows were written again", async () => {
    const made = await home();
    for (const table of ["state", "subjects", "votes", "commitments"] as const) {
      rewrite(made, table, (rows) => rows);
    }
    inHome(made, (protection) => expect(protection.records(key.publicKey, CHAIN.id)).toHaveLength(1));
  });

  it("is never equal for two byte strings: bytes that are not UTF-8 are refused, and a byte order mark is kept", () => {
    expect(() => textOf(NOT_TEXT)).toThrow(TypeError);
    expect(textOf(MARKED)).toBe(`\ufeff${CHAIN.id}`);
  });

  it.each<[string, Parameters<typeof selectFrom>[0], Row]>([
    ["a key's chain that is no text", "subjects", { chain: NOT_TEXT }],
    ["a key's chain with a byte order mark", "subjects", { chain: MARKED }],
    ["a key's chain of two words", "subjects", { chain: utf8("two words") }],
    ["a key of 31 bytes", "subjects", { key: new Uint8Array(31) }],
    ["a commitment's chain that is no text", "commitments", { chain: NOT_TEXT }],
    ["a commitment's chain with a byte order mark", "commitments", { chain: MARKED }],
    ["a commitment's time that is no text", "commitments", { at: NOT_TEXT }],
  ])("is protection-corrupt with %s", async (_what, table, cells) => {
    const made = await home();
    rewrite(made, table, set(cells));
    refusal("protection-corrupt", () => openProtection(made));
  });

  it("is protection-corrupt with a vote whose time is not text", async () => {
    const made = await home();
    let total: Cell = null;
    rewrite(made, "votes", (rows) => {
      const [vote] = set({ at: NOT_TEXT })(rows) as [Row];
      total = sumOf("votes", ...summedOf(vote));
      return [vote];
    });
    rewrite(made, "state", set({ total }));
    refusal("protection-corrupt", () => openProtection(made));
  });

  it("is protection-corrupt with a duplicate key and chain", async () => {
    const made = await home();
    rewrite(made, "subjects", ([row]) => [row!, { ...row!, id: 2, lowest: u64be(0n), highest: null }]);
    rewrite(made, "state", set({ subjects: 2 }));
    refusal("protection-corrupt", () => openProtection(made));
  });

  it("is protection-corrupt with a table whose name is not text", async () => {
    const made = await home();
    const content = readFileSync(made.protectionFile);
    for (const text of ["CREATE TABLE births", "tablebirths"]) {
      const damaged = Buffer.from(content);
      // In all its copies: SQLite leaves some behind.
      for (let at = content.indexOf(text); at >= 0; at = content.indexOf(text, at + 1))
        damaged[at + 6] = 0xff;
      expect(damaged.equals(content)).toBe(false);
      writeFileSync(made.protectionFile, damaged);
      refusal("protection-corrupt", () => openProtection(made));
    }
  });
});
