import { type CheckpointData, parseCheckpointData } from "../../babylon/checkpoint.js";
import { parseTransaction } from "../../bitcoin/transaction.js";
import { encodeHex, equalBytes } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import { hashBytes, joinOutpoint, outpointText } from "../outpoint.js";
import type { Cell, Sql } from "../store/sql.js";
import type { TaggedOutput } from "../types.js";
import { contentOf, keyOf, type PartAt, pairsOf } from "./pair.js";

/**
 * What is known of a pair. `pending`: keys may be had, and it was not verified yet. `unverified`: no keys were given for
 * its epoch. `verified` and `invalid`: by BLS.
 */
export type CheckpointVerdict = "pending" | "unverified" | "verified" | "invalid";

/** A pair of parts in the store. */
export interface CheckpointCandidate {
  readonly epoch: number;
  /** Of the staking chain, in hexadecimal. */
  readonly blockHash: string;
  /** `txid:vout` of the outputs with the parts. */
  readonly first: string;
  readonly second: string;
  /** Whether the transaction of part 1 spends that of part 0, as the usual submitter does. */
  readonly linked: boolean;
  /** Of the Bitcoin block that completed it. */
  readonly height: number;
  readonly verdict: CheckpointVerdict;
}

/** What pairs say of an epoch. */
export type CheckpointClaim = Pick<CheckpointCandidate, "epoch" | "blockHash" | "verdict" | "height">;

interface PartRow {
  readonly height: number;
  readonly position: number;
  readonly slot: number;
  readonly data: Uint8Array;
  readonly txid: Uint8Array;
  readonly spends: Uint8Array | null;
}

interface CandidateRow {
  readonly epoch: number;
  readonly hash: Uint8Array;
  readonly first: Uint8Array;
  readonly second: Uint8Array;
  readonly linked: number;
  readonly height: number;
  readonly verdict: CheckpointVerdict;
}

/** Since which block a store has all parts, and up to which. */
export interface CheckpointCoverage {
  readonly tag: string;
  readonly from: number;
  readonly through: string;
}

const COVERAGE = "checkpoints";
const KEY_FAULTS = "checkpoint-keys";

/** Why the keys of epochs could not be had, by epoch. */
export type KeyFaults = Readonly<Record<number, string>>;

/** The rows of one tag. Which pairs there are follows from the parts alone, whatever the order in which they came. */
export class CheckpointStore {
  readonly #sql: Sql;
  readonly #tag: Uint8Array;

  constructor(sql: Sql, tag: Uint8Array) {
    this.#sql = sql;
    this.#tag = tag;
  }

  static coverage(sql: Sql): CheckpointCoverage | null {
    const row = sql.one<{ value: string }>("SELECT value FROM meta WHERE name = ?", COVERAGE);
    return row ? (JSON.parse(row.value) as CheckpointCoverage) : null;
  }

  static keyFaults(sql: Sql): KeyFaults {
    const row = sql.one<{ value: string }>("SELECT value FROM meta WHERE name = ?", KEY_FAULTS);
    return row ? (JSON.parse(row.value) as KeyFaults) : {};
  }

  putKeyFaults(faults: KeyFaults): void {
    this.#sql.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", KEY_FAULTS, JSON.stringify(faults));
  }

  cover(coverage: CheckpointCoverage): void {
    const value = JSON.stringify(coverage);
    this.#sql.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", COVERAGE, value);
  }

  /** Stores a part; returns its checksum, or null when the output is none. */
  addPart({ height, position, index, data, txid, raw }: TaggedOutput): Uint8Array | null {
    const read = readPart(data);
    if (!read || !equalBytes(read.tag, this.#tag)) return null;
    const { part, checksum } = read;
    const epoch = part === 0 && read.epoch <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(read.epoch) : null;
    const spends = part === 1 ? this.#spentPart(raw, checksum) : null;
    this.#sql.run(
      "INSERT OR IGNORE INTO checkpoint_part VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      height,
      position,
      index,
      this.#tag,
      part,
      epoch,
      checksum,
      data,
      hashBytes(txid),
      spends,
    );
    return checksum;
  }

  /** Deletes the parts above a height; returns their checksums. */
  removeAbove(height: number): Uint8Array[] {
    const rows = this.#sql.all<{ checksum: Uint8Array }>(
      "SELECT DISTINCT checksum FROM checkpoint_part WHERE tag = ? AND height > ?",
      this.#tag,
      height,
    );
    this.#sql.run("DELETE FROM checkpoint_part WHERE tag = ? AND height > ?", this.#tag, height);
    return rows.map(({ checksum }) => checksum);
  }

  /**
   * Makes the pairs of a checksum anew, and keeps what BLS said of the same bytes. It writes what differs: of a checksum
   * with thousands of forged parts, each block that adds one would else write all of them. Returns the epochs that differ.
   */
  pair(checksum: Uint8Array, verdict: CheckpointVerdict): number[] {
    const parts = this.#partsOf(checksum);
    const byOutpoint = new Map(parts.map((part) => [keyOf(outpointOf(part)), part]));
    const before = new Map(
      this.#sql
        .all<CandidateRow>("SELECT * FROM checkpoint WHERE checksum = ? AND tag = ?", checksum, this.#tag)
        .map((row) => [keyOf(row.first) + keyOf(row.second), row]),
    );
    const known = new Map<string, CheckpointVerdict>();
    for (const row of before.values()) {
      const [first, second] = [row.first, row.second].map((each) => byOutpoint.get(keyOf(each)));
      if (first && second) known.set(contentOf({ first, second }), row.verdict);
    }
    const epochs = new Set<number>();
    const saidBy = new Map<PartAt, { readonly epoch: number; readonly blockHash: Uint8Array }>();
    const said = (first: PartAt) => {
      let of = saidBy.get(first);
      if (!of) saidBy.set(first, (of = readFirst(first)));
      return of;
    };
    const added = pairsOf(parts).filter(({ first, second, linked, height }) => {
      const key = keyOf(outpointOf(first)) + keyOf(outpointOf(second));
      const row = before.get(key);
      const isSame = row !== undefined && row.height === height && (row.linked === 1) === linked;
      if (isSame) before.delete(key);
      return !isSame;
    });
    for (const { epoch, first, second } of before.values()) {
      epochs.add(epoch);
      const text = "DELETE FROM checkpoint WHERE tag = ? AND epoch = ? AND first = ? AND second = ?";
      this.#sql.run(text, this.#tag, epoch, first, second);
    }
    for (const pair of added) {
      const { epoch, blockHash } = said(pair.first);
      epochs.add(epoch);
      this.#sql.run(
        "INSERT INTO checkpoint VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        this.#tag,
        epoch,
        blockHash,
        checksum,
        outpointOf(pair.first),
        outpointOf(pair.second),
        pair.linked,
        pair.height,
        known.get(contentOf(pair)) ?? verdict,
      );
    }
    return [...epochs];
  }

  /** All candidates, by epoch. */
  candidates(): CheckpointCandidate[] {
    return this.#candidates("", []);
  }

  /** What the candidates of an epoch say, each once: of one pair there can be thousands of copies. */
  claimsOf(epoch: number): CheckpointClaim[] {
    const text = `SELECT epoch, hash, verdict, min(height) AS height FROM checkpoint WHERE tag = ? AND epoch = ?
      GROUP BY hash, verdict`;
    return this.#sql
      .all<Pick<CandidateRow, "epoch" | "hash" | "verdict" | "height">>(text, this.#tag, epoch)
      .map(({ hash, ...row }) => ({ ...row, blockHash: encodeHex(hash) }));
  }

  /** The candidates with a verdict, of blocks above a height. */
  withVerdict(verdict: CheckpointVerdict, above = -1): CheckpointCandidate[] {
    return this.#candidates("AND verdict = ? AND height > ?", [verdict, above]);
  }

  /** The data of both parts of a candidate; null where a reorganisation has removed one. */
  dataOf({ first, second }: CheckpointCandidate): readonly [Uint8Array, Uint8Array] | null {
    const [a, b] = [this.#data(first), this.#data(second)];
    return a && b && [a, b];
  }

  judge(candidate: CheckpointCandidate, verdict: CheckpointVerdict): void {
    this.#sql.run(
      "UPDATE checkpoint SET verdict = ? WHERE tag = ? AND epoch = ? AND first = ? AND second = ?",
      verdict,
      this.#tag,
      candidate.epoch,
      bytesOf(candidate.first),
      bytesOf(candidate.second),
    );
  }

  /** How many parts there are. */
  parts(): number {
    const text = "SELECT count(*) AS n FROM checkpoint_part WHERE tag = ?";
    return this.#sql.one<{ n: number }>(text, this.#tag)!.n;
  }

  #candidates(condition: string, cells: readonly Cell[]): CheckpointCandidate[] {
    const text = `SELECT * FROM checkpoint WHERE tag = ? ${condition} ORDER BY epoch, height, linked DESC, first, second`;
    return this.#sql.all<CandidateRow>(text, this.#tag, ...cells).map(candidateOf);
  }

  #partsOf(checksum: Uint8Array): PartAt[] {
    return this.#sql
      .all<PartRow>(
        `SELECT height, position, slot, data, txid, spends FROM checkpoint_part
         WHERE checksum = ? AND tag = ? AND (part = 1 OR epoch IS NOT NULL)`,
        checksum,
        this.#tag,
      )
      .map(partOf);
  }

  #data(outpoint: string): Uint8Array | null {
    const { txid, slot } = placeOf(outpoint);
    const row = this.#sql.one<{ data: Uint8Array }>(
      "SELECT data FROM checkpoint_part WHERE txid = ? AND slot = ? AND tag = ?",
      txid,
      slot,
      this.#tag,
    );
    return row?.data ?? null;
  }

  #spentPart(raw: Uint8Array, checksum: Uint8Array): Uint8Array | null {
    const firsts = this.#sql.all<{ txid: Uint8Array }>(
      "SELECT txid FROM checkpoint_part WHERE checksum = ? AND tag = ? AND part = 0",
      checksum,
      this.#tag,
    );
    if (firsts.length === 0) return null;
    const spent = new Set(parseTransaction(raw).ins.map(({ hash }) => encodeHex(hash)));
    return firsts.find(({ txid }) => spent.has(encodeHex(txid)))?.txid ?? null;
  }
}

function readPart(data: Uint8Array): CheckpointData | null {
  try {
    return parseCheckpointData(data);
  } catch (error) {
    // A phase-1 stake has the same tag.
    if (error instanceof TapstakeError) return null;
    throw error;
  }
}

function readFirst({ data }: PartAt): { readonly epoch: number; readonly blockHash: Uint8Array } {
  const { epoch, blockHash } = parseCheckpointData(data) as Extract<CheckpointData, { readonly part: 0 }>;
  return { epoch: Number(epoch), blockHash };
}

const partOf = ({ slot, ...row }: PartRow): PartAt => ({ ...row, index: slot });

const outpointOf = ({ txid, index }: PartAt): Uint8Array => joinOutpoint(txid, index);

function placeOf(outpoint: string): { txid: Uint8Array; slot: number } {
  const [txid, vout] = outpoint.split(":");
  return { txid: hashBytes(txid!), slot: Number(vout) };
}

function bytesOf(outpoint: string): Uint8Array {
  const { txid, slot } = placeOf(outpoint);
  return joinOutpoint(txid, slot);
}

const candidateOf = (row: CandidateRow): CheckpointCandidate => ({
  epoch: row.epoch,
  blockHash: encodeHex(row.hash),
  first: outpointText(row.first),
  second: outpointText(row.second),
  linked: row.linked === 1,
  height: row.height,
  verdict: row.verdict,
});
