import type { Delegation } from "../delegation/delegation.js";
import type { Sql } from "./store/sql.js";
import type { TaggedOutput, WatchedBlock, WatchEvent } from "./types.js";

/**
 * What a watchtower or a checkpoint monitor adds to each commit of the scanner. The scanner calls it inside the
 * transaction that stores what it reports, after its own rows: what it writes is there exactly when the block is. A kill
 * leaves both or neither.
 *
 * All functions are synchronous, and must not begin or end a transaction. One that throws undoes the whole commit: the
 * scanner stops with that error, and the cursor stays.
 */
export interface WatchMonitor {
  /** For messages: `watchtower`. */
  readonly name: string;
  /** Tags of 4 bytes of OP_RETURNs that it wants to see, beside those of phase 1. */
  readonly tags?: readonly Uint8Array[];
  /** Once, when the store is open for writing and before the first block. */
  opened?(context: MonitorContext): void;
  /** A block was added on top. Several blocks can share a commit: then this is called for each, in order. */
  connected?(block: ConnectedBlock, context: MonitorContext): void;
  /**
   * A reorganisation removed every block above `ancestor`; rows of the scanner's tables are gone, and are in `orphan`.
   * The monitor deletes or judges anew what it derived from heights above `ancestor.height`.
   */
  disconnected?(change: DisconnectedBlocks, context: MonitorContext): void;
  /** Delegations became known, or have new signatures. */
  delegated?(delegations: readonly KnownDelegation[], context: MonitorContext): void;
  /** The stakes of delegations that were learnt late were looked for in earlier blocks: where one is there, it has its event. */
  located?(outpoints: readonly string[], context: MonitorContext): void;
  /** After a commit is durable: the time to send and to ask, outside of any transaction. Not awaited by the scanner. */
  committed?(tip: WatchedBlock): void;
}

/**
 * What a monitor may use within a commit. It may keep the context of `opened`, and use it between the scanner's calls
 * within {@link MonitorContext.transaction}: evidence comes when it comes.
 */
export interface MonitorContext {
  /** The connection of the writer; within the scanner's calls, inside its transaction. */
  readonly sql: Sql;
  /** Runs `work` in a transaction of its own, which is on the disk when it returns. Not within the scanner's calls. */
  transaction<T>(work: () => T): T;
  /** The next number of the store's one sequence: of events, stakes, undone events and alarms. */
  nextSeq(): number;
  /** The newest block of the store, this commit included; null before the first. */
  tip(): WatchedBlock | null;
  /** A delegation by its staking outpoint, `txid:vout`. */
  delegation(outpoint: string): Delegation | null;
  /** The spend of an outpoint `txid:vout` in the chain. */
  spendOf(outpoint: string): WatchEvent | null;
  /** Raises an alarm: again with the same facts does nothing, and the alarm that was cleared is open again. */
  alarm(alarm: RaisedAlarm): string;
  /** Clears the alarm with this id. */
  clear(id: string): void;
}

/** A block that was added on top. */
export interface ConnectedBlock {
  readonly block: WatchedBlock;
  /** The events of the block, in its order. */
  readonly events: readonly WatchEvent[];
  /** The OP_RETURNs of the block that begin with a watched tag. */
  readonly tagged: readonly TaggedOutput[];
  /** Whether it is the source's tip. Below, what comes next is known already: it is no time for an alarm. */
  readonly isTip: boolean;
}

/** What a reorganisation removed. */
export interface DisconnectedBlocks {
  /** The common ancestor; null when the reorganisation went below the first block of the store. */
  readonly ancestor: WatchedBlock | null;
  /** The removed blocks, the lowest first. */
  readonly blocks: readonly WatchedBlock[];
  readonly events: readonly WatchEvent[];
}

/** A delegation of the store. */
export interface KnownDelegation {
  /** `txid:vout` of its staking output. */
  readonly outpoint: string;
  readonly delegation: Delegation;
  /** Whether the store had it before, with fewer signatures. */
  readonly isNew: boolean;
}

/** An alarm before it is stored. Its id is the digest of kind and facts. */
export interface RaisedAlarm {
  /** For example `selective-slashing`. */
  readonly kind: string;
  /** What it is about: text and numbers that stay the same when the same thing is found again. */
  readonly facts: Readonly<Record<string, string | number | boolean | readonly string[]>>;
  /** One sentence for a person. */
  readonly text: string;
  /** The block that it rests upon: a reorganisation that removes the block clears the alarm. */
  readonly height?: number;
}
