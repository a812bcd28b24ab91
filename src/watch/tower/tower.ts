import { hex } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import type { Evidence } from "../../extract/evidence.js";
import type { WatchAlarm } from "../alarms/kinds.js";
import type { ConnectedBlock, MonitorContext, WatchMonitor } from "../monitor.js";
import { outpointBytes, outpointText } from "../outpoint.js";
import type { WatchEvent } from "../types.js";
import { type Duty, DutyStore, readDuties } from "./duties.js";
import { checkedVotes, EvidenceStore, readEvidence, type SeenVote, type StoredEvidence } from "./evidence.js";
import { inspect, INSPECTED } from "./inspect.js";
import { Sender, type TowerNode } from "./sender.js";

/** How a watchtower works. */
export interface TowerOptions {
  /** Takes the slashings: a bitcoind or an Esplora server. */
  readonly node: TowerNode;
  /** From how many confirmations on a slashing is buried: 100 by default. A deeper reorganisation opens it again. */
  readonly depth?: number;
  /** After how many blocks an open duty is an alarm: 6 by default. So many before its end, a time lock is one too. */
  readonly alarmAfter?: number;
  /**
   * How often the node is asked about open duties between blocks, in seconds: 30 by default. A node that was restarted
   * can have an empty mempool.
   */
  readonly sendEvery?: number;
  /** Called when a round of sending fails: the next one follows by itself. */
  readonly onTrouble?: (error: Error) => void;
}

/**
 * Slashes every stake with a provider whose key leaked: evidence in, duties out. It is a monitor of a watch; close it
 * before the watch.
 */
export interface Watchtower extends WatchMonitor {
  /**
   * Takes two votes of one provider at one height. When it returns, the evidence is on the disk, and its duties will be
   * sent by this process or the next one.
   * @returns the id of the evidence: the same votes again have the same one
   * @throws TapstakeError the codes of `extractFromVotes` for votes that reveal no key; `store-unwritable`
   */
  addEvidence(evidence: Evidence, source?: string): string;
  /**
   * Takes one vote that someone saw; the same vote again changes nothing. Two of one provider, chain, height and randomness for different blocks are
   * evidence.
   * @returns the ids of new evidence
   * @throws TapstakeError `invalid-signature`, `invalid-number` and the codes of `voteMessage` for a vote that proves nothing
   */
  addVote(vote: SeenVote): string[];
  evidence(): StoredEvidence[];
  duties(): Duty[];
  /** Returns when everything that could be sent was sent. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/** Makes a watchtower, for `monitors` of `openWatch`. */
export function watchtower(options: TowerOptions): Watchtower {
  return new Tower(options);
}

interface Open {
  readonly context: MonitorContext;
  readonly evidence: EvidenceStore;
  readonly duties: DutyStore;
  readonly sender: Sender;
}

class Tower implements Watchtower {
  readonly name = "watchtower";
  readonly #options: TowerOptions;
  #open: Open | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TowerOptions) {
    this.#options = options;
  }

  opened(context: MonitorContext): void {
    const { node, depth = 100, sendEvery = 30, onTrouble = () => {} } = this.#options;
    const evidence = new EvidenceStore(context.sql, (outpoint) => context.delegation(outpoint));
    const duties = new DutyStore(context, depth);
    const sender = new Sender({ node, context, duties, evidence, onTrouble });
    this.#open = { context, evidence, duties, sender };
    // Blocks that came and went without the tower; and no mempool is known.
    duties.judgeAll();
    // A kill between evidence and duties, or delegations that were added without the tower.
    this.#inspectAll();
    duties.complete();
    const tip = context.tip();
    if (tip) this.#judgeTime(tip.height);
    sender.kick();
    clearInterval(this.#timer);
    this.#timer = setInterval(() => sender.kick(), sendEvery * 1000).unref();
  }

  connected({ block, events, isTip }: ConnectedBlock): void {
    const { duties } = this.#opened();
    const touched = this.#stakesOf(events);
    for (const stake of touched) this.#inspect(stake);
    duties.atBlock(touched, block.height);
    // The blocks of a catch-up may have the slashing that is missing here.
    if (isTip) this.#judgeTime(block.height);
  }

  disconnected({ events }: { events: readonly WatchEvent[] }): void {
    const { context, duties } = this.#opened();
    // A stake whose spend is gone is one that must be slashable again.
    for (const stake of this.#stakesOf(events)) this.#inspect(stake);
    duties.judgeAll();
    const tip = context.tip();
    if (tip) this.#judgeTime(tip.height);
  }

  delegated(delegations: readonly { readonly outpoint: string }[]): void {
    const { context, duties, sender } = this.#opened();
    for (const { outpoint } of delegations) {
      const stake = outpointBytes(outpoint);
      this.#inspect(stake);
      const text = "SELECT expands FROM stake WHERE outpoint = ?";
      const { expands } = context.sql.one<{ expands: Uint8Array | null }>(text, stake) ?? { expands: null };
      if (expands) this.#inspect(expands);
    }
    duties.complete();
    sender.kick();
  }

  located(outpoints: readonly string[]): void {
    const { duties, sender } = this.#opened();
    for (const outpoint of outpoints) {
      this.#inspect(outpointBytes(outpoint));
      duties.judge(outpointBytes(outpoint));
    }
    sender.kick();
  }

  committed(): void {
    this.#opened().sender.kick();
  }

  addEvidence(given: Evidence, source = "library"): string {
    const { context, evidence } = this.#opened();
    const votes = checkedVotes(given);
    const { id, isNew } = context.transaction(() => {
      const added = evidence.addVotes(votes, source);
      if (added.isNew) context.alarm(doubleVote(votes));
      return added;
    });
    if (isNew) this.#actUpon();
    return id;
  }

  addVote(vote: SeenVote): string[] {
    const { context, evidence } = this.#opened();
    const ids = context.transaction(() =>
      evidence.addVote(vote).flatMap((found) => {
        const checked = checkedVotes(found);
        const { id, isNew } = evidence.addVotes(checked, `votes on ${vote.chain}`);
        if (isNew) context.alarm(doubleVote(checked));
        return isNew ? [id] : [];
      }),
    );
    if (ids.length > 0) this.#actUpon();
    return ids;
  }

  evidence(): StoredEvidence[] {
    return readEvidence(this.#opened().context.sql);
  }

  duties(): Duty[] {
    return readDuties(this.#opened().context.sql);
  }

  async idle(): Promise<void> {
    await this.#open?.sender.idle();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#open?.sender.close();
  }

  /** Evidence is on the disk by now: a kill in here loses nothing, as the next start makes what is missing. */
  #actUpon(): void {
    const { context, duties, sender } = this.#opened();
    context.transaction(() => duties.complete());
    sender.kick();
  }

  /** What changed while no tower ran: blocks, and signatures that came or are absent still. */
  #inspectAll(): void {
    const { context } = this.#opened();
    const stakes = context.sql.all<{ outpoint: Uint8Array }>(
      `SELECT stake.outpoint FROM stake JOIN delegation USING (outpoint)
       WHERE stake.state NOT IN ('pending', 'active', 'withdrawn') OR (stake.state = 'active' AND ${LACKING})`,
    );
    for (const { outpoint } of stakes) this.#inspect(outpoint);
    const open = "SELECT facts ->> 'stake' AS stake FROM alarm WHERE kind = ? AND cleared IS NULL";
    for (const { stake } of context.sql.all<{ stake: string }>(open, "missing-adaptor-signatures")) {
      this.#inspect(outpointBytes(stake));
    }
  }

  /** Alarms by the spends of a stake; a key that a slashing revealed becomes evidence. */
  #inspect(stake: Uint8Array): void {
    const { context, evidence, duties } = this.#opened();
    const outpoint = outpointText(stake);
    const places = duties.places(outpoint);
    if (!places) return;
    const { alarms, leaks } = inspect(context.delegation(outpoint)!, places, context);
    for (const { finalityProvider, slashing } of leaks) {
      // The tower's own slashings reveal the key again.
      if (evidence.has(finalityProvider)) continue;
      evidence.addSlashing(finalityProvider, slashing);
      context.alarm(selectiveSlashing(finalityProvider, slashing));
      duties.complete();
    }
    this.#replace(INSPECTED, outpoint, alarms);
  }

  /** Raises alarms about a stake, and clears the others of these kinds. */
  #replace(kinds: readonly string[], stake: string, alarms: readonly WatchAlarm[]): void {
    const { context } = this.#opened();
    const raised = new Set(alarms.map((alarm) => context.alarm(alarm)));
    for (const kind of kinds) {
      for (const { id } of openAlarms(context, kind, "$.stake", stake)) {
        if (!raised.has(id)) context.clear(id);
      }
    }
  }

  /** Alarms by the height of the tip: duties that nothing mines, and time locks that run out before they are mined. */
  #judgeTime(height: number): void {
    const { context } = this.#opened();
    const { alarmAfter = 6 } = this.#options;
    const late = context.sql.all<{ provider: Uint8Array }>(
      `SELECT provider FROM duty WHERE state = 'ready' AND since <= ?1
       UNION SELECT provider FROM duty WHERE state = 'mempool' AND since <= ?1`,
      height - alarmAfter,
    );
    const unmined = late.map(({ provider }): WatchAlarm => {
      const finalityProvider = hex.encode(provider);
      const text = `slashings of stakes with ${finalityProvider} are in no block after ${alarmAfter} blocks`;
      return { kind: "duty-unmined", facts: { finalityProvider }, text };
    });
    const racing = context.sql.all<{ stake: Uint8Array; output: string }>(
      `SELECT DISTINCT duty.stake, duty.output FROM duty JOIN stake ON stake.outpoint = duty.stake
       WHERE duty.state IN ('ready', 'mempool') AND
       stake.opened + CASE stake.state WHEN 'unbonding' THEN unbonding_time ELSE timelock END - 1 <= ?`,
      height + alarmAfter,
    );
    const races = racing.map(({ stake: key, output }): WatchAlarm => {
      const stake = outpointText(key);
      const text = `the staker of ${stake} can withdraw its ${output} output within ${alarmAfter} blocks, and its slashing is in no block`;
      return { kind: "withdrawal-race", facts: { stake, output }, text };
    });
    const raised = new Set([...unmined, ...races].map((alarm) => context.alarm(alarm)));
    for (const kind of ["duty-unmined", "withdrawal-race"]) {
      for (const { id } of openAlarms(context, kind)) if (!raised.has(id)) context.clear(id);
    }
  }

  /** The stakes that events are part of. */
  #stakesOf(events: readonly WatchEvent[]): Uint8Array[] {
    const { sql } = this.#opened().context;
    const found = new Map<string, Uint8Array>();
    for (const { kind, outpoint } of events) {
      const key = outpointBytes(outpoint);
      const owner = sql.one<{ stake: Uint8Array }>("SELECT stake FROM stake_output WHERE outpoint = ?", key);
      const stake = owner?.stake ?? (kind === "stake" ? key : null);
      if (stake) found.set(hex.encode(stake), stake);
    }
    return [...found.values()];
  }

  #opened(): Open {
    if (this.#open) return this.#open;
    throw new TapstakeError("invalid-argument", "the watchtower is not a monitor of an open watch yet");
  }
}

/**
 * Whether a delegation's document has too few adaptor signatures for one of its providers. By the text alone: to read each
 * document at every start would take long.
 */
const LACKING = `EXISTS (
  SELECT 1 FROM json_each(document, '$.terms.finalityProviders') AS provider,
    (SELECT 'slashing' AS name UNION SELECT 'unbondingSlashing') AS spend
  WHERE document ->> '$.terms.covenant.quorum' > (
    SELECT count(DISTINCT signed.value ->> 'publicKey')
    FROM json_each(document, '$.' || spend.name || '.covenantSignatures') AS signed
    WHERE signed.value ->> 'finalityProvider' = provider.value))`;

function openAlarms({ sql }: MonitorContext, kind: string, path?: string, value?: string): { id: string }[] {
  const base = "SELECT id FROM alarm WHERE kind = ? AND cleared IS NULL";
  const rows =
    path === undefined || value === undefined
      ? sql.all<{ id: Uint8Array }>(base, kind)
      : sql.all<{ id: Uint8Array }>(`${base} AND json_extract(facts, ?) = ?`, kind, path, value);
  return rows.map(({ id }) => ({ id: hex.encode(id) }));
}

function doubleVote({
  finalityProvider,
  height,
}: {
  finalityProvider: Uint8Array;
  height: bigint;
}): WatchAlarm {
  const key = hex.encode(finalityProvider);
  const text = `the finality provider ${key} voted twice at height ${height}: its key leaked`;
  return { kind: "double-vote", facts: { finalityProvider: key, height: `${height}` }, text };
}

function selectiveSlashing(
  finalityProvider: Uint8Array,
  { stake, from }: { stake: string; from: string },
): WatchAlarm {
  const key = hex.encode(finalityProvider);
  const text = `the slashing of the ${from} output of ${stake} revealed the key of the finality provider ${key}`;
  return { kind: "selective-slashing", facts: { finalityProvider: key, stake, output: from }, text };
}
