import { targetOf, workOf } from "../bitcoin/header.js";

/** How a network chooses the target of the next block. */
export interface DifficultyRules {
  /** The easiest target, in its compact form. */
  readonly limit: number;
  /** Blocks with one target, and the seconds that they shall take; null where the target stays for ever (regtest). */
  readonly period: { readonly blocks: number; readonly seconds: number } | null;
  /** Whether a block that comes after twice the usual time has the easiest target (testnet3, testnet4). */
  readonly hasSlowBlocks: boolean;
  /** BIP-94 (testnet4): a retarget begins from the period's first target, and its first block is not backdated. */
  readonly isBip94: boolean;
  /**
   * A height and a target above which no block of the chain was ever four times as easy for long: what a first block that
   * nothing else holds is checked by.
   */
  readonly floor: { readonly height: number; readonly bits: number } | null;
}

/** Of a block, what the next targets depend on. */
export interface BlockFacts {
  readonly time: number;
  readonly bits: number;
}

const TWO_WEEKS = { blocks: 2016, seconds: 1_209_600 } as const;
const USUAL = { period: TWO_WEEKS, hasSlowBlocks: false, isBip94: false, floor: null } as const;
const TESTNET = { ...USUAL, limit: 0x1d00_ffff, hasSlowBlocks: true } as const;

/** By the hash of block 0. */
const RULES: Readonly<Record<string, DifficultyRules>> = {
  // Of block 840,000 the target; 64 times as easy a one would need the loss of almost all miners.
  "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f": {
    ...USUAL,
    limit: 0x1d00_ffff,
    floor: { height: 840_000, bits: 0x1703_4219 },
  },
  "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943": TESTNET,
  "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043": { ...TESTNET, isBip94: true },
  "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6": { ...USUAL, limit: 0x1e03_77ae },
  "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206": {
    ...USUAL,
    limit: 0x207f_ffff,
    period: null,
  },
};

/** The rules of the network with this block 0; undefined for an unknown one. */
export const difficultyRules = (genesis: string): DifficultyRules | undefined => RULES[genesis];

/**
 * The target that a block must state, in its compact form.
 * @param at the blocks before it, by height; null for one that is not known
 * @returns undefined where it depends on a block that is not known
 */
export function requiredBits(
  rules: DifficultyRules,
  height: number,
  time: number,
  at: (height: number) => BlockFacts | null,
): number | undefined {
  const { limit, period, hasSlowBlocks, isBip94 } = rules;
  const before = at(height - 1);
  if (!before) return undefined;
  if (!period) return before.bits;
  if (height % period.blocks === 0) {
    const first = at(height - period.blocks);
    return first ? retarget(rules, isBip94 ? first.bits : before.bits, before.time - first.time) : undefined;
  }
  if (!hasSlowBlocks) return before.bits;
  if (time > before.time + (2 * period.seconds) / period.blocks) return limit;
  // The target of the period is that of its last block which was not slow.
  for (let each = height - 1; ; each--) {
    const block = at(each);
    if (!block) return undefined;
    if (block.bits !== limit || each % period.blocks === 0) return block.bits;
  }
}

/** The first block of a period whose target another one follows from. */
export const retargetsFrom = ({ period }: DifficultyRules, height: number): number | null =>
  period && height % period.blocks === 0 && height > 0 ? height - period.blocks : null;

function retarget({ limit, period }: DifficultyRules, bits: number, took: number): number {
  const { seconds } = period!;
  const clamped = Math.min(Math.max(took, seconds / 4), seconds * 4);
  const target = (targetOf({ bits }) * BigInt(clamped)) / BigInt(seconds);
  const easiest = targetOf({ bits: limit });
  return bitsOf(target < easiest ? target : easiest);
}

/** The compact form of a target: its length in bytes and its first three bytes, the first of them below 128. */
function bitsOf(target: bigint): number {
  let size = Math.ceil(target.toString(16).length / 2);
  let mantissa = Number(size <= 3 ? target << BigInt(8 * (3 - size)) : target >> BigInt(8 * (size - 3)));
  if ((mantissa & 0x0080_0000) !== 0) {
    mantissa >>>= 8;
    size++;
  }
  return size * 0x0100_0000 + mantissa;
}

/** The work that blocks stand for together. */
export const totalWork = (blocks: readonly BlockFacts[]): bigint =>
  blocks.reduce((sum, block) => sum + workOf(block), 0n);

/** How much easier than the floor a first block may be: three periods, each four times as easy as the one before. */
const BELOW_FLOOR = 64n;

/** Whether a block's target is believable where no block before it is known. */
export function isAboveFloor({ floor }: DifficultyRules, height: number, block: BlockFacts): boolean {
  if (!floor || height < floor.height) return true;
  return targetOf(block) <= BELOW_FLOOR * targetOf(floor);
}

/** How far a clock may be behind another one, in seconds: bitcoind takes no block from later. */
const FUTURE = 7_200;
const MEDIAN_OF = 11;
/** BIP-94: how long before the end of a period the next one may begin, in seconds. */
const BACKDATED = 600;

/** What is wrong with a block's time; null for a right one, and where too few blocks before it are known to say it. */
export function timeFault(
  rules: DifficultyRules,
  height: number,
  time: number,
  at: (height: number) => BlockFacts | null,
  now: number,
): string | null {
  if (time > now + FUTURE) return "a time more than two hours in the future";
  const { isBip94, period } = rules;
  const before = at(height - 1);
  if (isBip94 && before && height % period!.blocks === 0 && time < before.time - BACKDATED) {
    return "a time before the end of the period before it";
  }
  const times: number[] = [];
  for (let each = height - 1; times.length < MEDIAN_OF; each--) {
    const block = at(each);
    if (!block) return null;
    times.push(block.time);
  }
  const median = times.toSorted((a, b) => a - b)[(MEDIAN_OF - 1) / 2]!;
  return time > median ? null : "a time that is not later than the median of the eleven blocks before it";
}
