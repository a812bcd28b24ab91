import { parseCheckpoint } from "../../babylon/checkpoint.js";
import { assertBytes, assertInteger, hex } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import type { ConnectedBlock, DisconnectedBlocks, MonitorContext, WatchMonitor } from "../monitor.js";
import {
  type AssessOptions,
  assessEpoch,
  type ClaimsOf,
  CHECKPOINT_ALARMS,
  checkpointAlarm,
  groupedByEpoch,
  neighboursOf,
} from "./assess.js";
import { epochVerifier, type EpochVerifier } from "./bls.js";
import type { BlsValidator } from "./keys.js";
import { type CheckpointCandidate, type CheckpointVerdict, CheckpointStore } from "./store.js";

/** The validators of an epoch; null where they are not known. */
export type BlsKeySource = (
  epoch: number,
) => readonly BlsValidator[] | null | Promise<readonly BlsValidator[] | null>;

/** What {@link checkpointMonitor} takes. */
export interface CheckpointMonitorOptions {
  /** The 4 bytes that begin the chain's checkpoints: `bbn1` on mainnet. */
  readonly tag: Uint8Array;
  /** Where keys are had: without it, nothing is verified, and a fork alarm says so. */
  readonly keys?: BlsKeySource;
  /** Bitcoin blocks without the next checkpoint after which it is missing: 36 by default. */
  readonly patience?: number;
  /**
   * Called when keys of an epoch cannot be had or are none: its checkpoints stay pending, and are tried again. Without an
   * epoch: verdicts could not be stored, as when the watch was closed before this monitor was stopped.
   */
  readonly onTrouble?: (error: unknown, epoch: number | null) => void;
}

/** A monitor of checkpoints. */
export interface CheckpointMonitor extends WatchMonitor {
  /** Resolves when everything that was committed has been verified. */
  settled(): Promise<void>;
  /** Stops verifying: to be called before the watch is closed. */
  stop(): Promise<void>;
}

/** Checkpoints of mainnet come once an hour, some six blocks apart. */
const PATIENCE = 36;
/** How many verdicts are stored at once. */
const BATCH = 256;

/**
 * Stores all parts of checkpoints in blocks, pairs them, verifies the pairs by BLS outside of the scanner's commits, and
 * keeps the alarms `checkpoint-fork` and `checkpoint-missing`.
 * @throws TapstakeError `invalid-bytes`, `invalid-number`
 * @example
 * ```ts
 * const monitor = checkpointMonitor({ tag: utf8("bbn1"), keys: (epoch) => keysOf(epoch) });
 * const watch = await openWatch({ source, store: "watch.db", monitors: [monitor] });
 * ```
 */
export function checkpointMonitor(options: CheckpointMonitorOptions): CheckpointMonitor {
  return new Monitor(options);
}

class Monitor implements CheckpointMonitor {
  readonly name = "checkpoints";
  readonly tags: readonly Uint8Array[];
  readonly #keys: BlsKeySource | undefined;
  readonly #onTrouble: (error: unknown, epoch: number | null) => void;
  readonly #options: AssessOptions;
  readonly #verifiers = new Map<number, EpochVerifier | null>();
  readonly #faults = new Map<number, string>();
  #context: MonitorContext | null = null;
  #store!: CheckpointStore;
  /** Of the epochs without a next one, the height at which that is missing. */
  readonly #dues = new Map<number, number>();
  /** The hash of the block that the state in memory is of. */
  #at = "";
  #from = 0;
  #judging: Promise<void> | null = null;
  /** At a start, what was invalid is verified again: by other keys, as a file of keys can have been wrong. */
  #isFirst = false;
  #again = false;

  constructor({ tag, keys, patience = PATIENCE, onTrouble }: CheckpointMonitorOptions) {
    assertBytes(tag, "tag", 4);
    assertInteger(patience, "patience", 1, 1_000_000);
    this.tags = [tag];
    this.#keys = keys;
    this.#onTrouble = onTrouble ?? (() => {});
    this.#options = { tag: hex.encode(tag), patience, hasKeys: keys !== undefined };
  }

  opened(context: MonitorContext): void {
    this.#context = context;
    this.#store = new CheckpointStore(context.sql, this.tags[0]!);
    const { tag } = this.#options;
    const tip = context.tip();
    const known = CheckpointStore.coverage(context.sql);
    const goesOn = known?.tag === tag && known.through === (tip?.hash ?? "");
    this.#from = goesOn ? known.from : (tip?.height ?? -1) + 1;
    // Blocks passed by without this monitor: which parts are still in the chain is not known.
    if (!goesOn) this.#forget(-1);
    this.#cover(tip?.hash ?? "");
    // Keys may be there that were not, or may be gone.
    const [from, to]: CheckpointVerdict[] = this.#keys
      ? ["unverified", "pending"]
      : ["pending", "unverified"];
    for (const candidate of this.#store.withVerdict(from!)) this.#store.judge(candidate, to!);
    this.#isFirst = true;
    if (!this.#keys) this.#store.putKeyFaults({});
    this.#assessAll(tip?.height ?? -1);
  }

  connected({ block, tagged }: ConnectedBlock, context: MonitorContext): void {
    const wasUndone = this.#at !== CheckpointStore.coverage(context.sql)?.through;
    const checksums = new Map<string, Uint8Array>();
    for (const output of tagged) {
      const checksum = this.#store.addPart(output);
      if (checksum) checksums.set(hex.encode(checksum), checksum);
    }
    const epochs = [...checksums.values()].flatMap((checksum) => this.#pair(checksum));
    this.#cover(block.hash);
    // A commit that this monitor had seen was undone: what it has in memory is of blocks that are not in the store.
    if (wasUndone) return this.#assessAll(block.height);
    const due = [...this.#dues].flatMap(([epoch, height]) => (height <= block.height ? [epoch] : []));
    if (epochs.length + due.length > 0) this.#assess([...epochs.flatMap(neighboursOf), ...due], block.height);
  }

  disconnected({ ancestor }: DisconnectedBlocks): void {
    const height = ancestor?.height ?? -1;
    this.#from = Math.min(this.#from, height + 1);
    this.#forget(height);
    this.#cover(ancestor?.hash ?? "");
    this.#assessAll(height);
  }

  committed(): void {
    if (!this.#keys) return;
    if (this.#judging) this.#again = true;
    else {
      this.#judging = this.#judge()
        .catch((error: unknown) => this.#onTrouble(error, null))
        .finally(() => (this.#judging = null));
    }
  }

  async settled(): Promise<void> {
    this.committed();
    while (this.#judging) await this.#judging;
  }

  async stop(): Promise<void> {
    this.#context = null;
    await this.#judging;
  }

  #forget(height: number): void {
    for (const checksum of this.#store.removeAbove(height)) this.#pair(checksum);
  }

  #pair(checksum: Uint8Array): number[] {
    return this.#store.pair(checksum, this.#keys ? "pending" : "unverified");
  }

  #cover(hash: string): void {
    this.#at = hash;
    this.#store.cover({ tag: this.#options.tag, from: this.#from, through: hash });
  }

  /** Judges all epochs, and those of open alarms, whose candidates may be gone; within a transaction. */
  #assessAll(height: number): void {
    this.#dues.clear();
    const byEpoch = groupedByEpoch(this.#store.candidates());
    const epochs = [...byEpoch.keys()].flatMap(neighboursOf);
    const alarmed = [...this.#openAlarms().keys()].flatMap(neighboursOf);
    this.#assess([...epochs, ...alarmed], height, (epoch) => byEpoch.get(epoch) ?? []);
  }

  /** Raises and clears the alarms of some epochs; within a transaction. */
  #assess(
    epochs: Iterable<number>,
    height: number,
    claimsOf: ClaimsOf = memoised((epoch) => this.#store.claimsOf(epoch)),
  ): void {
    const context = this.#context!;
    const open = this.#openAlarms();
    const isMissing = ({ kind }: OpenAlarm) => kind === "checkpoint-missing";
    for (const epoch of new Set(epochs)) {
      const { said, due } = assessEpoch(epoch, claimsOf, height, this.#options);
      if (due === null) this.#dues.delete(epoch);
      else this.#dues.set(epoch, due);
      const alarms = said.flatMap((each) => checkpointAlarm(each, this.#options) ?? []);
      const wanted = new Map(alarms.map((alarm) => [keyOf(alarm.kind, alarm.facts), alarm]));
      // A missing epoch is judged with the one before it.
      const own = (open.get(epoch) ?? []).filter((each) => !isMissing(each));
      const next = (open.get(epoch + 1) ?? []).filter(isMissing);
      // What is not verified yet, or cannot be as its keys are damaged, ends no alarm.
      const isPending = [epoch, epoch + 1].some((each) =>
        claimsOf(each).some(({ verdict }) => verdict === "pending"),
      );
      for (const { key, id } of [...own, ...next]) {
        if (!wanted.delete(key) && !isPending) context.clear(id);
      }
      for (const alarm of wanted.values()) context.alarm(alarm);
    }
  }

  /** By epoch. */
  #openAlarms(): Map<number, OpenAlarm[]> {
    const text = "SELECT id, kind, facts FROM alarm WHERE cleared IS NULL AND kind IN (?, ?)";
    const rows = this.#context!.sql.all<{ id: Uint8Array; kind: string; facts: string }>(
      text,
      ...CHECKPOINT_ALARMS,
    );
    return groupedByEpoch(
      rows.map(({ id, kind, facts }) => {
        const said = JSON.parse(facts) as { readonly epoch: number };
        return { id: hex.encode(id), kind, epoch: said.epoch, key: keyOf(kind, said) };
      }),
    );
  }

  /** Verifies what is pending, the linked pairs first: a forger's pairs hold up the real one as little as can be. */
  async #judge(): Promise<void> {
    do {
      this.#again = false;
      this.#verifiers.clear();
      this.#faults.clear();
      if (!this.#context) return;
      const tip = this.#context.tip()?.height ?? 0;
      const pending = [
        ...this.#store.withVerdict("pending"),
        // Keys of a new epoch can come later than its checkpoint.
        ...this.#store.withVerdict("unverified", tip - this.#options.patience),
      ].toSorted((a, b) => Number(b.linked) - Number(a.linked));
      if (this.#isFirst) pending.push(...this.#store.withVerdict("invalid"));
      this.#isFirst = false;
      let verdicts: [CheckpointCandidate, CheckpointVerdict][] = [];
      for (const candidate of pending) {
        const verdict = await this.#verdictOf(candidate);
        if (!this.#context) return;
        if (verdict && verdict !== candidate.verdict) verdicts.push([candidate, verdict]);
        if (verdicts.length < BATCH) continue;
        this.#storeVerdicts(verdicts);
        verdicts = [];
      }
      if (verdicts.length > 0) this.#storeVerdicts(verdicts);
      this.#storeFaults();
    } while (this.#again && this.#context);
  }

  async #verdictOf(candidate: CheckpointCandidate): Promise<CheckpointVerdict | null> {
    // Between two verifications the scanner goes on.
    await new Promise((resolve) => setImmediate(resolve));
    const verifier = await this.#verifierOf(candidate.epoch);
    if (verifier === undefined || !this.#context) return null;
    if (!verifier) return "unverified";
    const data = this.#store.dataOf(candidate);
    return data && (verifier.verify(parseCheckpoint(...data)).valid ? "verified" : "invalid");
  }

  /** Undefined when the keys could not be had. */
  async #verifierOf(epoch: number): Promise<EpochVerifier | null | undefined> {
    if (this.#verifiers.has(epoch)) return this.#verifiers.get(epoch);
    try {
      const validators = await this.#keys!(epoch);
      const verifier = validators && (await epochVerifier(validators));
      this.#verifiers.set(epoch, verifier);
      return verifier;
    } catch (error) {
      // Of other errors the text could hold anything, and the store keeps no secret.
      this.#faults.set(epoch, error instanceof TapstakeError ? error.message : nameOf(error));
      this.#onTrouble(error, epoch);
      return undefined;
    }
  }

  /** For who reads the store: a checkpoint can be pending for long, and the log is elsewhere. */
  #storeFaults(): void {
    const context = this.#context!;
    const faults = Object.fromEntries(this.#faults);
    if (JSON.stringify(faults) === JSON.stringify(CheckpointStore.keyFaults(context.sql))) return;
    context.transaction(() => this.#store.putKeyFaults(faults));
  }

  #storeVerdicts(verdicts: readonly (readonly [CheckpointCandidate, CheckpointVerdict])[]): void {
    const context = this.#context!;
    context.transaction(() => {
      for (const [candidate, verdict] of verdicts) this.#store.judge(candidate, verdict);
      const epochs = verdicts.flatMap(([{ epoch }]) => neighboursOf(epoch));
      this.#assess(epochs, context.tip()?.height ?? -1);
    });
  }
}

interface OpenAlarm {
  readonly id: string;
  readonly kind: string;
  readonly epoch: number;
  readonly key: string;
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : "unknown error");

const keyOf = (kind: string, facts: object): string =>
  `${kind} ${JSON.stringify(Object.entries(facts).toSorted(([a], [b]) => (a < b ? -1 : 1)))}`;

function memoised<Value>(of: (epoch: number) => Value): (epoch: number) => Value {
  const known = new Map<number, Value>();
  return (epoch) => {
    let value = known.get(epoch);
    if (value === undefined) known.set(epoch, (value = of(epoch)));
    return value;
  };
}
