import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { Follower } from "../../src/watch/follow.js";
import { type BlockSource, initStore, openWatch, verifyStore, watchHealth } from "../../src/watch/index.js";
import { Scanner } from "../../src/watch/scanner.js";
import { settingsOf } from "../../src/watch/settings.js";
import { openReader, openWriter } from "../../src/watch/store/open.js";
import { ChainStore } from "../../src/watch/store/store.js";
import { failure } from "../support/errors.js";
import { randomOf } from "../support/runs.js";
import { newHome } from "../support/signer.js";
import { SimulatedBitcoin } from "../support/simulated-bitcoin.js";
import { PHASE1, type Play, play } from "../support/simulated-stakes.js";

let cast: Play;
beforeAll(async () => {
  cast = await play();
});
const moveOf = (name: string) => cast.moves.find((each) => each.name === name)!.transaction;

/** A store that follows a simulated chain step by step. */
class World {
  readonly bitcoin = new SimulatedBitcoin();
  readonly path = `${newHome().path}/watch.db`;
  readonly asked = { tip: 0, block: 0, all: 0 };
  chain!: ChainStore;
  scanner!: Scanner;

  constructor() {
    this.bitcoin.beforeRequest = (request) => {
      this.asked.all++;
      if (request === "tip" || request === "block") this.asked[request]++;
    };
    initStore(this.path, { network: "regtest", first: 0, phase1: PHASE1 });
    this.open();
    onTestFinished(() => this.close());
  }

  open(path = this.path): void {
    this.chain = new ChainStore(openWriter(path));
    this.scanner = new Scanner(this.chain, settingsOf(this.chain));
  }

  close(): void {
    this.chain.close();
  }

  async sync(source: BlockSource = this.bitcoin.source()): Promise<void> {
    const follower = new Follower(this.scanner, source);
    await follower.check();
    while (!(await follower.step()).done) {
      // The next plan.
    }
  }

  state(actor: number): string | undefined {
    return this.scanner.stakes.stake(cast.actors[actor]!.outpoint)?.life.state;
  }
}

/** The store's chain is the node's. */
function expectOneChain({ chain, bitcoin }: World): void {
  const hashes = chain.blocksAbove(-1).map(({ hash }) => hash);
  expect(hashes).toEqual(bitcoin.chain().map(({ hash }) => hash));
}

// WATCH.md, "How others fail": what concerns blocks and the store. A failed fetch is in store.test.ts, checkpoints are in
// checkpoints.test.ts, evidence and duties in tower/.
describe("how others fail", () => {
  it("a deep reorganisation is no panic: 700 blocks leave in one transaction", async () => {
    const world = new World();
    const { bitcoin } = world;
    world.scanner.add([cast.delegations[0]!]);
    const fork = bitcoin.mine();
    bitcoin.mine([moveOf("a staking")]);
    bitcoin.mine([moveOf("a unbonding")]);
    for (let i = 0; i < 698; i++) bitcoin.mine();
    await world.sync();
    expect(world.state(0)).toBe("unbonding");
    bitcoin.mine([], fork);
    bitcoin.mine([moveOf("a staking")]);
    for (let i = 0; i < 700; i++) bitcoin.mine();
    await world.sync();
    expectOneChain(world);
    expect(world.state(0)).toBe("active");
    world.close();
    expect(await verifyStore(world.path, bitcoin.source())).toMatchObject({ differences: [], blocks: 704 });
    world.open();
  });

  it.each([
    ["the same height", 3],
    ["a lower height", 1],
  ])("a reorganisation to %s is followed at once, before it grows", async (_, blocks) => {
    const world = new World();
    const { bitcoin } = world;
    world.scanner.add([cast.delegations[0]!]);
    const fork = bitcoin.mine();
    for (const move of ["a staking", "a unbonding", "a unbonding withdrawal"]) bitcoin.mine([moveOf(move)]);
    await world.sync();
    expect(world.state(0)).toBe("withdrawn");
    bitcoin.mine([moveOf("a staking")], fork);
    for (let i = 1; i < blocks; i++) bitcoin.mine();
    await world.sync();
    expect(world.chain.tip()).toMatchObject({ hash: bitcoin.tip.hash, height: fork.height + blocks });
    expect(world.state(0)).toBe("active");
  });

  it("a restart does not rescan from the start: it asks for no block that the store has", async () => {
    const world = new World();
    for (let i = 0; i < 50; i++) world.bitcoin.mine(i === 20 ? [moveOf("x staking")] : []);
    await world.sync();
    world.close();
    world.asked.block = 0;
    world.open();
    await world.sync();
    expect(world.asked.block).toBe(0);
    world.bitcoin.mine();
    await world.sync();
    expect(world.asked.block).toBe(1);
  });

  it("a kill during a commit means no full resync: the block before is the cursor, whatever was written", async () => {
    const world = new World();
    const { bitcoin, path } = world;
    world.scanner.add(cast.delegations);
    for (let i = 1; i < 20; i++) bitcoin.mine(i === 9 ? [moveOf("a staking")] : []);
    await world.sync();
    copyFileSync(path, `${path}.before`);
    const before = readFileSync(`${path}-wal`);
    bitcoin.mine([moveOf("a unbonding"), moveOf("x staking")]);
    await world.sync();
    const after = readFileSync(`${path}-wal`);
    expect(after.length).toBeGreaterThan(before.length);
    expect(after.subarray(0, before.length).equals(before)).toBe(true);
    world.close();
    const random = randomOf("kill during a commit");
    const cuts = Array.from({ length: 12 }, () => before.length + random.below(after.length - before.length));
    for (const cut of [before.length, ...cuts, after.length]) {
      const copy = `${path}.${cut}`;
      copyFileSync(`${path}.before`, copy);
      writeFileSync(`${copy}-wal`, after.subarray(0, cut));
      world.open(copy);
      const isWhole = cut === after.length;
      expect(world.chain.tip()?.height).toBe(isWhole ? 20 : 19);
      expect(world.state(0)).toBe(isWhole ? "unbonding" : "active");
      world.asked.block = 0;
      await world.sync();
      expect(world.asked.block).toBe(isWhole ? 0 : 1);
      expect(world.state(0)).toBe("unbonding");
      expect(world.state(3)).toBe("active");
      world.close();
      expect(existsSync(`${copy}-wal`)).toBe(false);
    }
    world.open();
  });

  it("the chain's link is checked far from the tip too: at every block, and of the store at the start", async () => {
    const world = new World();
    const { bitcoin } = world;
    await world.sync();
    for (let i = 0; i < 400; i++) bitcoin.mine();
    const stranger = new SimulatedBitcoin();
    stranger.mine([moveOf("x staking")]);
    const other = stranger.mine();
    const source = bitcoin.source();
    const at = bitcoin.at(7);
    // Whole headers, each with its work, one of which follows upon another block.
    const broken: BlockSource = {
      ...source,
      headersAfter: async (hash, count) =>
        (await source.headersAfter!(hash, count)).map((header, i) =>
          i === 6 ? other.bytes.slice(0, 80) : header,
        ),
    };
    await failure(world.sync(broken), "broken-link");
    expect(world.chain.tip()?.height).toBe(0);
    const swapped: BlockSource = {
      ...source,
      block: async (hash) => (hash === at.hash ? other.bytes : source.block(hash)),
    };
    await failure(world.sync(swapped), "invalid-block");
    // One transaction of many blocks: the false one leaves no trace of them.
    expect(world.chain.tip()?.height).toBe(0);
    await world.sync();
    world.chain.sql.run("UPDATE block SET previous = ? WHERE height = 5", new Uint8Array(32));
    const error = await failure(world.sync(), "broken-link");
    expect(error.message).toContain("the store's block 5 does not follow upon its block 4");
  });

  it("a stale tip raises an alarm while everything else looks normal, and the watch is not healthy", async () => {
    const { bitcoin, path } = new World();
    let now = Date.now();
    const health = watchHealth({ clock: () => now, staleAfter: 7_200 });
    const own = `${path}.own`;
    const watch = await openWatch({
      source: bitcoin.source(),
      store: own,
      init: { network: "regtest", first: 0, phase1: null },
      monitors: [health],
      onProgress: (at, tip) => health.progress(at, tip),
    });
    await watch.caughtUp();
    await health.check();
    const open = () => {
      const { sql, close } = openReader(own);
      const kinds = sql.all<{ kind: string }>("SELECT kind FROM alarm WHERE cleared IS NULL");
      close();
      return kinds.map(({ kind }) => kind);
    };
    expect(open()).toEqual([]);
    now += 7_201_000;
    await health.check();
    expect(open()).toEqual(["stale-tip"]);
    expect(health.state()).toMatchObject({ healthy: false, status: "stale-tip", lag: 0 });
    health.close();
    await watch.close();
  });

  it("a block costs no request for each delegation: three cost as many as none", async () => {
    const requests = async (delegations: number) => {
      const world = new World();
      world.scanner.add(cast.delegations.slice(0, delegations));
      await world.sync();
      world.bitcoin.mine([moveOf("a staking"), moveOf("b staking")]);
      await world.sync();
      world.asked.all = 0;
      const moves = ["c staking", "b unbonding", "c unbonding", "b unbonding slashing"];
      for (const move of moves) {
        world.bitcoin.mine([moveOf(move)]);
        await world.sync();
      }
      const { all } = world.asked;
      if (delegations === 3)
        expect([0, 1, 2].map((i) => world.state(i))).toEqual(["expanded", "slashed", "unbonding"]);
      return all;
    };
    expect(await requests(3)).toBe(await requests(0));
  });
});

describe("a node that builds its chain again", () => {
  it("is no reorganisation: the store stays until the node has another chain, or its own again", async () => {
    const world = new World();
    const { bitcoin } = world;
    world.scanner.add([cast.delegations[0]!]);
    bitcoin.mine([moveOf("a staking")]);
    for (let i = 0; i < 10; i++) bitcoin.mine();
    const { tip } = bitcoin;
    await world.sync();
    let isBehind = true;
    const node: BlockSource = { ...bitcoin.source(), isBehind: async () => isBehind };
    for (const height of [0, 5]) {
      bitcoin.moveTo(bitcoin.at(height, tip));
      const error = await failure(world.sync(node), "block-unavailable");
      expect(error.message).toContain(`cannot serve height 11: it has not caught up`);
      expect(error.message).toContain(`its newest block is ${height}`);
      expect(world.chain.tip()?.hash).toBe(tip.hash);
      expect(world.state(0)).toBe("active");
    }
    bitcoin.moveTo(tip);
    await world.sync(node);
    expect(world.chain.undoneSince(0, 10)).toEqual([]);
    // A branch of its own is one, and of a node that has caught up so is a lower tip.
    bitcoin.mine([], bitcoin.at(9));
    await world.sync(node);
    expectOneChain(world);
    isBehind = false;
    bitcoin.moveTo(bitcoin.at(0));
    await world.sync(node);
    expectOneChain(world);
    expect(world.state(0)).toBe("pending");
  });
});

/** Each block of it stands for as much work as 128 blocks of the easiest target. */
const HARD_BITS = 0x2000_ffff;

// bitcoind has one target on regtest, so that fewer blocks never have more work there: here, a source in memory has
// blocks of two targets, each with its real proof of work.
describe("a reorganisation to fewer blocks with more work", () => {
  it("is followed, and back to more blocks when they have more work again", async () => {
    const world = new World();
    const { bitcoin } = world;
    world.scanner.add([cast.delegations[0]!]);
    const fork = bitcoin.mine();
    for (const move of ["a staking", "a unbonding"]) bitcoin.mine([moveOf(move)]);
    for (let i = 0; i < 20; i++) bitcoin.mine();
    const long = bitcoin.tip;
    await world.sync();
    bitcoin.mine([moveOf("a staking")], fork, { bits: HARD_BITS });
    bitcoin.mine([moveOf("a slashing")], bitcoin.tip, { bits: HARD_BITS });
    await world.sync();
    expect(world.chain.tip()?.height).toBe(fork.height + 2);
    expectOneChain(world);
    expect(world.state(0)).toBe("slashed");
    bitcoin.mine([], long, { bits: HARD_BITS });
    bitcoin.mine([], bitcoin.tip, { bits: HARD_BITS });
    await world.sync();
    expectOneChain(world);
    expect(world.state(0)).toBe("unbonding");
  });
});
