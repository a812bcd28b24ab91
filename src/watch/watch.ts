import type { ChainTip } from "../chain/access.js";
import { TapstakeError } from "../core/errors.js";
import type { Network } from "../core/network.js";
import type { Delegation } from "../delegation/delegation.js";
import type { ParamSet } from "../params/types.js";
import { existsSync } from "node:fs";
import { Follower } from "./follow.js";
import { itemsSince } from "./items.js";
import type { KnownDelegation, WatchMonitor } from "./monitor.js";
import { Scanner } from "./scanner.js";
import { publishedPhase1, settingsOf, settingsToMeta, type StoreSettings } from "./settings.js";
import type { BlockSource } from "./source.js";
import { pause } from "./pause.js";
import { createStore, openReader, openWriter } from "./store/open.js";
import { type StakeFilter, StakeStore } from "./store/stakes.js";
import { ChainStore } from "./store/store.js";
import type { StakeView, WatchedBlock, WatchedStake, WatchEvent, WatchItem } from "./types.js";

/** What a new store watches. */
export interface InitOptions {
  readonly network: Network;
  /** The first block to scan: by default that of the first phase-1 parameters, or else 0. */
  readonly first?: number;
  /** The versions of phase 1: by default the published ones of the network; null to look for no phase-1 stakes. */
  readonly phase1?: ParamSet | null;
}

/**
 * Makes the store of a watch.
 * @throws TapstakeError `store-exists`, `store-unwritable`, `invalid-network`, `invalid-number`, `unsupported-params`
 */
export function initStore(path: string, { network, first, phase1 }: InitOptions): StoreSettings {
  const set = phase1 === undefined ? publishedPhase1(network) : phase1;
  const settings = { network, first: first ?? set?.versions[0]?.activationHeight ?? 0, phase1: set };
  createStore(path, settingsToMeta(settings));
  return settings;
}

/** What `openWatch` takes. */
export interface WatchOptions {
  readonly source: BlockSource;
  /** The path of the store. */
  readonly store: string;
  /** Makes the store first, where there is none. */
  readonly init?: InitOptions;
  /** Each adds rows to the scanner's commits. */
  readonly monitors?: readonly WatchMonitor[];
  /** Called after each commit. */
  readonly onProgress?: (at: WatchedBlock, tip: ChainTip) => void;
  /** Called with each tip that the source names, also while its blocks cannot be had. */
  readonly onTip?: (tip: ChainTip) => void;
  /** Called when the source fails: the watch waits and asks again. */
  readonly onTrouble?: (error: TapstakeError) => void;
}

/**
 * A running watch. It follows the source until it is closed, and is its own iterator of what happens since it was
 * opened.
 *
 * Once the watch is closed, iterating gives what is already in the store, and ends. It throws what stopped the watch: a
 * source of another network, a full disk.
 */
export interface Watch extends WatchReader, AsyncIterable<WatchItem> {
  /**
   * What happened after the number `since`, and then what happens: a program that stores `seq` misses nothing. Numbers
   * belong to a store: with a new store, a program begins at 0.
   */
  items(since?: number): AsyncGenerator<WatchItem, void>;
  /** @throws TapstakeError as `Scanner.add` */
  add(delegations: readonly Delegation[]): KnownDelegation[];
  /** Returns when the store has a tip of the source. @throws TapstakeError `cancelled` once the watch is closed; what stopped it */
  caughtUp(): Promise<WatchedBlock>;
  /** Stops, and frees the store; it does not wait for a loop over the items, which still gets the last ones. Again does nothing. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What can be asked of a store. */
export interface WatchReader {
  readonly settings: StoreSettings;
  tip(): WatchedBlock | null;
  stake(outpoint: string): WatchedStake | null;
  stakes(filter?: StakeFilter): WatchedStake[];
  counts(): Partial<Record<StakeView, { readonly stakes: number; readonly value: bigint }>>;
  delegation(outpoint: string): Delegation | null;
  /** The events of a stake that are in the chain, by its outpoints. */
  eventsOf(stake: WatchedStake): WatchEvent[];
  /** At most `limit` items after a number. */
  since(seq: number, limit?: number): WatchItem[];
  /** The last number. */
  seq(): number;
}

/** How long a source that failed is left alone, in milliseconds: longer each time. */
const RETRY = { first: 250, most: 15_000 } as const;

/** Errors that pass by themselves: the node restarts, or has not caught up. */
const PASSING: ReadonlySet<string> = new Set([
  "node-unreachable",
  "node-error",
  "block-unavailable",
  "broken-link",
  "invalid-block",
  "unexpected-answer",
]);

/**
 * Opens a store for writing and follows a source.
 * @throws TapstakeError `store-missing`, `store-invalid`, `store-unwritable`, `watch-running`; with `init` the codes of
 * {@link initStore}
 * @example
 * ```ts
 * const watch = await openWatch({ source: restSource({ url: "http://127.0.0.1:8332" }), store: "watch.db" });
 * for await (const item of watch) if (item.kind === "stake") console.log(item.stake.outpoint, item.stake.view);
 * ```
 */
export async function openWatch(options: WatchOptions): Promise<Watch> {
  const { source, store: path, init, monitors = [], onProgress, onTip, onTrouble } = options;
  if (init && !existsSync(path)) initStore(path, init);
  const chain = new ChainStore(openWriter(path));
  let scanner: Scanner;
  try {
    scanner = new Scanner(chain, settingsOf(chain), monitors);
  } catch (error) {
    chain.close();
    throw error;
  }
  const opened = chain.seq;
  const stop = new AbortController();
  const signals = new Signals();
  const follower = new Follower(scanner, source, {
    onProgress(at, tip) {
      signals.fire();
      onProgress?.(at, tip);
    },
    onTip,
  });
  let failure: unknown;
  const now = { isCaughtUp: false };
  /** Ends the wait for a block: there is something else to do. */
  let wake = new AbortController();
  const running = run().catch((error: unknown) => {
    failure = error;
    stop.abort();
    signals.fire();
  });

  async function run(): Promise<void> {
    let isChecked = false;
    let retry: number = RETRY.first;
    let seen: ChainTip | undefined;
    while (!stop.signal.aborted) {
      try {
        if (!isChecked) await follower.check();
        isChecked = true;
        const at = seen;
        seen = undefined;
        const { tip, done } = await follower.step(stop.signal, at);
        now.isCaughtUp = done && !wake.signal.aborted;
        signals.fire();
        if (done && !wake.signal.aborted) seen = await waitForTip(tip.hash);
        retry = RETRY.first;
        wake = new AbortController();
      } catch (error) {
        if (stop.signal.aborted) return;
        if (!(error instanceof TapstakeError) || !PASSING.has(error.code)) throw error;
        // Before the first block, a source that cannot serve the store at all is named at once.
        if (!isChecked && error.code === "block-unavailable") throw error;
        now.isCaughtUp = false;
        onTrouble?.(error);
        await pause(retry, stop.signal);
        retry = Math.min(2 * retry, RETRY.most);
      }
    }
  }

  async function waitForTip(known: string): Promise<ChainTip | undefined> {
    try {
      return await source.waitForTip(known, AbortSignal.any([stop.signal, wake.signal]));
    } catch (error) {
      if (!wake.signal.aborted) throw error;
      return undefined;
    }
  }

  const reader = readerOf(chain, scanner.stakes, scanner.settings);
  async function* items(since = 0): AsyncGenerator<WatchItem, void> {
    let seq = since;
    while (!stop.signal.aborted) {
      const changed = signals.next();
      const page = reader.since(seq);
      for (const item of page) {
        yield item;
        seq = item.seq;
        if (failure) throw failure;
      }
      if (page.length === 0) await changed;
    }
    if (failure) throw failure;
    await closing?.catch(() => {});
    yield* committedSince(path, seq, last);
  }
  /** The last number when the watch was closed. */
  let last = 0;
  let closing: Promise<void> | undefined;
  const close = () =>
    (closing ??= (async () => {
      stop.abort();
      signals.fire();
      try {
        // What it still waits for ends with it.
        await source.close?.();
      } finally {
        await running;
        last = chain.seq;
        chain.close();
      }
    })());
  return {
    ...reader,
    items,
    add(delegations) {
      const added = scanner.add(delegations);
      // Their earlier blocks are looked for at once, and not at the next block.
      now.isCaughtUp = false;
      wake.abort();
      signals.fire();
      return added;
    },
    async caughtUp() {
      for (;;) {
        if (failure) throw failure;
        if (stop.signal.aborted) throw new TapstakeError("cancelled", "the watch was closed");
        if (now.isCaughtUp) return chain.tip()!;
        await signals.next();
      }
    },
    close,
    [Symbol.asyncIterator]: () => items(opened),
    [Symbol.asyncDispose]: close,
  };
}

/** What a closed watch committed after the number `since`: its own connection is closed, so another one reads it. */
function* committedSince(path: string, since: number, last: number): Generator<WatchItem, void> {
  if (since >= last) return;
  const reader = openStoreReader(path);
  try {
    let seq = since;
    while (seq < last) {
      const page = reader.since(seq).filter((item) => item.seq <= last);
      if (page.length === 0) return;
      yield* page;
      seq = page.at(-1)!.seq;
    }
  } finally {
    reader.close();
  }
}

/**
 * Adds delegations to a store that no process writes to.
 * @throws TapstakeError `store-missing`, `store-invalid`, `store-unwritable`, `watch-running`; as `Watch.add`
 */
export function addToStore(path: string, delegations: readonly Delegation[]): KnownDelegation[] {
  const chain = new ChainStore(openWriter(path));
  try {
    return new Scanner(chain, settingsOf(chain)).add(delegations);
  } finally {
    chain.close();
  }
}

/** A store that is read while another process may write to it. */
export interface OpenReader extends WatchReader {
  close(): void;
}

/** Opens a store to read. @throws TapstakeError `store-missing`, `store-invalid` */
export function openStoreReader(path: string): OpenReader {
  const chain = new ChainStore(openReader(path));
  return { ...readerOf(chain, new StakeStore(chain), settingsOf(chain)), close: () => chain.close() };
}

function readerOf(chain: ChainStore, stakes: StakeStore, settings: StoreSettings): WatchReader {
  return {
    settings,
    tip: () => chain.tip(),
    stake: (outpoint) => stakes.stake(outpoint),
    stakes: (filter) => stakes.list(filter),
    counts: () => stakes.counts(),
    delegation: (outpoint) => chain.delegation(outpoint),
    eventsOf: (stake) => stakes.eventsOf(stake),
    since: (seq, limit) => itemsSince(chain, stakes, seq, limit),
    seq: () => Number(chain.meta("seq")),
  };
}

/** Wakes who waits for the next change. */
class Signals {
  #wake: () => void = () => {};
  #next: Promise<void>;

  constructor() {
    this.#next = this.#arm();
  }

  next(): Promise<void> {
    return this.#next;
  }

  fire(): void {
    const wake = this.#wake;
    this.#next = this.#arm();
    wake();
  }

  #arm(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }
}
