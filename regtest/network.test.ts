import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseTransaction } from "../src/bitcoin/transaction.js";
import { hex } from "../src/core/bytes.js";
import { isLong } from "../test/support/runs.js";
import {
  findBitcoind,
  heal,
  partition,
  type RegtestNode,
  startNode,
  startNodes,
  syncNodes,
} from "./index.js";

/** Nodes that listen and go down have to be our own: with Docker alone, these rules do not apply. */
const bitcoind = process.env["TAPSTAKE_REGTEST_URL"] ? undefined : findBitcoind();

let a: RegtestNode;
let b: RegtestNode;
beforeAll(async () => {
  if (bitcoind) [a, b] = (await startNodes(2)) as [RegtestNode, RegtestNode];
});
afterAll(() => Promise.all([a?.stop(), b?.stop()]));

const tips = () => Promise.all([a, b].map(({ rpc }) => rpc.getbestblockhash()));
const pay = async () => a.rpc.sendtoaddress(await a.rpc.getnewaddress(), 10_000n);

describe.runIf(bitcoind)("two nodes", () => {
  test("have one chain, and one mempool", async () => {
    expect(new Set(await tips()).size).toBe(1);
    const txid = await pay();
    await syncNodes([a, b], { mempools: true });
    expect(await b.rpc.getrawmempool()).toContain(txid);
    await b.mine();
    await syncNodes([a, b]);
    expect((await a.rpc.gettransactioninfo(txid)).confirmations).toBe(1);
  });

  test("that are parted mine two chains; healed, the one with more work wins", async () => {
    await partition([[a], [b]]);
    const lost = await a.mine(2);
    const won = await b.mine(3);
    expect(await tips()).toEqual([lost[1], won[2]]);
    await heal([a, b]);
    expect(await tips()).toEqual([won[2], won[2]]);
    expect((await a.rpc.getblock(lost[0]!)).confirmations).toBe(-1);
  });

  test("stay connected when they are connected again, and part on request", async () => {
    await a.connect(b);
    await b.connect(a);
    expect(await a.rpc.call("getconnectioncount")).toBe(1);
    await b.disconnect(a);
    expect(await a.rpc.call("getconnectioncount")).toBe(0);
    await a.disconnect(b);
    await a.connect(b);
  });

  test("are two, and parted in groups", async () => {
    await expect(a.connect(a)).rejects.toMatchObject({ code: "invalid-argument" });
    await expect(a.connect(undefined as unknown as RegtestNode)).rejects.toMatchObject({
      code: "invalid-argument",
    });
    await expect(partition([[a, b]])).rejects.toMatchObject({ code: "invalid-argument" });
    await expect(partition([[a, b], [b]])).rejects.toMatchObject({ code: "invalid-argument" });
    await expect(startNodes(1)).rejects.toMatchObject({ code: "invalid-number" });
  });
});

describe.runIf(bitcoind)("a reorganisation", () => {
  test("mines the transactions of the removed blocks again", async () => {
    const txid = await pay();
    await a.mine(2);
    const height = await a.height();
    const { forkHeight, removed, added } = await a.reorganise({ depth: 2 });
    expect({ forkHeight, removed: removed.length, added: added.length }).toEqual({
      forkHeight: height - 2,
      removed: 2,
      added: 3,
    });
    expect(await a.height()).toBe(height + 1);
    expect((await a.rpc.gettransactioninfo(txid)).blockhash).toBe(added[0]);
    await syncNodes([a, b]);
  });

  test("leaves transactions out, and shortens the chain", async () => {
    const txid = await pay();
    const [block] = await a.mine(3);
    const height = await a.height();
    const { removed, added } = await a.reorganise({ depth: 3, blocks: 1, transactions: [] });
    expect(removed[0]).toBe(block);
    expect(await a.height()).toBe(height - 2);
    expect((await a.rpc.getblock(added[0]!)).tx).toHaveLength(1);
    expect(await a.rpc.getrawmempool()).toContain(txid);
    await a.reconsider(removed[0]!);
    expect(await a.rpc.getbestblockhash()).toBe(removed[2]);
    await a.invalidate(removed[2]!);
    expect(await a.rpc.getbestblockhash()).toBe(removed[1]);
    await a.reconsider(removed[2]!);
  });

  test("exchanges a transaction for one that spends the same coin", async () => {
    const coin = await a.fund(await a.rpc.getnewaddress(), 50_000n);
    const [first, second] = [await spend(coin, 49_000n), await spend(coin, 48_000n)];
    await a.send(first);
    await a.mine();
    const { added } = await a.reorganise({ depth: 1, transactions: [second] });
    expect((await a.rpc.getblock(added[0]!)).tx[1]).toBe(parseTransaction(hex.decode(second)).getId());
    expect(await a.rpc.getrawmempool()).toEqual([]);
  });

  test("of more than ten blocks keeps what the first of them held", async () => {
    const txid = await pay();
    await a.mine(12);
    const depth = isLong ? 200 : 12;
    if (isLong) await a.mine(188);
    const { added } = await a.reorganise({ depth, blocks: 1 });
    expect((await a.rpc.gettransactioninfo(txid)).blockhash).toBe(added[0]);
  });

  test("follows the fork, not another branch that the node knows", async () => {
    await a.mine(2);
    const fork = await a.rpc.getblockhash((await a.height()) - 1);
    await a.reorganise({ depth: 1 });
    const { added } = await a.reorganise({ depth: 2 });
    expect((await a.rpc.getblock(added[0]!)).previousblockhash).toBe(fork);
  });

  test("needs a depth within the chain", async () => {
    await expect(a.reorganise({ depth: 0 })).rejects.toMatchObject({ code: "invalid-number" });
    await expect(a.reorganise({ depth: (await a.height()) + 1 })).rejects.toMatchObject({
      code: "invalid-number",
    });
    await expect(a.reorganise({ depth: 1, blocks: 0, transactions: ["00"] })).rejects.toMatchObject({
      code: "invalid-argument",
    });
    await expect(a.reorganise({ depth: 1, transactions: "some" as "again" })).rejects.toMatchObject({
      code: "invalid-argument",
    });
    await expect(a.invalidate("00")).rejects.toMatchObject({ code: "invalid-hex" });
  });

  test.runIf(isLong)("of 500 blocks reaches the other node", async () => {
    await a.mine(500);
    await a.reorganise({ depth: 500 });
    await heal([a, b]);
    expect(new Set(await tips()).size).toBe(1);
  });
});

describe.runIf(bitcoind)("a node that goes down", () => {
  test.runIf(isLong)("comes back with chain, wallet and mempool", async () => {
    const [height, balance, txid] = [await a.height(), await a.rpc.getbalance(), await pay()];
    await a.restart();
    expect(await a.height()).toBe(height);
    expect(await a.rpc.getrawmempool()).toContain(txid);
    expect(await a.rpc.getbalance()).toBeLessThanOrEqual(balance);
  });

  test("that is killed keeps its mempool, or loses it with its wallet's own payments", async () => {
    await pay();
    const held = await a.rpc.getrawmempool();
    expect(held.length).toBeGreaterThan(0);
    const { added } = await a.reorganise({ depth: 2, transactions: [] });
    await a.restart({ kill: true });
    expect(await a.rpc.getbestblockhash()).toBe(added.at(-1));
    expect(await a.rpc.getrawmempool()).toEqual(expect.arrayContaining(held));
    await a.restart({ kill: true, mempool: "empty" });
    expect(await a.rpc.getrawmempool()).toEqual([]);
    await a.fund(await a.rpc.getnewaddress(), 20_000n);
  });

  test("is unreachable while it is halted", async () => {
    await a.halt({ kill: true });
    await expect(a.height()).rejects.toMatchObject({ code: "node-unreachable" });
    await a.restart();
    expect(await a.mine()).toHaveLength(1);
    await expect(a.restart({ mempool: "some" as "keep" })).rejects.toMatchObject({
      code: "invalid-argument",
    });
  });

  test("returns to a snapshot, and another node begins there", async () => {
    const txid = await pay();
    const snapshot = await a.snapshot();
    expect(snapshot).toMatchObject({ height: await a.height(), block: await a.rpc.getbestblockhash() });
    await a.mine(2);
    await a.restore(snapshot);
    expect(await a.rpc.getbestblockhash()).toBe(snapshot.block);
    expect(await a.rpc.getrawmempool()).toContain(txid);
    const copy = await startNode({ from: snapshot });
    expect(await copy.rpc.getbestblockhash()).toBe(snapshot.block);
    expect(await copy.rpc.getbalance()).toBe(await a.rpc.getbalance());
    await copy.stop();
    const own = { ...snapshot, datadir: `${snapshot.datadir} gone` };
    await expect(a.restore(own)).rejects.toMatchObject({ code: "invalid-argument" });
    await expect(startNode({ from: own })).rejects.toMatchObject({ code: "invalid-argument" });
    await expect(copy.restart()).rejects.toMatchObject({ code: "node-start-failed" });
  });

  test.runIf(isLong)("has a clock that can be set, and that a restart keeps", async () => {
    const time = 2_000_000_000;
    await a.setTime(time);
    await a.restart();
    const [block] = await a.mine();
    expect((await a.rpc.getblock(block!)).time).toBe(time);
    await expect(a.setTime(0.5)).rejects.toMatchObject({ code: "invalid-number" });
  });
});

describe.runIf(bitcoind)("startNode", () => {
  test("attaches to a node by its address, and does not end it", async () => {
    const { url, cookieFile } = b.connection;
    const guest = await startNode({ url, cookieFile: cookieFile!, blocks: 1 });
    expect(guest).toMatchObject({ attached: true, p2p: undefined });
    expect(await guest.height()).toBe(await b.height());
    for (const refused of [guest.restart(), guest.halt(), guest.snapshot()]) {
      await expect(refused).rejects.toMatchObject({ code: "node-attached" });
    }
    await expect(startNode({ url, cookieFile: cookieFile!, seed: "a" })).rejects.toMatchObject({
      code: "node-attached",
    });
    await guest.connect(a);
    await guest.stop();
    expect(await b.rpc.call("getconnectioncount")).toBe(1);
  });

  test.each([
    ["blocks", { blocks: -1 }, "invalid-number"],
    ["deadline", { deadline: 0 }, "invalid-number"],
    ["maxMempool", { maxMempool: 4 }, "invalid-number"],
    ["args", { args: "-txindex" }, "invalid-argument"],
    ["seed", { seed: "" }, "invalid-argument"],
    ["url", { url: 18443 }, "invalid-argument"],
    ["from", { from: {} }, "invalid-argument"],
  ] as const)("refuses a bad %s", async (_name, options, code) => {
    await expect(startNode(options as never)).rejects.toMatchObject({ code: code });
  });
});

/** A signed payment of one coin to the wallet, as hexadecimal. */
async function spend({ txid, vout }: { txid: string; vout: number }, satoshi: bigint): Promise<string> {
  const outputs = [{ [await a.rpc.getnewaddress()]: `0.000${satoshi}` }];
  const raw = await a.rpc.call<string>("createrawtransaction", [{ txid, vout }], outputs);
  return (await a.rpc.call<{ hex: string }>("signrawtransactionwithwallet", raw)).hex;
}
