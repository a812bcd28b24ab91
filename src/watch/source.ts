import type { Outpoint } from "../bitcoin/transaction.js";
import type { ChainTip } from "../chain/access.js";
import type { DifficultyRules } from "./difficulty.js";

/**
 * Where the blocks of Bitcoin come from. Hashes are as people write them. What a source says of heights is a hint: the
 * scanner follows each block's own hash of the block before, and checks every link.
 *
 * Everything throws `node-unreachable` and `node-error`, after which the watch asks again; `block-unavailable` is of a block
 * that the source lacks. An error that is no TapstakeError ends the watch.
 */
export interface BlockSource {
  /** The source's address or folder, without credentials. */
  readonly name: string;
  /** The newest block of the source's best chain. */
  tip(): Promise<ChainTip>;
  /**
   * The 80 bytes of a block's header, of a block outside the best chain too.
   * @throws TapstakeError `block-unavailable`
   */
  header(hash: string): Promise<Uint8Array>;
  /** The hash of the block of the best chain at a height; null above the tip. */
  hashAt(height: number): Promise<string | null>;
  /**
   * The whole serialised block, of a block outside the best chain too.
   * @throws TapstakeError `block-unavailable`
   */
  block(hash: string): Promise<Uint8Array>;
  /**
   * Gives back the memory of a block that came from {@link BlockSource.block} and is read no longer. The source may
   * write the next blocks into it.
   */
  release?(block: Uint8Array): void;
  /**
   * Returns once the tip is another block than `known`, or the signal aborts. It may return earlier, with the same tip.
   */
  waitForTip(known: string, signal: AbortSignal): Promise<ChainTip>;

  /**
   * The headers that follow a block in the best chain, at most `count`, the next one first. Empty where the block is the
   * tip or outside the best chain. A source without it is asked for one header after the other.
   */
  headersAfter?(hash: string, count: number): Promise<readonly Uint8Array[]>;
  /**
   * Where the transactions with these outputs are mined: for stakes that the scanner learns of late. Null where the
   * source does not know it: it is not mined; or the output is spent, and the source keeps no index of transactions.
   * The answer holds at the tip that comes with it.
   */
  locate?(outpoints: readonly Outpoint[]): Promise<Located>;
  /** Whether an output is mined, and no block spends it. Whatever waits in the mempool does not count. */
  isUnspent?(outpoint: Outpoint): Promise<boolean>;
  /**
   * Of a server that is not one's own node: the rules of its network. The scanner then checks the target and the time of
   * each block by the blocks before it, and leaves a branch only for one with more work. Null where its network is not
   * known.
   */
  difficulty?(): Promise<DifficultyRules | null>;
  /**
   * Whether the source knows that its own tip is not that of its network: a node that starts, or that builds its chain
   * again. A lower tip of such a source is no reorganisation.
   */
  isBehind?(): Promise<boolean>;
  /** The lowest height from which the source has all blocks: above 0 where it has pruned. */
  lowestBlock?(): Promise<number>;
  /** Frees files and connections. */
  close?(): Promise<void>;
}

/** Heights of outputs, in the order of the question. */
export interface Located {
  readonly tip: ChainTip;
  readonly heights: readonly (number | null)[];
}
