import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import {
  type BlockSource,
  initStore,
  openStoreReader,
  openWatch,
  verifyStore,
  type WatchMonitor,
} from "../../src/watch/index.js";
import { itemsSince } from "../../src/watch/items.js";
import { Scanner } from "../../src/watch/scanner.js";
import { settingsOf } from "../../src/watch/settings.js";
import { openReader, openWriter } from "../../src/watch/store/open.js";
import { StakeStore } from "../../src/watch/store/stakes.js";
import { ChainStore } from "../../src/watch/store/store.js";
import { describeWithDisks, mount, newDisk } from "../support/disks.js";
import { failure } from "../support/errors.js";
import { refusal } from "../support/refusal.js";
import { blockUnavailable } from "../../src/watch/sources/rpc.js";
import { newHome } from "../support/signer.js";
import { SimulatedBitcoin } from "../support/simulated-bitcoin.js";
import { PHASE1, type Play, play } from "../support/simulated-stakes.js";

let cast: Play;
beforeAll(async () => {
  cast = await play();
});
const init = { network: "regtest", phase1: PHASE1, first: 0 } as const;
const newStore = () => `${newHome().path}/watch.db`;
const moveOf = (name: string) => cast.moves.find((each) => each.name === name)!.transaction;

describe("a store", () => {
  it("is never replaced, and is made whole or not at all", () => {
    const path = newStore();
    initStore(path, init);
    refusal("store-exists", () => initStore(path, init));
    refusal("store-unwritable", () => initStore(`${path}/no-folder/watch.db`, init));
  });

  it("that is missing, or something else, is named", () => {
    const path = newStore();
    refusal("store-missing", () => openStoreReader(path));
    writeFileSync(path, "not a database, but long enough to look at".repeat(50));
    refusal("store-invalid", () => openStoreReader(path));
  });

  it("with a damaged page is named, whatever reads it", async () => {
    const path = newStore();
    initStore(path, init);
    const { sql, close } = openReader(path);
    const tables = "SELECT rootpage AS page FROM sqlite_master WHERE name IN ('block', 'event', 'stake')";
    const pages = sql.all<{ page: number }>(tables).map(({ page }) => page);
    close();
    const bytes = readFileSync(path);
    for (const page of pages) bytes.fill(0xab, 4096 * (page - 1), 4096 * page);
    writeFileSync(path, bytes);
    const reader = openStoreReader(path);
    for (const read of [() => reader.tip(), () => reader.counts(), () => reader.since(0)]) {
      const error = refusal("store-invalid", read);
      expect(error.message).toContain(`${path} is not a store of a watch, or is damaged`);
    }
    reader.close();
    await failure(openWatch({ source: new SimulatedBitcoin().source(), store: path }), "store-invalid");
    await failure(verifyStore(path, new SimulatedBitcoin().source()), "store-invalid");
  });

  it("refuses a second writer in this process by the process's name, and serves readers", async () => {
    const bitcoin = new SimulatedBitcoin();
    const path = newStore();
    const watch = await openWatch({ source: bitcoin.source(), store: path, init });
    const error = await failure(openWatch({ source: bitcoin.source(), store: path }), "watch-running");
    expect(error.details["pid"]).toBe(process.pid);
    symlinkSync(path, `${path}.link`);
    refusal("watch-running", () => openWriter(`${path}.link`));
    await watch.caughtUp();
    const reader = openStoreReader(path);
    expect(reader.tip()?.height).toBe(0);
    bitcoin.mine();
    await watch.caughtUp();
    while (watch.tip()?.height !== 1) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(reader.tip()?.height).toBe(1);
    reader.close();
    await watch.close();
    const again = await openWatch({ source: bitcoin.source(), store: path });
    await again.close();
  });

  it("that could not write who its writer is, is open to the next one", () => {
    const path = newStore();
    initStore(path, init);
    mkdirSync(`${path}.writer`);
    expect(() => openWriter(path)).toThrow("EISDIR");
    rmSync(`${path}.writer`, { recursive: true });
    openWriter(path).close();
  });

  it("can be opened by a watch while it is verified", async () => {
    const bitcoin = new SimulatedBitcoin();
    for (let i = 0; i < 3; i++) bitcoin.mine();
    const path = newStore();
    const first = await openWatch({ source: bitcoin.source(), store: path, init });
    await first.caughtUp();
    await first.close();
    let opened = 0;
    const source = bitcoin.source();
    const tried: BlockSource = {
      ...source,
      async block(hash) {
        if (opened++ === 0) openWriter(path).close();
        return source.block(hash);
      },
    };
    expect(await verifyStore(path, tried)).toMatchObject({ differences: [], blocks: 4 });
    expect(opened).toBeGreaterThan(0);
  });

  it("writes a stake's status after its output was seen in a block, not before", async () => {
    const bitcoin = new SimulatedBitcoin();
    const watch = await openWatch({ source: bitcoin.source(), store: newStore(), init });
    watch.add([cast.delegations[0]!]);
    await watch.caughtUp();
    expect(watch.stake(cast.actors[0]!.outpoint)?.view).toBe("pending");
    await watch.close();
  });
});

describe("the items of a watch", () => {
  it("come in the order of their numbers, and go on after any of them", async () => {
    const bitcoin = new SimulatedBitcoin();
    const path = newStore();
    const watch = await openWatch({ source: bitcoin.source(), store: path, init });
    watch.add(cast.delegations);
    for (const name of ["a staking", "b staking", "a unbonding", "b slashing"]) bitcoin.mine([moveOf(name)]);
    const branch = bitcoin.at(2);
    const seen: string[] = [];
    let last = 0;
    for await (const item of watch) {
      expect(item.seq).toBeGreaterThan(last);
      last = item.seq;
      seen.push(item.kind === "stake" ? item.stake.view : item.kind);
      if (seen.includes("slashed") && !seen.includes("undone")) bitcoin.mine([], branch);
      if (seen.includes("undone") && item.kind === "stake" && item.stake.life.state === "active") break;
    }
    expect(seen).toContain("unbonding");
    const all = watch.since(0, 1000).map(({ seq }) => seq);
    const paged: number[] = [];
    for (let seq = 0; ; seq = paged.at(-1)!) {
      const page = watch.since(seq, 3);
      if (page.length === 0) break;
      paged.push(...page.map((each) => each.seq));
    }
    expect(paged).toEqual(all);
    await watch.close();
  });

  it("have no gap where another process writes between two queries", () => {
    const bitcoin = new SimulatedBitcoin();
    const path = newStore();
    initStore(path, init);
    const writer = new ChainStore(openWriter(path));
    const scanner = new Scanner(writer, settingsOf(writer));
    scanner.add(cast.delegations);
    const blocks = [bitcoin.tip, bitcoin.mine([moveOf("a staking")])];
    const connect = () => scanner.connect(blocks.splice(0));
    const reader = new ChainStore(openReader(path));
    const stakes = new StakeStore(reader);
    const since = stakes.since.bind(stakes);
    stakes.since = (...page) => {
      connect();
      return since(...page);
    };
    const seen: number[] = [];
    for (;;) {
      const page = itemsSince(reader, stakes, seen.at(-1) ?? 0);
      if (page.length === 0) break;
      seen.push(...page.map(({ seq }) => seq));
    }
    expect(seen).toEqual(itemsSince(reader, stakes, 0).map(({ seq }) => seq));
    expect(seen).toHaveLength(4);
    reader.close();
    writer.close();
  });

  it("come to their end when the watch is closed as soon as it has caught up", async () => {
    const bitcoin = new SimulatedBitcoin();
    for (const name of ["a staking", "b staking", "a unbonding"]) bitcoin.mine([moveOf(name)]);
    const path = newStore();
    const watch = await openWatch({ source: bitcoin.source(), store: path, init });
    watch.add(cast.delegations);
    const closed = watch.caughtUp().then(() => watch.close());
    const seen: number[] = [];
    for await (const item of watch.items()) {
      seen.push(item.seq);
      if (seen.length === 1) await closed;
    }
    const reader = openStoreReader(path);
    expect(seen).toEqual(expect.arrayContaining(reader.since(0, 1000).map(({ seq }) => seq)));
    expect(seen.at(-1)).toBe(reader.seq());
    expect(seen.length).toBeGreaterThan(3);
    reader.close();
  });

  it("keep no watch from closing when their reader has stopped", async () => {
    const bitcoin = new SimulatedBitcoin();
    const path = newStore();
    const watch = await openWatch({ source: bitcoin.source(), store: path, init });
    watch.add(cast.delegations);
    const items = watch.items();
    await items.next();
    await watch.close();
    const again = await openWatch({ source: bitcoin.source(), store: path });
    await again.close();
    expect((await items.next()).done).toBe(false);
    await items.return();
  });

  it("end with what stopped the watch", async () => {
    const bitcoin = new SimulatedBitcoin();
    const source = { ...bitcoin.source(), hashAt: async () => "00".repeat(32) };
    const watch = await openWatch({ source, store: newStore(), init });
    const iterate = async () => {
      for await (const item of watch) void item;
    };
    const error = await failure(iterate(), "wrong-network");
    expect(await failure(watch.caughtUp(), "wrong-network")).toBe(error);
    await watch.close();
  });
});

describe("delegations that are learnt late", () => {
  it("are looked for in one block after the other, and each block is asked for once", async () => {
    const bitcoin = new SimulatedBitcoin();
    bitcoin.mine([moveOf("a staking"), moveOf("b staking")]);
    bitcoin.mine([moveOf("a unbonding")]);
    const source = bitcoin.source();
    const held = new Set<Uint8Array>();
    let most = 0;
    let asked = 0;
    const watch = await openWatch({
      source: {
        ...source,
        async block(hash) {
          const block = await source.block(hash);
          asked++;
          most = Math.max(most, held.add(block).size);
          return block;
        },
        release: (block) => void held.delete(block),
      },
      store: newStore(),
      init,
    });
    await watch.caughtUp();
    [most, asked] = [0, 0];
    watch.add(cast.delegations);
    await watch.caughtUp();
    expect(
      watch
        .stakes()
        .map(({ view }) => view)
        .toSorted(),
    ).toEqual(["active", "pending", "unbonding"]);
    await watch.close();
    expect({ asked, most, held: held.size }).toEqual({ asked: 1, most: 1, held: 0 });
  });
});

describe("stakes from before the first block of a store", () => {
  it("are what they are since: unspent, spent by a later block, or not to be known", async () => {
    const bitcoin = new SimulatedBitcoin();
    bitcoin.mine([moveOf("a staking"), moveOf("b staking")]);
    // The expansion of a.
    bitcoin.mine([moveOf("c staking")]);
    bitcoin.mine([moveOf("b unbonding")]);
    const watch = await openWatch({
      source: bitcoin.source(),
      store: newStore(),
      init: { ...init, first: 3 },
    });
    await watch.caughtUp();
    watch.add(cast.delegations);
    await watch.caughtUp();
    const views = [0, 1, 2].map((i) => watch.stake(cast.actors[i]!.outpoint)?.view);
    expect(views).toEqual(["pending", "unbonding", "active"]);
    await watch.close();
  });
});

describe("how others fail: a failed block fetch", () => {
  it("is not skipped for good: the cursor stays until the source has it", async () => {
    const bitcoin = new SimulatedBitcoin();
    for (let i = 0; i < 6; i++) bitcoin.mine(i === 3 ? [moveOf("x staking")] : []);
    let failing = true;
    const source = bitcoin.source();
    const missing = bitcoin.at(4).hash;
    const { block } = source;
    source.block = async (hash) => {
      if (hash === missing && failing) throw blockUnavailable("simulated", hash, "not yet");
      return block(hash);
    };
    const troubles: string[] = [];
    const path = newStore();
    const watch = await openWatch({
      source,
      store: path,
      init,
      onTrouble({ code }) {
        troubles.push(code);
        if (troubles.length === 2) failing = false;
      },
    });
    await watch.caughtUp();
    expect(troubles).toEqual(["block-unavailable", "block-unavailable"]);
    expect(watch.tip()?.height).toBe(6);
    await watch.close();
    expect(await verifyStore(path, bitcoin.source())).toMatchObject({ differences: [], blocks: 7 });
  });
});

describe("a reorganisation below the first block", () => {
  it("begins the store again from another anchor", async () => {
    const bitcoin = new SimulatedBitcoin();
    for (let i = 0; i < 3; i++) bitcoin.mine();
    const watch = await openWatch({
      source: bitcoin.source(),
      store: newStore(),
      init: { ...init, first: 2 },
    });
    await watch.caughtUp();
    expect(watch.stakes()).toEqual([]);
    // Deeper than the first block: the store begins again from another anchor.
    bitcoin.moveTo(bitcoin.at(0));
    for (let i = 0; i < 5; i++) bitcoin.mine();
    while (watch.tip()?.hash !== bitcoin.tip.hash) await new Promise((resolve) => setTimeout(resolve, 5));
    await watch.close();
  });
});

describe("a monitor", () => {
  it("writes in the scanner's own commits, sees tagged outputs, and its alarms end with their block", async () => {
    const bitcoin = new SimulatedBitcoin();
    const seen: string[] = [];
    const monitor: WatchMonitor = {
      name: "test",
      connected({ block, events, tagged }, context) {
        for (const { data } of tagged) seen.push(`tagged ${data.length}`);
        if (events.length > 0) {
          const alarm = { kind: "test", facts: { height: block.height }, text: "seen", height: block.height };
          expect(context.alarm(alarm)).toBe(context.alarm(alarm));
        }
      },
      disconnected: ({ ancestor, blocks }) =>
        seen.push(`back to ${ancestor?.height} by ${blocks.length}`) as never,
      delegated: (known) => seen.push(`${known.length} delegations`) as never,
    };
    const path = newStore();
    let watch = await openWatch({ source: bitcoin.source(), store: path, init, monitors: [monitor] });
    watch.add(cast.delegations);
    watch.add(cast.delegations);
    for (let i = 0; i < 6; i++) bitcoin.mine();
    const { tip } = bitcoin;
    bitcoin.mine([moveOf("x staking")]);
    while (watch.tip()?.height !== 7) await new Promise((resolve) => setTimeout(resolve, 5));
    bitcoin.mine([], tip);
    while (watch.tip()?.hash !== bitcoin.tip.hash) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(seen).toEqual(["3 delegations", "tagged 71", "back to 6 by 1"]);
    await watch.close();
    watch = await openWatch({
      source: bitcoin.source(),
      store: path,
      monitors: [
        {
          name: "reader",
          opened({ sql }) {
            const alarms = sql.all<{ cleared: number | null }>("SELECT cleared FROM alarm");
            expect(alarms).toHaveLength(1);
            expect(alarms[0]!.cleared).not.toBeNull();
          },
        },
      ],
    });
    await watch.close();
  });
});

describeWithDisks("a store on a disk", () => {
  it("that is full stops by its name with all blocks before, and goes on when there is space", async () => {
    const disk = newDisk("1m");
    const path = `${disk}/watch.db`;
    const bitcoin = new SimulatedBitcoin();
    for (let i = 0; i < 300; i++) bitcoin.mine(i === 100 ? [moveOf("x staking")] : []);
    initStore(path, init);
    writeFileSync(`${disk}/filler`, new Uint8Array(670_000));
    const watch = await openWatch({ source: bitcoin.source(), store: path });
    for (let i = 0; i < 4000 && bitcoin.tip.height < 3000; i++) bitcoin.mine();
    const error = await failure(
      (async () => {
        for await (const item of watch) void item;
      })(),
      "store-unwritable",
    );
    expect(error.message).toContain(path);
    await watch.close();
    rmSync(`${disk}/filler`);
    const again = await openWatch({ source: bitcoin.source(), store: path });
    await again.caughtUp();
    expect(again.tip()?.height).toBe(bitcoin.tip.height);
    await again.close();
    expect(await verifyStore(path, bitcoin.source())).toMatchObject({ differences: [] });
  });

  it("that is mounted read-only is refused by its name", async () => {
    const disk = newDisk("1m");
    const path = `${disk}/watch.db`;
    initStore(path, init);
    expect(mount(disk, "-o", "remount,ro")).toBe(true);
    await failure(openWatch({ source: new SimulatedBitcoin().source(), store: path }), "store-unwritable");
    expect(mount(disk, "-o", "remount,rw")).toBe(true);
    expect(openStoreReader(path).tip()).toBeNull();
  });
});
