import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type RegtestNode, startNode } from "../../regtest/index.js";
import type { TapstakeError } from "../../src/core/errors.js";
import {
  initStore,
  openWatch,
  restSource,
  rpcSource,
  verifyStore,
  type Watch,
} from "../../src/watch/index.js";
import { failure } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import { newHome } from "../support/signer.js";

/** One node for all: each test leaves it running, on a chain that is longer than before. */
let node: RegtestNode;
beforeAll(async () => {
  // Small block files, so that there is something to prune; at each start all blocks are verified, which takes a while.
  const pruned = ["-txindex=0", "-fastprune=1", "-prune=1"];
  node = await startNode({ args: ["-rest=1", "-checkblocks=0", "-checklevel=4", ...pruned] });
});
afterAll(() => node?.stop());
// A test that fails may have left it killed.
beforeEach(() => node.height().catch(() => node.restart()) as Promise<unknown>);

const rest = () => restSource({ url: node.connection.url, rpc: node.connection });
const newStore = () => `${newHome().path}/watch.db`;
const pidFile = () => join(dirname(node.connection.cookieFile!), "bitcoind.pid");

async function atTip(watch: Watch): Promise<void> {
  const hash = await node.rpc.getbestblockhash();
  await eventually(() => expect(watch.tip()?.hash).toBe(hash));
}

test("bitcoind killed while it connects blocks: the watch waits, follows it back, and goes on", async () => {
  const store = newStore();
  const troubles: TapstakeError[] = [];
  const onTrouble = (error: TapstakeError) => void troubles.push(error);
  const watch = await openWatch({ source: rest(), store, init: { network: "regtest" }, onTrouble });
  await atTip(watch);
  const before = watch.tip()!.height;
  const mining = (async () => {
    for (;;) await node.mine(50);
  })().catch((error: unknown) => error);
  await eventually(() => expect(watch.tip()!.height).toBeGreaterThan(before + 40));
  process.kill(Number(readFileSync(pidFile(), "utf8")), "SIGKILL");
  expect(await mining).toMatchObject({ code: "node-unreachable" });
  await eventually(() => expect(troubles).not.toHaveLength(0));
  expect(troubles[0]).toMatchObject({ code: "node-unreachable" });
  const reached = watch.tip()!.height;
  await node.restart();
  // What bitcoind had not written is gone: its chain is another one from there on.
  expect(await node.height()).toBeLessThan(reached);
  await node.mine(3);
  await atTip(watch);
  await watch.close();
  expect(await verifyStore(store, rest())).toMatchObject({ differences: [] });
});

test("bitcoind warming up: each source says so by its words, and the watch waits", async () => {
  await node.mine(Math.max(0, 650 - (await node.height())));
  const store = newStore();
  const watch = await openWatch({ source: rest(), store, init: { network: "regtest" } });
  await atTip(watch);
  const seen = new Set<string>();
  // A warm-up is short: one of the two answers may not come before it is over.
  while (seen.size < 2) {
    const ended = new AbortController();
    const restarted = node.restart().finally(() => ended.abort());
    const sources = [rpcSource(node.connection), rest()];
    while (!ended.signal.aborted) {
      await Promise.all(
        sources.map(async (source) => {
          const error = await source.tip().then(
            () => null,
            (reason: unknown) => reason as TapstakeError,
          );
          if (error?.code !== "node-error") return;
          seen.add(`${String(error.details["code"] ?? error.details["status"])}`);
        }),
      );
      await setTimeout(5);
    }
    await restarted;
  }
  expect([...seen].toSorted()).toEqual(["-28", "503"]);
  await node.mine();
  await atTip(watch);
  await watch.close();
});

test("bitcoind that has pruned below the cursor is named before the watch starts", async () => {
  await node.mine(Math.max(0, 650 - (await node.height())));
  const store = newStore();
  initStore(store, { network: "regtest" });
  const lowest = 1 + (await node.rpc.call<number>("pruneblockchain", (await node.height()) - 290));
  expect(lowest).toBeGreaterThan(100);
  for (const source of [rest(), rpcSource(node.connection)]) {
    const watch = await openWatch({ source, store });
    const error = await failure(watch.caughtUp(), "block-unavailable");
    expect(error.message).toContain(
      `pruned blocks below height ${lowest}, and the store needs them from height 0 on`,
    );
    expect(watch.tip()).toBeNull();
    await watch.close();
  }
  const above = newStore();
  const watch = await openWatch({
    source: rest(),
    store: above,
    init: { network: "regtest", first: lowest + 1 },
  });
  await atTip(watch);
  await watch.close();
});

test("bitcoind of another network is named before the first block", async () => {
  for (const source of [rest(), rpcSource(node.connection)]) {
    const watch = await openWatch({ source, store: newStore(), init: { network: "mainnet", phase1: null } });
    const error = await failure(watch.caughtUp(), "wrong-network");
    expect(error.details).toMatchObject({ expected: "mainnet", got: "regtest" });
    expect(watch.tip()).toBeNull();
    await watch.close();
  }
});
