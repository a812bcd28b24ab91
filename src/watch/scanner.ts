import { createHash } from "node:crypto";
import { parseHeader } from "../bitcoin/header.js";
import { formatOutpoint, parseTransaction } from "../bitcoin/transaction.js";
import { concatBytes, equalBytes, hex, utf8 } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { sharesAddresses } from "../core/network.js";
import { checkSoFar } from "../delegation/check.js";
import { combineDelegations } from "../delegation/combine.js";
import { type Delegation, stakeCoin } from "../delegation/delegation.js";
import { delegationToJson } from "../delegation/json.js";
import type { ParamSet } from "../params/types.js";
import type { KnownDelegation, MonitorContext, RaisedAlarm, WatchMonitor } from "./monitor.js";
import { hashText, outpointBytes, outpointText } from "./outpoint.js";
import { makesRoom, type ScannedTransaction, scanTransaction } from "./scan.js";
import type { StoreSettings } from "./settings.js";
import { recordOfDelegation, recordOfPhase1, StakeStore } from "./store/stakes.js";
import type { ChainStore } from "./store/store.js";
import type { TaggedOutput, WatchedBlock, WatchEvent } from "./types.js";
import { ByteTable } from "./walk/byte-table.js";
import { type TransactionHit, walkBlock, type Watched } from "./walk/walk.js";

/** A block that was fetched and walked, before it is stored. */
export interface WalkedBlock {
  /** As people write it. */
  readonly hash: string;
  readonly bytes: Uint8Array;
}

/**
 * Turns blocks into rows: the writer's side of a watch. It knows no source; `follow.ts` decides which block comes next.
 * Each function is one transaction, with what the monitors add to it.
 */
export class Scanner {
  readonly chain: ChainStore;
  readonly stakes: StakeStore;
  readonly settings: StoreSettings;
  readonly #monitors: readonly WatchMonitor[];
  readonly #outpoints: ByteTable;
  readonly #outputKeys: ByteTable;
  readonly #watched: Watched;
  readonly #context: MonitorContext;
  /** Whether a delegation may not have been looked for in earlier blocks: to ask the store reads every one of them. */
  #mayBeUnlocated = true;

  constructor(chain: ChainStore, settings: StoreSettings, monitors: readonly WatchMonitor[] = []) {
    this.chain = chain;
    this.stakes = new StakeStore(chain);
    this.settings = settings;
    this.#monitors = monitors;
    this.#context = this.#makeContext();
    const { sql } = chain;
    const count = (text: string) => sql.one<{ n: number }>(text)!.n;
    const unspent = "FROM stake_output WHERE spent = 0";
    this.#outpoints = new ByteTable(36, count(`SELECT count(*) AS n ${unspent}`));
    this.#outputKeys = new ByteTable(32, count("SELECT count(*) AS n FROM delegation"));
    this.#watched = {
      outpoints: this.#outpoints,
      outputKeys: this.#outputKeys,
      tags: tagsOf(settings.phase1, monitors),
    };
    const outputs = `SELECT outpoint AS place ${unspent} AND outpoint > ? ORDER BY outpoint LIMIT ?`;
    for (const page of sql.pages<{ place: Uint8Array }>(outputs, PAGE)) {
      for (const { place } of page) this.#outpoints.add(place);
    }
    const keys =
      "SELECT rowid AS place, output_key AS key FROM stake WHERE origin = 'delegation' AND rowid > ? ORDER BY rowid LIMIT ?";
    for (const page of sql.pages<{ key: Uint8Array }>(keys, PAGE)) {
      for (const { key } of page) this.#outputKeys.add(key);
    }
    chain.transaction(() => {
      sql.exec("DELETE FROM mempool");
      for (const monitor of monitors) monitor.opened?.(this.#context);
    });
  }

  /**
   * Adds blocks on top of the chain, in one transaction. Each must follow upon the one before.
   * @throws TapstakeError `invalid-block` for bytes that are no block, or not the block with this hash; `broken-link`
   * for one that does not follow upon the tip
   * @param newest the hash of the source's tip: the last block by default
   */
  connect(blocks: readonly WalkedBlock[], newest: string | undefined = blocks.at(-1)?.hash): void {
    const last = this.chain.transaction(() => {
      let tip: WatchedBlock | null = this.chain.tip();
      for (const block of blocks) tip = this.#connect(block, tip, block.hash === newest);
      return tip;
    });
    if (last) this.#committed(last);
  }

  /** Stores the block before the first one, whose hash the chain must build upon. */
  anchor(block: WatchedBlock): void {
    this.chain.transaction(() => this.chain.addBlock(block));
  }

  /** Removes every block above the common ancestor; all of them, the anchor too, where there is none. */
  disconnect(ancestor: WatchedBlock | null): void {
    const { chain } = this;
    const height = ancestor?.height ?? -1;
    chain.transaction(() => {
      const blocks = chain.blocksAbove(height);
      const events = chain.eventsAbove(height);
      const affected = this.#ownersOf(events);
      chain.undoAbove(height);
      // Their blocks may be others now.
      if (!ancestor) {
        chain.sql.run("UPDATE delegation SET located = 0");
        this.#mayBeUnlocated = true;
      }
      for (const outpoint of affected) this.#refresh(outpoint);
      chain.sql.run(
        "UPDATE alarm SET cleared = ? WHERE height > ? AND cleared IS NULL",
        chain.nextSeq(),
        height,
      );
      for (const monitor of this.#monitors) {
        monitor.disconnected?.({ ancestor, blocks, events }, this.#context);
      }
    });
    if (ancestor) this.#committed(ancestor);
  }

  /**
   * Adds delegations, or the signatures that a copy has more. What the chain did with their stakes before is found
   * without another scan: every spend of a stake is in the store already.
   * @throws TapstakeError `wrong-network`; the codes of `checkSoFar` and `combineDelegations`. `details.index` says which
   * of the delegations it is; nothing is added then
   */
  add(delegations: readonly Delegation[]): KnownDelegation[] {
    const { chain } = this;
    const known = chain.transaction(() => {
      const added = delegations.flatMap((delegation, index) => {
        try {
          return this.#add(delegation) ?? [];
        } catch (error) {
          if (!(error instanceof TapstakeError)) throw error;
          const { code, message, details } = error;
          throw new TapstakeError(code, message, { ...details, index }, { cause: error });
        }
      });
      if (added.length > 0) for (const monitor of this.#monitors) monitor.delegated?.(added, this.#context);
      return added;
    });
    return known;
  }

  /** Delegations whose staking output was not looked for in earlier blocks yet. */
  unlocated(limit: number): string[] {
    if (!this.#mayBeUnlocated) return [];
    const text = `SELECT outpoint FROM delegation WHERE located = 0 AND NOT EXISTS
      (SELECT 1 FROM event WHERE event.outpoint = delegation.outpoint AND event.kind = 'stake') LIMIT ?`;
    const found = this.chain.sql.all<{ outpoint: Uint8Array }>(text, limit);
    this.#mayBeUnlocated = found.length > 0;
    return found.map(({ outpoint }) => outpointText(outpoint));
  }

  /**
   * Stores where earlier blocks made the staking outputs of delegations.
   * @param blocks of each outpoint its block and height; null where no earlier block has it unspent
   */
  located(found: ReadonlyMap<string, { readonly height: number; readonly bytes: Uint8Array } | null>): void {
    let walked: { readonly bytes: Uint8Array; readonly hits: TransactionHit[] } | undefined;
    this.chain.transaction(() => {
      for (const [outpoint, block] of found) {
        const key = outpointBytes(outpoint);
        this.chain.sql.run("UPDATE delegation SET located = 1 WHERE outpoint = ?", key);
        if (!block) continue;
        if (walked?.bytes !== block.bytes) walked = { bytes: block.bytes, hits: this.walk(block.bytes) };
        const hit = walked.hits.find(({ start, end, outputs }) => {
          if (outputs.length === 0) return false;
          const hash = parseTransaction(block.bytes.slice(start, end)).getHash();
          return equalBytes(hash, key.subarray(0, 32));
        });
        if (!hit) continue;
        const { mined, events } = scanTransaction(block.bytes, hit, block.height, 0n, {
          ...this.#facts,
          phase1: null,
        });
        const event = events.find((each) => each.kind === "stake" && equalBytes(each.outpoint, key));
        if (!event) continue;
        this.chain.addMined(mined);
        this.chain.addEvent(event, mined);
        this.#refresh(key);
      }
      for (const monitor of this.#monitors) monitor.located?.([...found.keys()], this.#context);
    });
  }

  /** Stores an event of another store of the same chain; within a transaction. */
  copy({
    height,
    position,
    index,
    kind,
    outpoint,
    leaf,
    origin,
    raw,
  }: Omit<WatchEvent, "seq" | "txid">): void {
    const mined = { height, position, hash: parseTransaction(raw).getHash(), raw };
    const key = outpointBytes(outpoint);
    this.chain.addMined(mined);
    this.chain.addEvent(
      { height, position, index, kind, outpoint: key, leaf, origin, overflow: false },
      mined,
    );
    this.#refresh(key);
  }

  /** The transactions of a block with something watched. @throws TapstakeError `invalid-block` */
  walk(block: Uint8Array): TransactionHit[] {
    return walkBlock(block, this.#watched);
  }

  #connect({ hash, bytes }: WalkedBlock, tip: WatchedBlock | null, isTip: boolean): WatchedBlock {
    const header = parseHeader(bytes.subarray(0, 80));
    if (hashText(header.hash) !== hash) {
      const text = `the source gave block ${hashText(header.hash)} for block ${hash}`;
      throw new TapstakeError("invalid-block", text, { hash });
    }
    const previous = hashText(header.previous);
    if (previous !== (tip?.hash ?? NO_BLOCK)) {
      const text = `block ${hash} follows upon ${previous}, not upon the tip ${tip?.hash ?? "of an empty store"}`;
      throw new TapstakeError("broken-link", text, { hash, previous });
    }
    const height = tip ? tip.height + 1 : 0;
    const events: WatchEvent[] = [];
    const tagged: TaggedOutput[] = [];
    let staked = tip?.staked ?? 0n;
    for (const hit of this.walk(bytes)) {
      const scanned = scanTransaction(bytes, hit, height, staked, this.#facts);
      staked += this.#store(scanned, events);
      for (const index of scanned.tagged) tagged.push(taggedOutput(scanned, index));
    }
    const block = { height, hash, previous, time: header.time, bits: header.bits, staked };
    this.chain.addBlock(block);
    for (const outpoint of this.#ownersOf(events)) this.#refresh(outpoint);
    for (const monitor of this.#monitors) {
      monitor.connected?.({ block, events, tagged, isTip }, this.#context);
    }
    return block;
  }

  /** Stores the events of a transaction; returns by how much it changes the sum of the phase-1 stakes. */
  #store({ mined, events, phase1 }: ScannedTransaction, all: WatchEvent[]): bigint {
    let change = 0n;
    if (events.length > 0) this.chain.addMined(mined);
    for (const event of events) {
      const stored = this.chain.addEvent(event, mined);
      if (!stored) continue;
      all.push(stored);
      if (event.origin === "phase1") {
        this.stakes.put(recordOfPhase1(phase1!.stake, event.outpoint, phase1!.overflow));
        if (!phase1!.overflow) change += phase1!.stake.value;
      }
      if (event.leaf === "unbonding") change -= this.#freed(stored);
    }
    return change;
  }

  /** By how much an unbonding lowers the sum of the phase-1 stakes. */
  #freed({ outpoint, raw }: WatchEvent): bigint {
    const { phase1 } = this.settings;
    const key = outpointBytes(outpoint);
    if (!phase1 || !this.chain.countsInPhase1(key)) return 0n;
    if (!makesRoom(parseTransaction(raw), this.chain.madeBy(key)!, phase1)) return 0n;
    return this.stakes.stake(outpoint)!.value;
  }

  #add(given: Delegation): KnownDelegation | null {
    const { network } = this.settings;
    if (!sharesAddresses(given.params.network, network)) {
      const text = `the delegation is of ${given.params.network}, and the store watches ${network}`;
      throw new TapstakeError("wrong-network", text, { expected: network, got: given.params.network });
    }
    const { sql } = this.chain;
    const known = sql.one<{ digest: Uint8Array }>(
      "SELECT digest FROM delegation WHERE outpoint = ?",
      outpointBytes(formatOutpoint(stakeCoin(given).outpoint)),
    );
    // It was checked when it came: a folder of thousands is given again at each start.
    if (known && equalBytes(known.digest, digestOf(delegationToJson(given)))) return null;
    checkSoFar(given);
    const record = recordOfDelegation(given);
    const outpoint = outpointText(record.outpoint);
    const earlier = this.chain.delegation(outpoint);
    const delegation = earlier ? combineDelegations(earlier, given) : given;
    const document = delegationToJson(delegation);
    const digest = digestOf(document);
    if (known && equalBytes(known.digest, digest)) return null;
    sql.run(
      `INSERT INTO delegation VALUES (?, ?, ?, 0, ?)
       ON CONFLICT (outpoint) DO UPDATE SET document = excluded.document, digest = excluded.digest`,
      record.outpoint,
      document,
      digest,
      now(),
    );
    this.#mayBeUnlocated = true;
    this.stakes.put(record);
    this.#outputKeys.add(record.outputKey);
    this.#outpoints.add(record.outpoint);
    this.#refresh(record.outpoint);
    return { outpoint, delegation, isNew: !earlier };
  }

  /** The stakes whose life the events are part of. */
  #ownersOf(events: readonly WatchEvent[]): Uint8Array[] {
    const owners = new Map<string, Uint8Array>();
    for (const { outpoint } of events) {
      const key = outpointBytes(outpoint);
      const owner = this.stakes.isStake(key) ? key : this.stakes.ownerOf(key);
      if (owner) owners.set(hex.encode(owner), owner);
    }
    return [...owners.values()];
  }

  /** Folds a stake again, and the stake that it expands: whether that is expanded depends on this one being known. */
  #refresh(outpoint: Uint8Array): void {
    for (const each of [outpoint, this.stakes.expandedBy(outpoint)]) {
      if (!each) continue;
      for (const output of this.stakes.refresh(each) ?? [])
        this.#outpoints.add(outpointBytes(output.outpoint));
    }
  }

  #committed(tip: WatchedBlock): void {
    for (const monitor of this.#monitors) monitor.committed?.(tip);
  }

  get #facts() {
    const { phase1 } = this.settings;
    return {
      phase1,
      isDelegation: (outpoint: Uint8Array) => this.chain.isDelegation(outpoint),
      isStakeOutput: (outpoint: Uint8Array) => this.stakes.ownerOf(outpoint) !== null,
    };
  }

  #makeContext(): MonitorContext {
    return {
      sql: this.chain.sql,
      transaction: (work) => this.chain.transaction(work),
      nextSeq: () => this.chain.nextSeq(),
      tip: () => this.chain.tip(),
      delegation: (outpoint) => this.chain.delegation(outpoint),
      spendOf: (outpoint) => this.chain.spendOf(outpointBytes(outpoint)),
      alarm: (alarm) => this.#alarm(alarm),
      clear: (id) => {
        this.chain.sql.run(
          "UPDATE alarm SET cleared = ? WHERE id = ? AND cleared IS NULL",
          this.chain.nextSeq(),
          hex.decode(id, 32, "alarm id"),
        );
      },
    };
  }

  #alarm({ kind, facts, text, height }: RaisedAlarm): string {
    const sorted = Object.fromEntries(Object.entries(facts).toSorted(([a], [b]) => (a < b ? -1 : 1)));
    const body = JSON.stringify(sorted);
    const id = createHash("sha256")
      .update(concatBytes(utf8(kind), Uint8Array.of(0), utf8(body)))
      .digest();
    this.chain.sql.run(
      `INSERT INTO alarm VALUES (?, ?, ?, ?, ?, ?, ?, NULL) ON CONFLICT (id) DO UPDATE
       SET seq = excluded.seq, height = excluded.height, raised = excluded.raised, cleared = NULL
       WHERE alarm.cleared IS NOT NULL`,
      id,
      this.chain.nextSeq(),
      kind,
      body,
      text,
      height ?? null,
      now(),
    );
    return hex.encode(id);
  }
}

/** How many rows are read at once. */
const PAGE = 10_000;

export const NO_BLOCK = "0".repeat(64);

const digestOf = (document: string): Uint8Array => createHash("sha256").update(document).digest();

const now = (): number => Math.floor(Date.now() / 1000);

function tagsOf(phase1: ParamSet | null, monitors: readonly WatchMonitor[]): number[] {
  const versions = phase1?.versions.flatMap((params) => params.phase1?.tag ?? []) ?? [];
  const all = [...versions, ...monitors.flatMap(({ tags = [] }) => tags)];
  return [...new Set(all.map(([a, b, c, d]) => a! | (b! << 8) | (c! << 16) | (d! << 24)))];
}

function taggedOutput({ mined }: ScannedTransaction, index: number): TaggedOutput {
  const { height, position, hash, raw } = mined;
  const { script } = parseTransaction(raw).outs[index]!;
  const data = script.slice(script[1] === 0x4c ? 3 : 2);
  return { height, position, index, data, txid: hashText(hash), raw };
}
