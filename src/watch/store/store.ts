import type { LeafKind } from "../../script/leaf.js";
import { type Delegation } from "../../delegation/delegation.js";
import { delegationFromJson } from "../../delegation/json.js";
import { hashBytes, hashText, outpointBytes, outpointText } from "../outpoint.js";
import type { StakeOrigin, WatchedBlock, WatchEvent } from "../types.js";
import type { OpenStore } from "./open.js";
import { inStore, type Sql } from "./sql.js";

/** Facts of a store that never change. */
export type MetaName = "network" | "first" | "phase1" | "seq";

/** An event before it has a number. */
export interface NewEvent {
  readonly height: number;
  readonly position: number;
  readonly index: number;
  readonly kind: "stake" | "spend";
  /** 36 bytes. */
  readonly outpoint: Uint8Array;
  readonly leaf: LeafKind | null;
  readonly origin: StakeOrigin | null;
  readonly overflow: boolean;
}

/** A transaction with events. */
export interface MinedTransaction {
  readonly height: number;
  readonly position: number;
  /** 32 bytes in the order of bytes of a transaction. */
  readonly hash: Uint8Array;
  readonly raw: Uint8Array;
}

interface BlockRow {
  readonly height: number;
  readonly hash: Uint8Array;
  readonly previous: Uint8Array;
  readonly time: number;
  readonly bits: number;
  readonly staked: number;
}

export interface EventRow {
  readonly seq: number;
  readonly height: number;
  readonly position: number;
  readonly slot: number;
  readonly kind: "stake" | "spend";
  readonly outpoint: Uint8Array;
  readonly leaf: LeafKind | null;
  readonly origin: StakeOrigin | null;
  readonly txid: Uint8Array;
  readonly raw: Uint8Array;
}

const EVENT_COLUMNS =
  "event.seq, event.height, event.position, event.slot, event.kind, event.outpoint, event.leaf, event.origin, mined.txid, mined.raw";
const EVENTS = `SELECT ${EVENT_COLUMNS} FROM event JOIN mined USING (height, position)`;

/** Rows of the chain: what the scanner reads and writes, below what the rows mean. */
export class ChainStore {
  readonly path: string;
  readonly sql: Sql;
  readonly #close: () => void;
  #seq: number;
  #inTransaction = false;

  constructor({ path, sql, close }: OpenStore) {
    this.path = path;
    this.sql = sql;
    this.#close = close;
    this.#seq = Number(this.meta("seq") ?? 0);
  }

  meta(name: MetaName): string | undefined {
    return this.sql.one<{ value: string }>("SELECT value FROM meta WHERE name = ?", name)?.value;
  }

  /** The last number given; of a reader, at its opening. */
  get seq(): number {
    return this.#seq;
  }

  nextSeq(): number {
    return ++this.#seq;
  }

  /**
   * Runs `work` in one transaction, which is on the disk when this returns, or leaves no trace.
   * @throws TapstakeError `store-unwritable`, and what `work` throws
   */
  transaction<T>(work: () => T): T {
    if (this.#inTransaction) throw new Error("a transaction is running already");
    const before = this.#seq;
    this.#inTransaction = true;
    try {
      return inStore(this.path, () => {
        this.sql.exec("BEGIN IMMEDIATE");
        const result = work();
        this.sql.run("UPDATE meta SET value = ? WHERE name = 'seq'", String(this.#seq));
        this.sql.exec("COMMIT");
        return result;
      });
    } catch (error) {
      this.#seq = before;
      try {
        this.sql.exec("ROLLBACK");
      } catch {
        // SQLite has rolled back by itself, as after a full disk.
      }
      throw error;
    } finally {
      this.#inTransaction = false;
    }
  }

  tip(): WatchedBlock | null {
    return blockOf(this.sql.one<BlockRow>("SELECT * FROM block ORDER BY height DESC LIMIT 1"));
  }

  blockAt(height: number): WatchedBlock | null {
    return blockOf(this.sql.one<BlockRow>("SELECT * FROM block WHERE height = ?", height));
  }

  blockOf(hash: string): WatchedBlock | null {
    return blockOf(this.sql.one<BlockRow>("SELECT * FROM block WHERE hash = ?", hashBytes(hash)));
  }

  /** The blocks above a height, the lowest first. */
  blocksAbove(height: number, limit = 1_000_000_000): WatchedBlock[] {
    const rows = this.sql.all<BlockRow>(
      "SELECT * FROM block WHERE height > ? ORDER BY height LIMIT ?",
      height,
      limit,
    );
    return rows.map((row) => blockOf(row)!);
  }

  addBlock({ height, hash, previous, time, bits, staked }: WatchedBlock): void {
    this.sql.run(
      "INSERT INTO block VALUES (?, ?, ?, ?, ?, ?)",
      height,
      hashBytes(hash),
      hashBytes(previous),
      time,
      bits,
      staked,
    );
  }

  addMined({ height, position, hash, raw }: MinedTransaction): void {
    this.sql.run("INSERT OR IGNORE INTO mined VALUES (?, ?, ?, ?)", height, position, hash, raw);
  }

  /** Adds an event; null where the store has it already. */
  addEvent(event: NewEvent, { hash, raw }: MinedTransaction): WatchEvent | null {
    const { height, position, index, kind, outpoint, leaf, origin, overflow } = event;
    const known = this.sql.one(
      "SELECT 1 FROM event WHERE height = ? AND position = ? AND kind = ? AND slot = ?",
      height,
      position,
      kind,
      index,
    );
    if (known) return null;
    const seq = this.nextSeq();
    this.sql.run(
      "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      seq,
      height,
      position,
      index,
      kind,
      outpoint,
      leaf,
      origin,
      overflow,
    );
    return eventOf({ seq, height, position, slot: index, kind, outpoint, leaf, origin, txid: hash, raw });
  }

  /** Events above a height, in the order of the chain. */
  eventsAbove(height: number): WatchEvent[] {
    return this.sql
      .all<EventRow>(`${EVENTS} WHERE height > ? ORDER BY height, position, kind, slot`, height)
      .map(eventOf);
  }

  /** Events of blocks below the first: of stakes that were learnt late. */
  eventsBelow(height: number): WatchEvent[] {
    return this.sql
      .all<EventRow>(`${EVENTS} WHERE height < ? ORDER BY height, position`, height)
      .map(eventOf);
  }

  /** Events with a number above `seq`, in the order of their numbers. */
  eventsSince(seq: number, limit: number): WatchEvent[] {
    return this.sql.all<EventRow>(`${EVENTS} WHERE seq > ? ORDER BY seq LIMIT ?`, seq, limit).map(eventOf);
  }

  /** Removed events by the number of their removal; of those that came and went after `seq`, the removal too. */
  undoneSince(seq: number, limit: number): { readonly undone: number; readonly event: WatchEvent }[] {
    return this.sql
      .all<EventRow & { undone: number }>(
        "SELECT * FROM orphan WHERE undone > ? ORDER BY undone LIMIT ?",
        seq,
        limit,
      )
      .map((row) => ({ undone: row.undone, event: eventOf(row) }));
  }

  madeBy(outpoint: Uint8Array): WatchEvent | null {
    const row = this.sql.one<EventRow>(`${EVENTS} WHERE outpoint = ? AND kind = 'stake'`, outpoint);
    return row ? eventOf(row) : null;
  }

  spendOf(outpoint: Uint8Array): WatchEvent | null {
    const row = this.sql.one<EventRow>(`${EVENTS} WHERE outpoint = ? AND kind = 'spend'`, outpoint);
    return row ? eventOf(row) : null;
  }

  /** Whether an output is a phase-1 stake within the cap, in the chain. */
  countsInPhase1(outpoint: Uint8Array): boolean {
    const text =
      "SELECT 1 FROM event WHERE outpoint = ? AND kind = 'stake' AND origin = 'phase1' AND overflow = 0";
    return this.sql.one(text, outpoint) !== undefined;
  }

  isDelegation(outpoint: Uint8Array): boolean {
    return this.sql.one("SELECT 1 FROM delegation WHERE outpoint = ?", outpoint) !== undefined;
  }

  delegation(outpoint: string): Delegation | null {
    const row = this.sql.one<{ document: string }>(
      "SELECT document FROM delegation WHERE outpoint = ?",
      outpointBytes(outpoint),
    );
    return row ? delegationFromJson(row.document) : null;
  }

  /** Moves the events of the blocks above a height into `orphan`, and removes the blocks; below the first block with -1. */
  undoAbove(height: number): void {
    const rows = this.sql.all<EventRow & { hash: Uint8Array | null; overflow: number }>(
      `SELECT ${EVENT_COLUMNS}, event.overflow, block.hash FROM event JOIN mined USING (height, position)
       LEFT JOIN block USING (height) WHERE height > ? ORDER BY height, position, kind, slot`,
      height,
    );
    for (const row of rows) {
      this.sql.run(
        "INSERT INTO orphan VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        this.nextSeq(),
        row.seq,
        row.hash ?? new Uint8Array(32),
        row.height,
        row.position,
        row.slot,
        row.kind,
        row.outpoint,
        row.leaf,
        row.origin,
        row.overflow,
        row.txid,
        row.raw,
      );
    }
    for (const table of ["event", "mined", "block"]) {
      this.sql.run(`DELETE FROM ${table} WHERE height > ?`, height);
    }
  }

  close(): void {
    this.#close();
  }
}

export function eventOf(row: EventRow): WatchEvent {
  const { seq, height, position, slot, kind, outpoint, leaf, origin, txid, raw } = row;
  return {
    seq,
    height,
    position,
    index: slot,
    kind,
    outpoint: outpointText(outpoint),
    txid: hashText(txid),
    leaf,
    origin,
    raw,
  };
}

function blockOf(row: BlockRow | undefined): WatchedBlock | null {
  if (!row) return null;
  const { height, hash, previous, time, bits, staked } = row;
  return { height, hash: hashText(hash), previous: hashText(previous), time, bits, staked: BigInt(staked) };
}
