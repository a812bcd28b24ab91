import { formatOutpoint, txidOf } from "../../bitcoin/transaction.js";
import { hex } from "../../core/bytes.js";
import { type Delegation, presignedSlashing, stakeCoin, unbondedCoin } from "../../delegation/delegation.js";
import { SLASHABLE, type Slashable } from "../../stake/slashing.js";
import type { MonitorContext } from "../monitor.js";
import { hashBytes, outpointBytes, outpointText } from "../outpoint.js";
import type { Sql } from "../store/sql.js";
import type { WatchEvent } from "../types.js";

/**
 * What a duty is by the blocks of the chain. `waiting`: its output is in no block yet. `ready`: its slashing can be sent.
 * `mined`: its slashing is in a block; `buried`: deep in the chain. `impossible`: an event of the chain spent the output,
 * or makes that it never exists. `mempool` is `ready` or `waiting`, and a node took the slashing.
 *
 * All of them are judged anew when the chain changes. A reorganisation opens even what was buried.
 */
export const DUTY_STATES = ["waiting", "ready", "mempool", "mined", "buried", "impossible"] as const;
/** One of {@link DUTY_STATES}. */
export type DutyState = (typeof DUTY_STATES)[number];

/** One output of one delegation to a provider whose key leaked. */
export interface Duty {
  /** x-only, in hexadecimal. */
  readonly finalityProvider: string;
  /** `txid:vout` of the staking output. */
  readonly stake: string;
  readonly output: Slashable;
  /** The id of the evidence that it follows from. */
  readonly evidence: string;
  readonly state: DutyState;
  /** Of the event that decided it: the slashing, or what made it impossible. Null while it is open. */
  readonly txid: string | null;
  readonly height: number | null;
  /** The height of the tip when its slashing could be sent for the first time, or when it was made. */
  readonly since: number;
  /**
   * What its slashing met last: `accepted`, the node's reason for refusing it, or the error code that it could not be
   * finished for. Null before the first attempt.
   */
  readonly answer: string | null;
}

/** Where the chain can show what became of a delegation's outputs. */
export interface Places {
  /** `txid:vout`, as is the next. */
  readonly staking: string;
  readonly unbonding: string;
  readonly unbondingTxid: string;
  readonly slashingTxid: Readonly<Record<Slashable, string>>;
}

export function placesOf(delegation: Delegation): Places {
  const txid = (from: Slashable) => presignedSlashing(delegation, from).transaction.getId();
  return {
    staking: formatOutpoint(stakeCoin(delegation).outpoint),
    unbonding: formatOutpoint(unbondedCoin(delegation).outpoint),
    unbondingTxid: delegation.unbonding.transaction.getId(),
    slashingTxid: { staking: txid("staking"), unbonding: txid("unbonding") },
  };
}

interface Judgement {
  readonly state: Exclude<DutyState, "mempool" | "buried">;
  /** What decided it. */
  readonly by: Pick<WatchEvent, "txid" | "height"> | null;
}

/** What the blocks of the chain say of a duty: never the mempool, never `gettxout` (WATCH.md, the mempool race). */
export function judge(
  output: Slashable,
  places: Places,
  chain: { isMade(outpoint: string): boolean; spendOf(outpoint: string): WatchEvent | null },
): Judgement {
  const first = chain.spendOf(places.staking);
  if (output === "staking") {
    if (!first) return { state: chain.isMade(places.staking) ? "ready" : "waiting", by: null };
    return decided(first, places.slashingTxid.staking);
  }
  if (!first) return { state: "waiting", by: null };
  if (first.txid !== places.unbondingTxid) return { state: "impossible", by: first };
  const second = chain.spendOf(places.unbonding);
  return second ? decided(second, places.slashingTxid.unbonding) : { state: "ready", by: null };
}

const decided = (spend: WatchEvent, slashing: string): Judgement => ({
  state: spend.txid === slashing ? "mined" : "impossible",
  by: spend,
});

interface DutyRow {
  readonly provider: Uint8Array;
  readonly stake: Uint8Array;
  readonly output: Slashable;
  readonly evidence: Uint8Array;
  readonly state: DutyState;
  readonly txid: Uint8Array | null;
  readonly height: number | null;
  readonly since: number;
}

/** The duties of a store. Each function that writes runs within a transaction of its caller. */
export class DutyStore {
  readonly #context: MonitorContext;
  readonly #sql: Sql;
  /** From how many confirmations on a slashing is buried. */
  readonly #depth: number;
  readonly #places = new Map<string, Places>();

  constructor(context: MonitorContext, depth: number) {
    this.#context = context;
    this.#sql = context.sql;
    this.#depth = depth;
  }

  /** Makes what is missing: every provider with evidence × its delegations × both outputs. @returns whether any was */
  complete(): boolean {
    const missing = this.#sql.all<{ provider: Uint8Array; stake: Uint8Array; evidence: Uint8Array }>(
      `SELECT stake_key.key AS provider, stake_key.outpoint AS stake, min(evidence.id) AS evidence
       FROM evidence JOIN stake_key ON stake_key.role = 'provider' AND stake_key.key = evidence.provider
       JOIN delegation ON delegation.outpoint = stake_key.outpoint
       WHERE NOT EXISTS (SELECT 1 FROM duty WHERE duty.provider = stake_key.key AND duty.stake = stake_key.outpoint)
       GROUP BY 1, 2`,
    );
    const since = this.#context.tip()?.height ?? 0;
    for (const { provider, stake, evidence } of missing) {
      for (const output of SLASHABLE) {
        const cells = [provider, stake, output, evidence, since] as const;
        this.#sql.run("INSERT INTO duty VALUES (?, ?, ?, ?, 'waiting', NULL, NULL, ?)", ...cells);
      }
      this.judge(stake);
    }
    return missing.length > 0;
  }

  /** Judges the duties of a stake. @param forget also forgets that a node took a slashing */
  judge(stake: Uint8Array, forget = false): void {
    const rows = this.#sql.all<DutyRow>("SELECT * FROM duty WHERE stake = ?", stake);
    const places = rows.length > 0 && this.places(outpointText(stake));
    if (!places) return;
    const tip = this.#context.tip()?.height ?? 0;
    for (const { provider, output, state, height, since } of rows) {
      const found = judge(output, places, {
        isMade: (outpoint) => this.#isMade(outpoint),
        spendOf: (outpoint) => this.#context.spendOf(outpoint),
      });
      const isOpen = found.state === "waiting" || found.state === "ready";
      const isTaken = isOpen && state === "mempool" && !forget;
      const isDeep = found.state === "mined" && tip - found.by!.height + 1 >= this.#depth;
      const next = isTaken ? "mempool" : isDeep ? "buried" : found.state;
      if (next === state && (found.by?.height ?? null) === height && !isOpen) continue;
      const wasOpen = state === "ready" || state === "mempool";
      const from = next === "ready" && !wasOpen ? tip : since;
      this.#sql.run(
        "UPDATE duty SET state = ?, txid = ?, height = ?, since = ? WHERE provider = ? AND stake = ? AND output = ?",
        next,
        found.by ? hashBytes(found.by.txid) : null,
        found.by?.height ?? null,
        from,
        provider,
        stake,
        output,
      );
    }
  }

  /** After a block: what it touched, and what is deep enough now. */
  atBlock(touched: readonly Uint8Array[], height: number): void {
    for (const stake of touched) this.judge(stake);
    const text = "UPDATE duty SET state = 'buried' WHERE state = 'mined' AND height <= ?";
    this.#sql.run(text, height - this.#depth + 1);
  }

  /** At a start and after a reorganisation: all of them, what was buried too. What a mempool had is not known then. */
  judgeAll(): void {
    const rows = this.#sql.all<{ stake: Uint8Array }>("SELECT DISTINCT stake FROM duty");
    for (const { stake } of rows) this.judge(stake, true);
    const tip = this.#context.tip();
    if (tip) this.atBlock([], tip.height);
  }

  /** Providers with a duty that is neither in a block nor impossible. */
  openProviders(): Uint8Array[] {
    const text = `SELECT DISTINCT provider FROM duty WHERE ${OPEN} ORDER BY provider`;
    return this.#sql.all<{ provider: Uint8Array }>(text).map(({ provider }) => provider);
  }

  /**
   * The stakes of a provider with such a duty: first those whose slashing the node lacks, as a round can end early at a server
   * that limits requests; then those whose unbonding time runs, then the largest.
   */
  openStakes(provider: Uint8Array): string[] {
    const text = `SELECT duty.stake, max(duty.state = 'mempool') AS sent FROM duty
      JOIN stake ON stake.outpoint = duty.stake WHERE duty.provider = ? AND duty.${OPEN}
      GROUP BY duty.stake ORDER BY sent, stake.state = 'unbonding' DESC, stake.value DESC`;
    return this.#sql.all<{ stake: Uint8Array }>(text, provider).map(({ stake }) => outpointText(stake));
  }

  /** The states of both outputs of a stake, as they are now. */
  statesOf(provider: Uint8Array, stake: string): Partial<Record<Slashable, DutyState>> {
    const text = "SELECT output, state FROM duty WHERE provider = ? AND stake = ?";
    const rows = this.#sql.all<Pick<DutyRow, "output" | "state">>(text, provider, outpointBytes(stake));
    return Object.fromEntries(rows.map(({ output, state }) => [output, state]));
  }

  /**
   * What a node answered. The same answer again is stored once. One with other numbers takes the place of the last: in each
   * round, the minimum of a full mempool is another one.
   */
  tried(provider: Uint8Array, stake: string, output: Slashable, txid: string, result: string): void {
    const key = [provider, outpointBytes(stake), output] as const;
    const text =
      "SELECT id, result FROM attempt WHERE provider = ? AND stake = ? AND output = ? ORDER BY id DESC LIMIT 1";
    const last = this.#sql.one<{ id: number; result: string }>(text, ...key);
    if (last?.result === result) return;
    const at = Math.floor(Date.now() / 1000);
    if (last && withoutNumbers(last.result) === withoutNumbers(result)) {
      this.#sql.run("UPDATE attempt SET at = ?, result = ? WHERE id = ?", at, result, last.id);
      return;
    }
    const insert =
      "INSERT INTO attempt (provider, stake, output, txid, at, result) VALUES (?, ?, ?, ?, ?, ?)";
    this.#sql.run(insert, ...key, hashBytes(txid), at, result);
  }

  /** Whether a node has an open duty's slashing; one that the chain has decided meanwhile stays so. */
  inMempool(provider: Uint8Array, stake: string, output: Slashable, isThere: boolean): void {
    const key = [provider, outpointBytes(stake), output] as const;
    if (isThere) {
      // What waited for its output could not be sent before.
      const text = `UPDATE duty SET state = 'mempool', since = CASE state WHEN 'waiting' THEN ? ELSE since END
        WHERE provider = ? AND stake = ? AND output = ? AND ${OPEN}`;
      this.#sql.run(text, this.#context.tip()?.height ?? 0, ...key);
    } else if (this.statesOf(provider, stake)[output] === "mempool") this.judge(key[1], true);
  }

  /** Null where the store does not have the delegation. */
  places(stake: string): Places | null {
    const known = this.#places.get(stake);
    if (known) return known;
    const delegation = this.#context.delegation(stake);
    if (!delegation) return null;
    const places = placesOf(delegation);
    this.#places.set(stake, places);
    return places;
  }

  #isMade(outpoint: string): boolean {
    const text = "SELECT 1 FROM event WHERE outpoint = ? AND kind = 'stake'";
    return this.#sql.one(text, outpointBytes(outpoint)) !== undefined;
  }
}

const withoutNumbers = (text: string): string => text.replace(/[0-9a-f]{64}|\d+(\.\d+)?/g, "#");

const OPEN = "state IN ('waiting', 'ready', 'mempool')";

/** All duties of a store. */
export function readDuties(sql: Sql): Duty[] {
  return sql
    .all<DutyRow & { answer: string | null }>(
      `SELECT *, (SELECT result FROM attempt WHERE attempt.provider = duty.provider AND attempt.stake = duty.stake
        AND attempt.output = duty.output ORDER BY id DESC LIMIT 1) AS answer
       FROM duty ORDER BY provider, stake, output`,
    )
    .map(({ provider, stake, output, evidence, state, txid, height, since, answer }) => ({
      finalityProvider: hex.encode(provider),
      stake: outpointText(stake),
      output,
      evidence: hex.encode(evidence),
      state,
      txid: txid && txidOf(txid),
      height,
      since,
      answer,
    }));
}
