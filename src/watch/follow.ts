import { type BlockHeader, parseHeader } from "../bitcoin/header.js";
import { checkChain, type ChainTip } from "../chain/access.js";
import { TapstakeError } from "../core/errors.js";
import { toOutpoint } from "../bitcoin/transaction.js";
import { type Branch, checkAnchor, checkBranch, hasMoreWork } from "./branch.js";
import type { DifficultyRules } from "./difficulty.js";
import { hashText, outpointBytes } from "./outpoint.js";
import { NO_BLOCK, type Scanner, type WalkedBlock } from "./scanner.js";
import type { BlockSource } from "./source.js";
import type { WatchedBlock } from "./types.js";

/** How many headers are planned at once. */
const PLAN = 2_000;
/** How many blocks are fetched ahead of the one that is walked. */
const AHEAD = 6;
/**
 * A batch of catch-up ends at this many blocks, or at this many bytes of them: few enough that a source works on the next
 * ones meanwhile, and that their memory is used again.
 */
const BATCH = { blocks: 2_000, bytes: 8 * 1024 * 1024 } as const;
/** Links that are checked again at every start. */
const CHECKED_AT_START = 2_000;
const LOCATED_AT_ONCE = 500;

/** Where the store goes next. */
interface Plan {
  /** The common ancestor of the store and the source. */
  readonly ancestor: WatchedBlock | null;
  /** The blocks above it, the lowest first. */
  readonly hashes: string[];
  /** Their headers, where they were had one by one. */
  readonly headers: BlockHeader[];
  /** The first of the blocks, where it is there already. */
  readonly first?: Uint8Array;
}

/** What changed by one step. */
export interface Step {
  /** The tip of the source. */
  readonly tip: ChainTip;
  /** Whether the store has that tip, or a chain with as much work. */
  readonly done: boolean;
}

/** How a {@link Follower} works. */
export interface FollowOptions {
  /** Called after each commit. */
  readonly onProgress?: ((at: WatchedBlock, tip: ChainTip) => void) | undefined;
  /** Called with the source's tip before each step, also where its blocks cannot be had. */
  readonly onTip?: ((tip: ChainTip) => void) | undefined;
  /** A block that is taken for the tip, whatever the source has above it. */
  readonly until?: WatchedBlock;
}

/**
 * Follows a source's best chain by hashes: from its tip back to a block of the store, then forward. It rests on no
 * height: what a source says of heights only chooses where to look first.
 */
export class Follower {
  readonly #scanner: Scanner;
  readonly #source: BlockSource;
  readonly #progress: (at: WatchedBlock, tip: ChainTip) => void;
  readonly #seen: (tip: ChainTip) => void;
  readonly #until: WatchedBlock | undefined;
  /** Of a server that is not one's own; undefined until they were asked for. */
  #rules: DifficultyRules | null | undefined;

  constructor(scanner: Scanner, source: BlockSource, { onProgress, onTip, until }: FollowOptions = {}) {
    this.#scanner = scanner;
    this.#source = source;
    this.#progress = onProgress ?? (() => {});
    this.#seen = onTip ?? (() => {});
    this.#until = until;
  }

  /**
   * What must be true before the first block is asked for.
   * @throws TapstakeError `wrong-network`; `block-unavailable` when the source has pruned blocks that the store needs;
   * `broken-link` when the store's own blocks are not one chain
   */
  async check(): Promise<void> {
    const { chain, settings } = this.#scanner;
    const source = this.#source;
    const genesis = async () => {
      const hash = await source.hashAt(0);
      if (hash === null) throw unavailable(source, "block 0", "it has no block");
      return hash;
    };
    await checkChain({ url: source.name, genesis }, settings.network);
    this.#checkLinks();
    const next = (chain.tip()?.height ?? settings.first - 1) + 1;
    const lowest = (await source.lowestBlock?.()) ?? 0;
    if (lowest > next) {
      const why = `it has pruned blocks below height ${lowest}, and the store needs them from height ${next} on`;
      throw unavailable(source, `height ${next}`, why);
    }
  }

  /**
   * Goes on by one plan of blocks, or by one reorganisation. What the store had before an error, it has after it.
   * @param seen a tip that the source has just given: without it, the source is asked
   * @throws TapstakeError `block-unavailable`, `invalid-block`, `broken-link`, and the codes of sources
   */
  async step(signal?: AbortSignal, seen?: ChainTip): Promise<Step> {
    const { chain, settings } = this.#scanner;
    const tip: ChainTip = this.#until ?? seen ?? (await this.#source.tip());
    this.#seen(tip);
    let cursor = chain.tip();
    if (!cursor && settings.first > 0) {
      if (tip.height < settings.first - 1) return { tip, done: true };
      cursor = await this.#anchor();
    }
    if (cursor?.hash === tip.hash) {
      await this.#locate(tip);
      return { tip, done: true };
    }
    const plan = await this.#checkedPlan(cursor, tip);
    if (!plan) return { tip, done: true };
    if (plan.ancestor?.hash !== cursor?.hash) {
      // Its tip is in the store, and nothing follows upon it: no other chain, where the node builds its own again.
      if (cursor && plan.hashes.length === 0 && (await this.#source.isBehind?.())) {
        const why = `it has not caught up with its network: its newest block is ${tip.height}`;
        throw unavailable(this.#source, `height ${cursor.height}`, why);
      }
      this.#scanner.disconnect(plan.ancestor);
      if (!plan.ancestor && settings.first > 0) return { tip, done: false };
    }
    await this.#forward(plan, tip, signal);
    const now = chain.tip();
    if (now?.hash !== tip.hash) return { tip, done: false };
    await this.#locate(tip);
    return { tip, done: true };
  }

  /** The block before the first, as the source has it. */
  async #anchor(): Promise<WatchedBlock> {
    const height = this.#scanner.settings.first - 1;
    const hash = await this.#source.hashAt(height);
    if (hash === null)
      throw unavailable(this.#source, `height ${height}`, "its best chain has become shorter");
    const header = await this.#header(hash);
    const rules = await this.#difficulty();
    if (rules) checkAnchor(header, height, rules, this.#source.name);
    const { time, bits } = header;
    const block = { height, hash, previous: hashText(header.previous), time, bits, staked: 0n };
    this.#scanner.anchor(block);
    return block;
  }

  /** A plan; null where a server that is not one's own has no chain with more work than the store's. */
  async #checkedPlan(cursor: WatchedBlock | null, tip: ChainTip): Promise<Plan | null> {
    const rules = await this.#difficulty();
    const limit = (cursor?.height ?? this.#scanner.settings.first - 1) + PLAN;
    const plan = await this.#plan(cursor, tip, limit);
    if (!rules) return plan;
    if (await this.#isBetter(plan, cursor, rules)) return plan;
    if (tip.height <= limit) return null;
    // Many easy blocks may come first, and the work after them.
    const whole = await this.#plan(cursor, tip, tip.height);
    return (await this.#isBetter(whole, cursor, rules)) ? whole : null;
  }

  /** @throws TapstakeError `invalid-block`, `broken-link` */
  async #isBetter(plan: Plan, cursor: WatchedBlock | null, rules: DifficultyRules): Promise<boolean> {
    const { chain } = this.#scanner;
    const { name } = this.#source;
    const from = plan.ancestor ? plan.ancestor.height + 1 : 0;
    const branch: Branch = { from, headers: plan.headers };
    if (!plan.ancestor) await this.#checkFirst(plan, cursor);
    const headerAt = async (height: number) => {
      const hash = await this.#source.hashAt(height);
      return hash === null ? null : this.#header(hash);
    };
    await checkBranch(branch, { rules, chain, name, headerAt });
    const isLonger = plan.ancestor?.hash === cursor?.hash || this.#until !== undefined;
    return isLonger || hasMoreWork(branch, chain);
  }

  /** Of a chain without a block of the store: it must begin with the network's first block. */
  async #checkFirst({ hashes }: Plan, cursor: WatchedBlock | null): Promise<void> {
    const { name } = this.#source;
    const [first] = hashes;
    if (first !== undefined && first === (await this.#source.hashAt(0))) return;
    const own = cursor ? `the store's block ${cursor.hash}` : "block 0 of its network";
    const text = `${name} has a chain that does not reach back to ${own}, or to any before it`;
    throw new TapstakeError("broken-link", text, { source: name });
  }

  async #difficulty(): Promise<DifficultyRules | null> {
    return (this.#rules ??= (await this.#source.difficulty?.()) ?? null);
  }

  /** The common ancestor with the source, and what is above it, at most up to a height. */
  async #plan(cursor: WatchedBlock | null, tip: ChainTip, limit: number): Promise<Plan> {
    const { chain, settings } = this.#scanner;
    if (cursor && this.#source.headersAfter && !this.#rules) {
      if (tip.height === cursor.height + 1) {
        // One new block says itself what it follows upon: no header need be asked for.
        const first = await this.#source.block(tip.hash);
        const follows = hashText(first.subarray(4, 36)) === cursor.hash;
        if (follows) return { ancestor: cursor, hashes: [tip.hash], headers: [], first };
      }
      const hashes = this.#upTo(tip, cursor, await this.#headersAfter(cursor));
      if (hashes.length > 0) return { ancestor: cursor, hashes, headers: [] };
    }
    let hash = tip.height > limit ? ((await this.#source.hashAt(limit)) ?? tip.hash) : tip.hash;
    const hashes: string[] = [];
    const headers: BlockHeader[] = [];
    const planned = (ancestor: WatchedBlock | null): Plan => ({
      ancestor,
      hashes: hashes.toReversed(),
      headers: headers.toReversed(),
    });
    for (;;) {
      const known = chain.blockOf(hash);
      if (known) return planned(known);
      if (hash === NO_BLOCK) return planned(null);
      // Below the first block, the chain is of no interest: the store starts again from another anchor.
      const claimed = Math.min(tip.height, limit) - hashes.length;
      if (settings.first > 0 && claimed < settings.first - 1)
        return { ancestor: null, hashes: [], headers: [] };
      const header = await this.#header(hash);
      hashes.push(hash);
      headers.push(header);
      hash = hashText(header.previous);
    }
  }

  /** The hashes up to a tip; none where they pass it by, as the source's best chain is another one by now. */
  #upTo(tip: ChainTip, cursor: WatchedBlock, hashes: string[]): string[] {
    const at = hashes.indexOf(tip.hash);
    if (at !== -1) return hashes.slice(0, at + 1);
    return this.#until && cursor.height + hashes.length >= tip.height ? [] : hashes;
  }

  async #headersAfter(cursor: WatchedBlock): Promise<string[]> {
    let headers: readonly Uint8Array[];
    try {
      headers = await this.#source.headersAfter!(cursor.hash, PLAN);
    } catch (error) {
      // A node that never had the block says so, and others say nothing: both are asked from the tip back.
      if (error instanceof TapstakeError && error.code === "block-unavailable") return [];
      throw error;
    }
    const hashes: string[] = [];
    let previous = cursor.hash;
    for (const bytes of headers) {
      const header = parseHeader(bytes);
      if (hashText(header.previous) !== previous) {
        const text = `${this.#source.name} gave headers that do not follow upon each other after ${previous}`;
        throw new TapstakeError("broken-link", text, { previous });
      }
      previous = hashText(header.hash);
      hashes.push(previous);
    }
    return hashes;
  }

  async #header(hash: string) {
    const header = parseHeader(await this.#source.header(hash));
    if (hashText(header.hash) === hash) return header;
    const text = `${this.#source.name} gave header ${hashText(header.hash)} for block ${hash}`;
    throw new TapstakeError("invalid-block", text, { hash });
  }

  /** Fetches ahead while it walks, and stores in batches; near the tip, each block alone. */
  async #forward({ hashes, first }: Plan, tip: ChainTip, signal?: AbortSignal): Promise<void> {
    const fetched: Promise<Uint8Array>[] = [];
    const ask = (index: number) => {
      const hash = hashes[index];
      if (hash === undefined) return;
      const block = index === 0 && first ? Promise.resolve(first) : this.#source.block(hash);
      // It is awaited later, or never after another one has failed.
      block.catch(() => {});
      fetched.push(block);
    };
    for (let i = 0; i < AHEAD; i++) ask(i);
    let batch: WalkedBlock[] = [];
    let bytes = 0;
    const flush = () => {
      if (batch.length === 0) return;
      const blocks = batch;
      batch = [];
      bytes = 0;
      this.#scanner.connect(blocks, tip.hash);
      for (const block of blocks) this.#source.release?.(block.bytes);
      this.#progress(this.#scanner.chain.tip()!, tip);
    };
    try {
      for (const [i, hash] of hashes.entries()) {
        if (signal?.aborted) break;
        const block = await fetched.shift()!;
        ask(i + AHEAD);
        batch.push({ hash, bytes: block });
        bytes += block.length;
        if (batch.length >= BATCH.blocks || bytes >= BATCH.bytes) flush();
      }
    } finally {
      // The blocks before one that cannot be had are good.
      flush();
    }
  }

  /**
   * Looks for the staking outputs of delegations that were learnt after their block. One block after the other: those of
   * thousands of delegations would not fit into memory.
   */
  async #locate(tip: ChainTip): Promise<void> {
    const { chain } = this.#scanner;
    for (;;) {
      const outpoints = this.#scanner.unlocated(LOCATED_AT_ONCE);
      if (outpoints.length === 0) return;
      const source = this.#source;
      if (!source.locate) return this.#scanner.located(new Map(outpoints.map((each) => [each, null])));
      const answer = await source.locate(outpoints.map(toOutpoint));
      // Another chain by now: the next step asks again.
      if (answer.tip.hash !== tip.hash) return;
      const byHeight = new Map<number | null, string[]>();
      for (const [i, outpoint] of outpoints.entries()) {
        const found = answer.heights[i] ?? null;
        const height = found !== null && (await this.#isGone(outpoint, found)) ? null : found;
        byHeight.set(height, [...(byHeight.get(height) ?? []), outpoint]);
      }
      for (const [height, made] of byHeight) {
        const hash = height === null ? null : (chain.blockAt(height)?.hash ?? (await source.hashAt(height)));
        // A height at which the source has no block says nothing.
        const block =
          height === null || hash === null ? null : { height, bytes: await this.#checkedBlock(hash) };
        this.#scanner.located(new Map(made.map((each) => [each, block])));
        if (block) source.release?.(block.bytes);
      }
    }
  }

  /** Whether an output was made and spent below the store's first block: what became of it, the store cannot know. */
  async #isGone(outpoint: string, height: number): Promise<boolean> {
    const { chain, settings } = this.#scanner;
    if (height >= settings.first || !this.#source.isUnspent || chain.spendOf(outpointBytes(outpoint)))
      return false;
    return !(await this.#source.isUnspent(toOutpoint(outpoint)));
  }

  async #checkedBlock(hash: string): Promise<Uint8Array> {
    const bytes = await this.#source.block(hash);
    if (hashText(parseHeader(bytes.subarray(0, 80)).hash) === hash) return bytes;
    throw new TapstakeError("invalid-block", `${this.#source.name} gave another block for ${hash}`, { hash });
  }

  #checkLinks(): void {
    const { chain } = this.#scanner;
    const tip = chain.tip();
    if (!tip) return;
    let before: WatchedBlock | undefined;
    for (const block of chain.blocksAbove(Math.max(-1, tip.height - CHECKED_AT_START))) {
      if (before && (block.previous !== before.hash || block.height !== before.height + 1)) {
        const text = `the store's block ${block.height} does not follow upon its block ${before.height}`;
        throw new TapstakeError("broken-link", text, { height: block.height });
      }
      before = block;
    }
  }
}

function unavailable(source: BlockSource, what: string, why: string): TapstakeError {
  const text = `${source.name} cannot serve ${what}: ${why}`;
  return new TapstakeError("block-unavailable", text, { source: source.name, reason: why });
}
