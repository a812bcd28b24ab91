import type { BlockHeader } from "../bitcoin/header.js";
import { TapstakeError } from "../core/errors.js";
import {
  type BlockFacts,
  type DifficultyRules,
  isAboveFloor,
  requiredBits,
  retargetsFrom,
  timeFault,
  totalWork,
} from "./difficulty.js";
import { hashText } from "./outpoint.js";
import type { ChainStore } from "./store/store.js";

/** Headers upon a block of a store, as a server gave them. Each follows upon the one before. */
export interface Branch {
  /** The height of the first header. */
  readonly from: number;
  /** The lowest first. */
  readonly headers: readonly BlockHeader[];
}

/** What a branch is judged by. */
export interface BranchJudge {
  readonly rules: DifficultyRules;
  readonly chain: ChainStore;
  /** The server, for messages. */
  readonly name: string;
  /** The header at a height below the store's first block; null where the server has none. */
  headerAt(height: number): Promise<BlockHeader | null>;
}

/**
 * That each header of a branch has the target and a time by the network's rules. What depends on blocks below the store's
 * first one is not checked, but for the target of a period that began there.
 * @throws TapstakeError `invalid-block` with the `reason`: `target`, `time`
 */
export async function checkBranch({ from, headers }: Branch, judge: BranchJudge): Promise<void> {
  const { rules, chain } = judge;
  const below = new Map<number, BlockFacts>();
  const at = (height: number): BlockFacts | null =>
    height >= from ? (headers[height - from] ?? null) : (chain.blockAt(height) ?? below.get(height) ?? null);
  const now = Math.floor(Date.now() / 1000);
  for (const [i, header] of headers.entries()) {
    const height = from + i;
    const first = retargetsFrom(rules, height);
    if (first !== null && !at(first) && !rules.hasSlowBlocks) {
      const found = await firstOfPeriod(first, at(height - 1), judge);
      if (found) below.set(first, found);
    }
    const required = requiredBits(rules, height, header.time, at);
    if (required !== undefined && header.bits !== required) {
      const text = `the target ${compact(header.bits)}, and the network asks for ${compact(required)} at height ${height}`;
      throw lie(judge.name, header, "target", text);
    }
    const fault = timeFault(rules, height, header.time, at, now);
    if (fault) throw lie(judge.name, header, "time", fault);
  }
}

/**
 * That a first block, which the store will build upon, is believable.
 * @throws TapstakeError `invalid-block` with the `reason` `target`
 */
export function checkAnchor(header: BlockHeader, height: number, rules: DifficultyRules, name: string): void {
  if (isAboveFloor(rules, height, header)) return;
  const text = `the target ${compact(header.bits)}, which is far too easy for height ${height}`;
  throw lie(name, header, "target", text);
}

/** Whether a branch stands for more work than the blocks of the store that it would replace. */
export const hasMoreWork = ({ from, headers }: Branch, chain: ChainStore): boolean =>
  totalWork(headers) > totalWork(chain.blocksAbove(from - 1));

/**
 * The first block of a period that began below the store. Its height is what the server says; but only a block of that
 * period has its target, and each later one would make the next target harder.
 */
async function firstOfPeriod(height: number, last: BlockFacts | null, judge: BranchJudge) {
  const header = await judge.headerAt(height);
  if (!header || !last || header.bits === last.bits) return header;
  const text = `the target ${compact(header.bits)} at height ${height}, and its period ends with ${compact(last.bits)}`;
  throw lie(judge.name, header, "target", text);
}

const compact = (bits: number): string => bits.toString(16).padStart(8, "0");

function lie(source: string, { hash }: BlockHeader, reason: string, what: string): TapstakeError {
  const text = `${source} gave a false block ${hashText(hash)}: it has ${what}`;
  return new TapstakeError("invalid-block", text, { source, hash: hashText(hash), reason });
}
