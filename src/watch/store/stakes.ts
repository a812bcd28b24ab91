import { equalBytes, hex } from "../../core/bytes.js";
import type { Delegation } from "../../delegation/delegation.js";
import { outputsIn, stakeCoin } from "../../delegation/delegation.js";
import { outputsOf } from "../../script/outputs.js";
import { anyOf, type StakeTerms, stakerKeys } from "../../script/terms.js";
import type { DecodedStaking } from "../../stake/decode.js";
import { outpointOf } from "../../bitcoin/transaction.js";
import { formatOutpoint } from "../../bitcoin/transaction.js";
import { foldLife } from "../life.js";
import { hashBytes, outpointBytes, outpointText } from "../outpoint.js";
import type {
  LifeOutput,
  StakeLife,
  StakeOrigin,
  StakeState,
  StakeView,
  WatchedStake,
  WatchEvent,
} from "../types.js";
import type { ChainStore } from "./store.js";

/** What of a stake does not come from its events. */
export interface StakeRecord {
  /** 36 bytes, as are the outpoints below. */
  readonly outpoint: Uint8Array;
  readonly origin: StakeOrigin;
  readonly stakers: readonly Uint8Array[];
  readonly finalityProviders: readonly Uint8Array[];
  readonly value: bigint;
  readonly timelock: number;
  readonly unbondingTime: number;
  readonly version: number;
  /** x-only keys of its P2TR outputs. */
  readonly outputKey: Uint8Array;
  readonly unbondingKey: Uint8Array;
  readonly refundKey: Uint8Array;
  readonly expands: Uint8Array | null;
  readonly overflow: boolean;
}

/** The record of a delegation's stake. */
export function recordOfDelegation(delegation: Delegation): StakeRecord {
  const { terms, params, unbondingTime, expansion } = delegation;
  const { outpoint, value } = stakeCoin(delegation);
  const outputs = outputsIn(delegation);
  const previous = expansion && outpointOf(expansion.staking.transaction, expansion.staking.outputIndex);
  return {
    outpoint: outpointBytes(formatOutpoint(outpoint)),
    origin: "delegation",
    ...keysOf(terms),
    value,
    timelock: terms.timelock,
    unbondingTime,
    version: params.version,
    outputKey: keyOf(outputs.staking.script),
    unbondingKey: keyOf(outputs.unbonding.script),
    refundKey: keyOf(outputs.refund.script),
    expands: previous ? outpointBytes(formatOutpoint(previous)) : null,
    overflow: false,
  };
}

/** The record of a stake that its OP_RETURN announces. */
export function recordOfPhase1(stake: DecodedStaking, outpoint: Uint8Array, overflow: boolean): StakeRecord {
  const { terms, params, value } = stake;
  const outputs = outputsOf(terms, params);
  return {
    outpoint,
    origin: "phase1",
    ...keysOf(terms),
    value,
    timelock: terms.timelock,
    unbondingTime: params.unbondingTime,
    version: params.version,
    outputKey: keyOf(outputs.staking.script),
    unbondingKey: keyOf(outputs.unbonding.script),
    refundKey: keyOf(outputs.refund.script),
    expands: null,
    overflow,
  };
}

const keysOf = ({ staker, finalityProviders }: StakeTerms) => ({
  stakers: stakerKeys(staker).keys,
  finalityProviders: anyOf(finalityProviders).keys,
});

const keyOf = (script: Uint8Array): Uint8Array => script.slice(2);

interface StakeRow {
  readonly outpoint: Uint8Array;
  readonly seq: number;
  readonly origin: StakeOrigin;
  readonly value: number;
  readonly timelock: number;
  readonly unbonding_time: number;
  readonly version: number;
  readonly output_key: Uint8Array;
  readonly unbonding_key: Uint8Array;
  readonly refund_key: Uint8Array;
  readonly overflow: number;
  readonly state: StakeState;
  readonly opened: number | null;
  readonly life: string;
}

/** Which stakes to list. */
export interface StakeFilter {
  readonly view?: StakeView;
  /** x-only, as is the next. */
  readonly staker?: Uint8Array;
  readonly finalityProvider?: Uint8Array;
  /** Only those after this outpoint in their order, for pages. */
  readonly after?: string;
  readonly limit?: number;
}

/** The stakes of a store: what is known of each, and the fold over its events. */
export class StakeStore {
  readonly #store: ChainStore;

  constructor(store: ChainStore) {
    this.#store = store;
  }

  /** Adds a stake, or what became known of it: a delegation says more than an OP_RETURN. */
  put(record: StakeRecord): void {
    const { sql } = this.#store;
    const known = this.#row(record.outpoint);
    if (known?.origin === "delegation" && record.origin === "phase1") {
      sql.run("UPDATE stake SET overflow = ? WHERE outpoint = ?", record.overflow, record.outpoint);
      return;
    }
    const overflow = record.origin === "delegation" ? (known?.overflow ?? 0) : record.overflow;
    sql.run(
      `INSERT INTO stake (outpoint, seq, origin, value, timelock, unbonding_time, version, output_key, unbonding_key,
        refund_key, expands, overflow, state, opened, life) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', NULL, '')
        ON CONFLICT (outpoint) DO UPDATE SET origin = excluded.origin, version = excluded.version,
        unbonding_time = excluded.unbonding_time, unbonding_key = excluded.unbonding_key,
        refund_key = excluded.refund_key, expands = excluded.expands, overflow = excluded.overflow`,
      record.outpoint,
      this.#store.nextSeq(),
      record.origin,
      record.value,
      record.timelock,
      record.unbondingTime,
      record.version,
      record.outputKey,
      record.unbondingKey,
      record.refundKey,
      record.expands,
      overflow,
    );
    const keys = [
      ...record.stakers.map((key) => ["staker", key] as const),
      ...record.finalityProviders.map((key) => ["provider", key] as const),
    ];
    for (const [role, key] of keys) {
      sql.run("INSERT OR IGNORE INTO stake_key VALUES (?, ?, ?)", role, key, record.outpoint);
    }
  }

  /**
   * Folds a stake's events again, and stores the result where it is another one.
   * @returns the outputs that are unspent, to be watched; null where the stake is not known
   */
  refresh(outpoint: Uint8Array): readonly LifeOutput[] | null {
    const row = this.#row(outpoint);
    if (!row) return null;
    const { sql } = this.#store;
    const life = this.#fold(row);
    const text = lifeToJson(life);
    const live = life.outputs.filter(({ isSpent }) => !isSpent);
    if (text === row.life) return live;
    sql.run(
      "UPDATE stake SET seq = ?, state = ?, opened = ?, life = ? WHERE outpoint = ?",
      this.#store.nextSeq(),
      life.state,
      live[0]?.height ?? null,
      text,
      outpoint,
    );
    sql.run("DELETE FROM stake_output WHERE stake = ?", outpoint);
    for (const output of life.outputs) {
      sql.run(
        "INSERT OR REPLACE INTO stake_output VALUES (?, ?, ?, ?)",
        outpointBytes(output.outpoint),
        outpoint,
        output.name,
        output.isSpent,
      );
    }
    return live;
  }

  /** The stake that an output belongs to. */
  ownerOf(outpoint: Uint8Array): Uint8Array | null {
    const text = "SELECT stake FROM stake_output WHERE outpoint = ?";
    return this.#store.sql.one<{ stake: Uint8Array }>(text, outpoint)?.stake ?? null;
  }

  isStake(outpoint: Uint8Array): boolean {
    return this.#row(outpoint) !== undefined;
  }

  /** The stake that a stake expands. */
  expandedBy(outpoint: Uint8Array): Uint8Array | null {
    const text = "SELECT expands FROM stake WHERE outpoint = ?";
    return this.#store.sql.one<{ expands: Uint8Array | null }>(text, outpoint)?.expands ?? null;
  }

  stake(outpoint: string): WatchedStake | null {
    const row = this.#row(outpointBytes(outpoint));
    return row ? this.#stakeOf(row) : null;
  }

  /** Stakes by outpoint. */
  list(filter: StakeFilter = {}): WatchedStake[] {
    const { view, staker, finalityProvider, after, limit = 1000 } = filter;
    const conditions: string[] = ["outpoint > ?"];
    const cells: (Uint8Array | number | string)[] = [
      after === undefined ? new Uint8Array(0) : outpointBytes(after),
    ];
    const byKey = "outpoint IN (SELECT outpoint FROM stake_key WHERE role = ? AND key = ?)";
    for (const [role, key] of [
      ["staker", staker],
      ["provider", finalityProvider],
    ] as const) {
      if (!key) continue;
      conditions.push(byKey);
      cells.push(role, key);
    }
    if (view !== undefined) {
      const { text, cells: more } = this.#viewCondition(view);
      conditions.push(text);
      cells.push(...more);
    }
    const text = `SELECT * FROM stake WHERE ${conditions.join(" AND ")} ORDER BY outpoint LIMIT ?`;
    return this.#store.sql.all<StakeRow>(text, ...cells, limit).map((row) => this.#stakeOf(row));
  }

  /** The events of a stake's life, in the order of the chain. */
  eventsOf({ outpoint, life }: WatchedStake): WatchEvent[] {
    const made = this.#store.madeBy(outpointBytes(outpoint));
    const outputs = [outpoint, ...life.outputs.map((output) => output.outpoint)];
    const spends = [...new Set(outputs)].map((each) => this.#store.spendOf(outpointBytes(each)));
    return [made, ...spends].filter((event) => event !== null);
  }

  /** Stakes whose last change has a number above `seq`, in that order. */
  since(seq: number, limit: number): WatchedStake[] {
    const text = "SELECT * FROM stake WHERE seq > ? ORDER BY seq LIMIT ?";
    return this.#store.sql.all<StakeRow>(text, seq, limit).map((row) => this.#stakeOf(row));
  }

  /** How many stakes there are of each kind, and what they hold, at the tip. */
  counts(): Partial<Record<StakeView, { readonly stakes: number; readonly value: bigint }>> {
    const tip = this.#store.tip()?.height ?? 0;
    const rows = this.#store.sql.all<{ view: StakeView; stakes: number; value: number }>(
      `SELECT ${VIEW} AS view, count(*) AS stakes, sum(value) AS value FROM stake GROUP BY 1`,
      tip,
      tip,
    );
    return Object.fromEntries(
      rows.map(({ view, stakes, value }) => [view, { stakes, value: BigInt(value) }]),
    );
  }

  #viewCondition(view: StakeView): { text: string; cells: number[] | (string | number)[] } {
    const tip = this.#store.tip()?.height ?? 0;
    return { text: `${VIEW} = ?`, cells: [tip, tip, view] };
  }

  #row(outpoint: Uint8Array): StakeRow | undefined {
    return this.#store.sql.one<StakeRow>("SELECT * FROM stake WHERE outpoint = ?", outpoint);
  }

  #fold(row: StakeRow): StakeLife {
    const store = this.#store;
    return foldLife(
      {
        outpoint: outpointText(row.outpoint),
        origin: row.origin,
        value: BigInt(row.value),
        timelock: row.timelock,
        unbondingTime: row.unbonding_time,
        unbondingKey: row.unbonding_key,
        refundKey: row.refund_key,
      },
      {
        madeBy: (outpoint) => store.madeBy(outpointBytes(outpoint)),
        spendOf: (outpoint) => store.spendOf(outpointBytes(outpoint)),
        expansionOf(outpoint, txid) {
          const text = "SELECT outpoint FROM stake WHERE expands = ?";
          const found = store.sql.all<{ outpoint: Uint8Array }>(text, outpointBytes(outpoint));
          const hash = hashBytes(txid);
          const into = found.find((each) => equalBytes(each.outpoint.subarray(0, 32), hash));
          return into ? outpointText(into.outpoint) : null;
        },
      },
    );
  }

  #stakeOf(row: StakeRow): WatchedStake {
    const { sql } = this.#store;
    const keys = sql.all<{ role: string; key: Uint8Array }>(
      "SELECT role, key FROM stake_key WHERE outpoint = ? ORDER BY role, key",
      row.outpoint,
    );
    const of = (name: string) => keys.flatMap(({ role, key }) => (role === name ? [hex.encode(key)] : []));
    const tip = this.#store.tip()?.height ?? 0;
    const view = sql.one<{ view: StakeView }>(
      `SELECT ${VIEW} AS view FROM stake WHERE outpoint = ?`,
      tip,
      tip,
      row.outpoint,
    );
    return {
      outpoint: outpointText(row.outpoint),
      origin: row.origin,
      stakers: of("staker"),
      finalityProviders: of("provider"),
      value: BigInt(row.value),
      timelock: row.timelock,
      unbondingTime: row.unbonding_time,
      version: row.version,
      overflow: row.overflow === 1,
      life: lifeFromJson(row.life),
      view: view!.view,
      seq: row.seq,
    };
  }
}

/**
 * What a stake is at a tip, which both parameters are. BIP-68: a spend is in the next block, in which the output is one
 * block older than its confirmations.
 */
const VIEW = `CASE
  WHEN state = 'active' AND opened + timelock - 1 <= ? THEN 'expired'
  WHEN state = 'active' AND overflow = 1 THEN 'overflow'
  WHEN state = 'unbonding' AND opened + unbonding_time - 1 <= ? THEN 'unbonded'
  WHEN state = 'pending' AND EXISTS (SELECT 1 FROM orphan WHERE orphan.outpoint = stake.outpoint AND orphan.kind = 'stake')
    THEN 'reorganised'
  ELSE state END`;

function lifeToJson(life: StakeLife): string {
  const outputs = life.outputs.map((output) => ({ ...output, value: `${output.value}` }));
  return JSON.stringify({ ...life, outputs });
}

const NO_LIFE: StakeLife = { state: "pending", from: null, steps: [], outputs: [], into: null };

function lifeFromJson(text: string): StakeLife {
  if (text === "") return NO_LIFE;
  const life = JSON.parse(text) as StakeLife;
  return { ...life, outputs: life.outputs.map((output) => ({ ...output, value: BigInt(output.value) })) };
}
