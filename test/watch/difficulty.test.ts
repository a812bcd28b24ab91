import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hasWork, parseHeader } from "../../src/bitcoin/header.js";
import { hex } from "../../src/core/bytes.js";
import { checkAnchor } from "../../src/watch/branch.js";
import {
  type BlockFacts,
  difficultyRules,
  type DifficultyRules,
  requiredBits,
  timeFault,
  totalWork,
} from "../../src/watch/difficulty.js";
import { Follower } from "../../src/watch/follow.js";
import { type BlockSource, initStore } from "../../src/watch/index.js";
import { Scanner } from "../../src/watch/scanner.js";
import { settingsOf } from "../../src/watch/settings.js";
import { openWriter } from "../../src/watch/store/open.js";
import { ChainStore } from "../../src/watch/store/store.js";
import { failure } from "../support/errors.js";
import { refusal } from "../support/refusal.js";
import { runs, seed } from "../support/runs.js";
import { newHome } from "../support/signer.js";
import { SimulatedBitcoin, type SimulatedBlock } from "../support/simulated-bitcoin.js";

const MAINNET = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";
const TESTNET3 = "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943";
const TESTNET4 = "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043";
const REGTEST = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206";
const rulesOf = (genesis: string) => difficultyRules(genesis)!;

const chainOf = (blocks: Readonly<Record<number, BlockFacts>>) => (height: number) => blocks[height] ?? null;

describe("the target of the next block", () => {
  it.each([
    ["of mainnet's first change, at 32,256", 32_255, 1_261_130_161, 1_262_152_739, 0x1d00_ffff, 0x1d00_d86a],
    ["that would be easier than the limit", 2_015, 1_231_006_505, 1_233_061_996, 0x1d00_ffff, 0x1d00_ffff],
    ["after a period of less than a quarter", 68_543, 1_279_008_237, 1_279_297_671, 0x1c05_a3f4, 0x1c01_68fd],
    [
      "after a period of more than four times",
      46_367,
      1_263_163_443,
      1_269_211_443,
      0x1c38_7f6f,
      0x1d00_e1fd,
    ],
  ])("%s is bitcoind's", (_, last, first, time, bits, expected) => {
    const at = chainOf({ [last]: { time, bits }, [last - 2015]: { time: first, bits } });
    expect(requiredBits(rulesOf(MAINNET), last + 1, time + 600, at)).toBe(expected);
    expect(requiredBits(rulesOf(MAINNET), last + 1, time + 600, chainOf({ [last]: { time, bits } }))).toBe(
      undefined,
    );
  });

  it("within a period is that of the block before, and on regtest always", () => {
    const at = chainOf({ 100: { time: 1, bits: 0x1c05_a3f4 }, 2015: { time: 1, bits: 0x207f_ffff } });
    expect(requiredBits(rulesOf(MAINNET), 101, 1_000_000, at)).toBe(0x1c05_a3f4);
    expect(requiredBits(rulesOf(REGTEST), 2016, 1_000_000, at)).toBe(0x207f_ffff);
  });

  it("on a testnet is the easiest after twenty minutes, and then again that of the period", () => {
    const at = chainOf({
      4031: { time: 0, bits: 0x1d00_ffff },
      4032: { time: 0, bits: 0x1c05_a3f4 },
      4033: { time: 600, bits: 0x1c05_a3f4 },
      4034: { time: 2_000, bits: 0x1d00_ffff },
    });
    for (const genesis of [TESTNET3, TESTNET4]) {
      const rules = rulesOf(genesis);
      expect(requiredBits(rules, 4034, 1_801, at)).toBe(0x1d00_ffff);
      expect(requiredBits(rules, 4034, 1_800, at)).toBe(0x1c05_a3f4);
      expect(requiredBits(rules, 4035, 2_600, at)).toBe(0x1c05_a3f4);
      // The period's first block may be an easy one: the look back ends there.
      expect(requiredBits(rules, 4032 + 2, 600, chainOf({ 4033: { time: 0, bits: 0x1d00_ffff } }))).toBe(
        undefined,
      );
    }
  });

  it("on testnet4 follows from the period's first block, on testnet3 from its last", () => {
    const at = chainOf({
      2016: { time: 0, bits: 0x1c05_a3f4 },
      4031: { time: 1_209_600, bits: 0x1d00_ffff },
    });
    expect(requiredBits(rulesOf(TESTNET4), 4032, 0, at)).toBe(0x1c05_a3f4);
    expect(requiredBits(rulesOf(TESTNET3), 4032, 0, at)).toBe(0x1d00_ffff);
  });
});

describe("the time of a block", () => {
  const times = Object.fromEntries(
    Array.from({ length: 30 }, (_, i) => [i, { time: 1_000 + i, bits: 0x207f_ffff }]),
  );

  it("is later than the median of eleven blocks, and not in the future", () => {
    const fault = (time: number, now = 10_000) => timeFault(rulesOf(REGTEST), 20, time, chainOf(times), now);
    expect(fault(1_014)).toMatch(/median/);
    expect(fault(1_015)).toBeNull();
    expect(fault(17_200)).toBeNull();
    expect(fault(17_201)).toMatch(/future/);
  });

  it("on testnet4 does not begin a period before the end of the one before it", () => {
    const at = chainOf({ 2015: { time: 5_000, bits: 0x1d00_ffff } });
    expect(timeFault(rulesOf(TESTNET4), 2016, 4_399, at, 10_000)).toMatch(/end of the period/);
    expect(timeFault(rulesOf(TESTNET4), 2016, 4_400, at, 10_000)).toBeNull();
    expect(timeFault(rulesOf(TESTNET3), 2016, 4_399, at, 10_000)).toBeNull();
  });
});

it("the work of fewer blocks can be more: a block of half the target counts twice", () => {
  const easy = { time: 0, bits: 0x1d00_ffff };
  const hard = { time: 0, bits: 0x1c00_ffff };
  expect(totalWork([hard])).toBeGreaterThan(totalWork(Array.from({ length: 255 }, () => easy)));
  expect(totalWork([hard])).toBeLessThan(totalWork(Array.from({ length: 257 }, () => easy)));
});

it("a first block far easier than mainnet's is refused, where no block before it is known", () => {
  // Block 840,000 of mainnet, and the first block of all: with its work, and far too easy for that height.
  const easy = parseHeader(
    hex.decode(
      `01000000${"00".repeat(32)}3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c`,
    ),
  );
  expect(hasWork(easy)).toBe(true);
  const check = (bits: number, height: number) =>
    checkAnchor({ ...easy, bits }, height, rulesOf(MAINNET), "server");
  refusal("invalid-block", () => check(easy.bits, 857_909));
  expect(() => check(0x1703_4219, 857_909)).not.toThrow();
  expect(() => check(easy.bits, 100_000)).not.toThrow();
});

/** Three halvings or doublings a period, so that a chain of few blocks has several targets. */
const SHORT: DifficultyRules = {
  limit: 0x207f_ffff,
  period: { blocks: 8, seconds: 8 * 600 },
  hasSlowBlocks: false,
  isBip94: false,
  floor: null,
};

describe("a server that is not one's own node", () => {
  let bitcoin: SimulatedBitcoin;
  let chain: ChainStore | undefined;
  let scanner: Scanner;
  beforeEach(() => {
    bitcoin = new SimulatedBitcoin();
    bitcoin.hasHeaders = false;
    open(0);
  });

  afterEach(close);

  function close(): void {
    chain?.close();
    chain = undefined;
  }

  function open(first: number): void {
    close();
    const path = `${newHome().path}/watch.db`;
    initStore(path, { network: "regtest", first, phase1: null });
    chain = new ChainStore(openWriter(path));
    scanner = new Scanner(chain, settingsOf(chain));
  }

  const source = (): BlockSource => ({ ...bitcoin.source(), difficulty: async () => SHORT });

  async function sync(from: BlockSource = source()): Promise<void> {
    const follower = new Follower(scanner, from);
    while (!(await follower.step()).done) {
      // The next plan.
    }
  }

  /** Mines by the rules, each block so many seconds after the one before. */
  function mine(count: number, seconds = 600, upon: SimulatedBlock = bitcoin.tip): SimulatedBlock {
    let tip = upon;
    for (let i = 0; i < count; i++) {
      const at = (height: number) =>
        height < 0 ? null : parseHeader(bitcoin.at(height, tip).bytes.slice(0, 80));
      const time = at(tip.height)!.time + seconds;
      tip = bitcoin.mine([], tip, { bits: requiredBits(SHORT, tip.height + 1, time, at)!, time });
    }
    return tip;
  }

  const heightAndHash = () => ({ height: chain!.tip()?.height, hash: chain!.tip()?.hash });
  const isAt = (block: SimulatedBlock) => ({ height: block.height, hash: block.hash });

  it("is followed over changes of the target, up and down", async () => {
    mine(20, 300);
    mine(20, 1_200);
    await sync();
    expect(heightAndHash()).toEqual(isAt(bitcoin.tip));
    const targets = new Set(chain!.blocksAbove(0).map(({ bits }) => bits));
    expect(targets.size).toBeGreaterThan(2);
  });

  it.each([
    ["an easier target within a period", 12],
    ["an easier target at the change of a period", 16],
  ])("with %s is refused, though each block has the work that it states", async (_, height) => {
    const tip = mine(height - 1, 300);
    await sync();
    const lie = bitcoin.mine([], tip, {
      bits: SHORT.limit,
      time: parseHeader(tip.bytes.slice(0, 80)).time + 300,
    });
    mine(3, 300, lie);
    const error = await failure(sync(), "invalid-block");
    expect(error.details).toMatchObject({ reason: "target", hash: lie.hash });
    expect(heightAndHash()).toEqual(isAt(tip));
  });

  it("with a block from the future, which makes the next target easier, is refused", async () => {
    const tip = mine(12);
    await sync();
    const late = Math.floor(Date.now() / 1000) + 10_000;
    const { bits } = parseHeader(tip.bytes.slice(0, 80));
    bitcoin.mine([], tip, { bits, time: late });
    const error = await failure(sync(), "invalid-block");
    expect(error.details).toMatchObject({ reason: "time" });
  });

  it("is not followed to a branch with as much work or less, until that has more", async () => {
    const fork = mine(3);
    const own = mine(2);
    await sync();
    for (const count of [1, 1]) {
      mine(count, 600, bitcoin.tip === own ? fork : bitcoin.tip);
      await sync();
      expect(heightAndHash()).toEqual(isAt(own));
    }
    const more = mine(1);
    await sync();
    expect(heightAndHash()).toEqual(isAt(more));
  });

  it("is followed to fewer blocks with more work, and not to more blocks with less", async () => {
    const fork = mine(9);
    // Quick blocks make the next targets a quarter: those few blocks stand for more.
    const slow = mine(14, 600, fork);
    await sync();
    expect(heightAndHash()).toEqual(isAt(slow));
    const quick = mine(12, 100, fork);
    expect(quick.height).toBeLessThan(slow.height);
    await sync();
    expect(heightAndHash()).toEqual(isAt(quick));
    bitcoin.moveTo(slow);
    await sync();
    expect(heightAndHash()).toEqual(isAt(quick));
  });

  it("after any schedule of branches leaves the store at the chain with the most work, the first one seen", async () => {
    const move = fc.record({
      upon: fc.nat(1_000),
      count: fc.integer({ min: 1, max: 10 }),
      seconds: fc.constantFrom(150, 600, 1_200),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(move, { minLength: 3, maxLength: 10 }), async (moves) => {
        bitcoin = new SimulatedBitcoin();
        bitcoin.hasHeaders = false;
        open(0);
        let best = bitcoin.tip;
        const workOf = (block: SimulatedBlock): bigint =>
          totalWork(bitcoin.chain(block).map(({ bytes }) => parseHeader(bytes.slice(0, 80))));
        for (const { upon, count, seconds } of moves) {
          const all = [...bitcoin.blocks.values()];
          const tip = mine(count, seconds, all[upon % all.length]);
          await sync();
          if (workOf(tip) > workOf(best)) best = tip;
          expect(heightAndHash()).toEqual(isAt(best));
        }
        expect(chain!.blocksAbove(-1).map(({ hash }) => hash)).toEqual(
          bitcoin.chain(best).map(({ hash }) => hash),
        );
      }),
      { numRuns: runs(400), seed: seed() },
    );
  });

  it("with another block 0, or below the store's first block, changes nothing", async () => {
    const stranger = new SimulatedBitcoin();
    const other = stranger.mine([], { ...stranger.tip, hash: "00".repeat(32), height: -1 });
    stranger.mine([], other);
    const genesis = bitcoin.tip.hash;
    const lying = { ...stranger.source(), hashAt: async () => genesis, difficulty: async () => SHORT };
    await failure(sync(lying), "broken-link");
    expect(chain!.tip()).toBeNull();

    open(6);
    const tip = mine(10);
    await sync();
    mine(20, 600, bitcoin.at(2));
    await failure(sync(), "broken-link");
    expect(heightAndHash()).toEqual(isAt(tip));
  });

  it("is checked at the first change of the target above the store's first block, by a block that has the target before", async () => {
    const tip = mine(15, 300);
    open(12);
    await sync();
    mine(2, 300);
    await sync();
    expect(heightAndHash()).toEqual(isAt(bitcoin.tip));

    open(12);
    bitcoin.moveTo(tip);
    await sync();
    const lie = bitcoin.mine([], tip, {
      bits: SHORT.limit,
      time: parseHeader(tip.bytes.slice(0, 80)).time + 300,
    });
    await failure(sync(), "invalid-block");
    // A false first block of the period cannot make it easier: it has not the period's target.
    const honest = source();
    const lying = {
      ...honest,
      hashAt: async (height: number) => (height === 8 ? bitcoin.at(0).hash : honest.hashAt(height)),
    };
    const error = await failure(sync(lying), "invalid-block");
    expect(error.message).toContain("at height 8");
    expect(lie.height).toBe(16);
  });
});
