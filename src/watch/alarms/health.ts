import type { ChainTip } from "../../chain/access.js";
import { hex } from "../../core/bytes.js";
import type { TapstakeError } from "../../core/errors.js";
import type { WatchAlarm } from "./kinds.js";
import type { ConnectedBlock, DisconnectedBlocks, MonitorContext, WatchMonitor } from "../monitor.js";
import { hashText } from "../outpoint.js";
import type { BlockSource } from "../source.js";
import type { WatchedBlock } from "../types.js";

/** From when on a watch is not well. */
export interface HealthOptions {
  /** How many blocks the store may be behind its source: 3 by default. */
  readonly mostLag?: number;
  /** Seconds without a new block until the tip is stale: 7,200 by default. */
  readonly staleAfter?: number;
  /** Seconds for which the source may fail: 600 by default. */
  readonly stuckAfter?: number;
  /** From how many removed blocks on a reorganisation is deep: 6 by default. */
  readonly deep?: number;
  /** A second source, whose blocks are compared with those of the store. */
  readonly compare?: Pick<BlockSource, "name" | "tip" | "hashAt">;
  /** Milliseconds since 1970. */
  readonly clock?: () => number;
}

/** How a watch is. */
export interface HealthState {
  readonly healthy: boolean;
  /** `ok`, or what is wrong: `starting`, `behind`, `stuck`, `stale-tip`. */
  readonly status: "ok" | "starting" | "behind" | "stuck" | "stale-tip";
  readonly height: number | null;
  /** Blocks behind the source, as far as it was seen. */
  readonly lag: number | null;
  /** Seconds since the time in the tip's header. */
  readonly tipAge: number | null;
}

/**
 * A monitor of the watch itself: it raises `stale-tip`, `cursor-stuck`, `deep-reorganisation` and `sources-disagree`.
 * Pass {@link WatchHealth.progress}, {@link WatchHealth.tip} and {@link WatchHealth.trouble} to `openWatch`, and close it
 * before the watch.
 */
export interface WatchHealth extends WatchMonitor {
  progress(at: WatchedBlock, tip: ChainTip): void;
  /** The source's tip: how far the store is behind it is known while its blocks cannot be had, too. */
  tip(tip: ChainTip): void;
  trouble(error: TapstakeError): void;
  state(): HealthState;
  /** Looks at the clock and the second source. It does so by itself every 30 seconds. */
  check(): Promise<void>;
  close(): void;
}

const EVERY = 30_000;
/** A source that fails is asked again sooner than this, in milliseconds: a longer silence means that it answers. */
const QUIET = 120_000;
/** So many blocks after it, a deep reorganisation is history. */
const BURIED = 100;
/** Two nodes may differ for a while at the tip. */
const COMPARED_BELOW_TIP = 2;

/** Makes a monitor of health, for `monitors` of `openWatch`. */
export const watchHealth = (options: HealthOptions = {}): WatchHealth => new Health(options);

class Health implements WatchHealth {
  readonly name = "health";
  readonly #options: Required<Omit<HealthOptions, "compare">> & Pick<HealthOptions, "compare">;
  #context: MonitorContext | null = null;
  #timer: NodeJS.Timeout | undefined;
  #sourceHeight: number | null = null;
  /** Milliseconds since 1970. */
  #lastBlock: number;
  #trouble: { readonly since: number; readonly last: number; readonly code: string } | null = null;

  constructor(options: HealthOptions) {
    this.#options = {
      mostLag: 3,
      staleAfter: 7_200,
      stuckAfter: 600,
      deep: 6,
      clock: Date.now,
      ...options,
    };
    this.#lastBlock = this.#options.clock();
  }

  opened(context: MonitorContext): void {
    this.#context = context;
    this.#timer = setInterval(() => void this.check().catch(() => {}), EVERY).unref();
  }

  connected({ block }: ConnectedBlock): void {
    this.#lastBlock = this.#options.clock();
    this.#clear("stale-tip");
    this.#clear("cursor-stuck");
    this.#clear("deep-reorganisation", block.height - BURIED);
  }

  disconnected({ ancestor, blocks }: DisconnectedBlocks): void {
    const { deep } = this.#options;
    const removed = blocks.at(-1);
    if (!removed || blocks.length < deep) return;
    const facts = { ancestor: ancestor?.hash ?? "", removed: removed.hash, depth: blocks.length };
    const text = `a reorganisation removed ${blocks.length} blocks, the tip ${removed.hash} at height ${removed.height} among them`;
    this.#raise({ kind: "deep-reorganisation", facts, text, height: ancestor?.height ?? 0 });
  }

  progress(_at: WatchedBlock, tip: ChainTip): void {
    this.tip(tip);
    this.#trouble = null;
  }

  tip({ height }: ChainTip): void {
    this.#sourceHeight = height;
  }

  trouble({ code }: TapstakeError): void {
    const at = this.#options.clock();
    const earlier = this.#trouble && at - this.#trouble.last < QUIET ? this.#trouble : { since: at };
    this.#trouble = { since: earlier.since, last: at, code };
  }

  state(): HealthState {
    const { mostLag, staleAfter } = this.#options;
    const tip = this.#context?.tip() ?? null;
    const height = tip?.height ?? null;
    const lag =
      height === null || this.#sourceHeight === null ? null : Math.max(0, this.#sourceHeight - height);
    const tipAge = tip && Math.max(0, Math.floor(this.#options.clock() / 1000) - tip.time);
    const status = this.#isStuck()
      ? "stuck"
      : tip === null
        ? "starting"
        : (lag ?? 0) > mostLag
          ? "behind"
          : (tipAge ?? 0) > staleAfter
            ? "stale-tip"
            : "ok";
    return { healthy: status === "ok", status, height, lag, tipAge };
  }

  async check(): Promise<void> {
    const context = this.#context;
    const tip = context?.tip();
    if (!context || !tip) return;
    const { staleAfter, stuckAfter, clock } = this.#options;
    const age = Math.min(clock() / 1000 - tip.time, (clock() - this.#lastBlock) / 1000);
    if (age > staleAfter) {
      const text = `no block came for more than ${staleAfter} seconds: the newest is ${tip.hash} at height ${tip.height}`;
      context.transaction(() => this.#raise({ kind: "stale-tip", facts: { hash: tip.hash }, text }));
    }
    if (this.#isStuck()) {
      const { code } = this.#trouble!;
      const text = `the watch stays at block ${tip.height}: its source has failed for more than ${stuckAfter} seconds (${code})`;
      const facts = { height: tip.height, code };
      context.transaction(() => this.#raise({ kind: "cursor-stuck", facts, text }));
    }
    await this.#compare(context);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#context = null;
  }

  async #compare(context: MonitorContext): Promise<void> {
    const { compare } = this.#options;
    const tip = context.tip();
    if (!compare || !tip) return;
    const height = Math.min(tip.height, (await compare.tip()).height) - COMPARED_BELOW_TIP;
    const theirs = height >= 0 ? await compare.hashAt(height) : null;
    // The store may have closed, or gone to another chain, meanwhile.
    if (theirs === null || this.#context === null || context.tip()?.hash !== tip.hash) return;
    const hash = context.sql.one<{ hash: Uint8Array }>(
      "SELECT hash FROM block WHERE height = ?",
      height,
    )?.hash;
    const ours = hash && hashText(hash);
    if (ours === undefined) return;
    // They agree on this block, and so on all below.
    if (ours === theirs) return context.transaction(() => this.#clear("sources-disagree", height));
    const facts = { height, ours, theirs };
    const text = `block ${height} is ${ours} here, and ${theirs} at ${compare.name}`;
    context.transaction(() => this.#raise({ kind: "sources-disagree", facts, text, height }));
  }

  #isStuck(): boolean {
    const { stuckAfter, clock } = this.#options;
    if (this.#trouble === null || clock() - this.#trouble.last >= QUIET) return false;
    return (this.#trouble.last - this.#trouble.since) / 1000 >= stuckAfter;
  }

  #raise(alarm: WatchAlarm): void {
    this.#context?.alarm(alarm);
  }

  /** @param height only those that rest upon a block of this height or a lower one */
  #clear(kind: WatchAlarm["kind"], height = Number.MAX_SAFE_INTEGER): void {
    const context = this.#context;
    if (!context) return;
    const open = context.sql.all<{ id: Uint8Array }>(
      "SELECT id FROM alarm WHERE kind = ? AND cleared IS NULL AND ifnull(height, 0) <= ?",
      kind,
      height,
    );
    for (const { id } of open) context.clear(hex.encode(id));
  }
}
