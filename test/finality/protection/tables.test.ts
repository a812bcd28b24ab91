import { describe, expect, it } from "vitest";
import { createDatabase, DatabaseFault, openDatabase } from "../../../src/finality/protection/sqlite.js";
import { Tables } from "../../../src/finality/protection/tables.js";
import { key } from "../../support/broken-homes.js";
import { refusal } from "../../support/refusal.js";
import { CHAIN, hash, newHome, newSigner } from "../../support/signer.js";

const writer = { at: new TextEncoder().encode("2026-01-01"), instance: new TextEncoder().encode("test") };

/** Tables with votes at heights 0 to 9, and its database, in which something goes on behind its back. */
function ledgerOfTen() {
  const path = newHome().protectionFile;
  createDatabase(path);
  const db = openDatabase(path);
  const tables = new Tables(db);
  const known = tables.newKeyChain(key.publicKey, CHAIN.id);
  const vote = (height: bigint) => ({ height, digest: hash(1), signature: hash(2) });
  for (let height = 0n; height < 10n; height++) tables.addVote(known, vote(height), writer);
  return { db, tables, known, vote };
}

/** What the file says of a height is no longer what was written. */
const behind = (height: number) => `WHERE height = x'${height.toString(16).padStart(16, "0")}'`;

function expectCorrupt(work: () => unknown): void {
  expect(work).toThrow(DatabaseFault);
  expect(work).toThrow(expect.objectContaining({ kind: "corrupt" }));
}

describe("a vote that was written, and is missing in the file", () => {
  it("is never a free height, for any caller", () => {
    const { db, tables, known, vote } = ledgerOfTen();
    db.exec(`DELETE FROM votes ${behind(5)}`);
    expectCorrupt(() => tables.vote(known, 5n));
    expectCorrupt(() => [...tables.votes(known, 3n, 7n)]);
    expectCorrupt(() => [...tables.votes(known, 5n, 5n)]);
    expectCorrupt(() => tables.page(known, 0n, 6));
    expectCorrupt(() => tables.page(known, 5n, 1));
    expectCorrupt(() => tables.addVote(known, vote(5n), writer));
    expect(tables.vote(known, 4n)).toMatchObject({ height: 4n });
    expect(tables.page(known, 0n, 5)).toHaveLength(5);
  });

  it("is detected at the end, too", () => {
    const { db, tables, known } = ledgerOfTen();
    db.exec(`DELETE FROM votes ${behind(9)}`);
    expectCorrupt(() => [...tables.votes(known)]);
    expectCorrupt(() => tables.page(known, 0n, 10));
  });

  it("cannot be pruned", () => {
    const { db, tables, known } = ledgerOfTen();
    db.exec(`DELETE FROM votes ${behind(2)}`);
    expectCorrupt(() => tables.forgetBelow(known, 5n));
  });
});

describe("an earlier record of a vote that was blocked since", () => {
  it("is refused as the current record", () => {
    const { db, tables, known } = ledgerOfTen();
    db.exec(`CREATE TABLE earlier AS SELECT * FROM votes ${behind(5)}`);
    tables.replaceVote(known, { height: 5n, digest: null, signature: null }, writer);
    expect(tables.vote(known, 5n)).toMatchObject({ digest: null });
    db.exec(`DELETE FROM votes ${behind(5)}; INSERT INTO votes SELECT * FROM earlier`);
    expectCorrupt(() => tables.vote(known, 5n));
  });
});

describe("a height that has a vote", () => {
  it("refuses a second record, and the store continues", () => {
    const { protection, voter } = newSigner();
    voter.vote({ height: 5n, appHash: hash(1) });
    const again = [{ height: 5n, digest: hash(2), signature: hash(2) }];
    refusal("double-vote", () => protection.append(key.publicKey, CHAIN.id, again));
    expect(voter.vote({ height: 5n, appHash: hash(1) }).kind).toBe("same");
    expect(voter.vote({ height: 6n, appHash: hash(1) }).kind).toBe("new");
    protection.close();
  });
});
