import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RegtestNode, sendAndMine, startNode } from "../../../regtest/index.js";
import type { Transaction } from "../../../src/bitcoin/transaction-class.js";
import type { TapstakeError } from "../../../src/core/errors.js";
import { nodeProxy } from "../../support/node-proxy.js";
import { isLong } from "../../support/runs.js";
import { Play } from "./play.js";
import { confirmationsOf, newProvider, openStakes, slashingOf, unbondingOf } from "./real.js";

let node: RegtestNode;
beforeAll(async () => {
  node = await startNode({ args: ["-rest=1", "-persistmempool=0"] });
});
afterAll(() => node?.stop());

const inMempool = async ({ rpc }: RegtestNode, transactions: readonly Transaction[]) => {
  const there = new Set(await rpc.getrawmempool());
  return transactions.filter((each) => there.has(each.getId())).length;
};
/** Waits until the node has all of these in its mempool, without a block. */
const untilSent = (transactions: readonly Transaction[]) =>
  node.waitFor(
    async () => {
      try {
        return (await inMempool(node, transactions)) === transactions.length;
      } catch {
        // It is being restarted.
        return false;
      }
    },
    { what: "the slashings to be sent", deadline: 300_000 },
  );

describe("a bitcoind beside the tower", () => {
  test("that is restarted with an empty mempool gets the slashings again before the next block, and mines them", async () => {
    const provider = newProvider();
    const [idle, waiting, unbonded] = await openStakes(node, [provider, provider, provider]);
    const play = await new Play(node).open({ sendEvery: 0.2 });
    play.add(idle!, waiting!, unbonded!);
    await sendAndMine(node, await unbondingOf(unbonded!));
    await node.send((await unbondingOf(waiting!)).toBuffer());
    await play.settle();
    play.leak(provider);
    const slashings = [slashingOf(idle!), slashingOf(waiting!), slashingOf(unbonded!, "unbonding")];
    await untilSent(slashings);
    for (const kill of isLong ? [false, true, false, true] : [true]) {
      await node.restart({ kill, mempool: "empty" });
      await untilSent(slashings);
    }
    await node.mine();
    await play.settle();
    for (const each of slashings) expect(await confirmationsOf(node, each)).toBe(1);
    expect(play.states(unbonded!)).toEqual(["staking impossible", "unbonding mined"]);
    await play.close();
  });

  test("that is killed while the tower sends gets the rest when it is back, and what it has lost", async () => {
    const proxy = await nodeProxy(node.connection.url);
    for (const [n, moment] of isLong
      ? [1, 2, 3, 4].flatMap((i) => [[i, "before"] as const, [i, "after"] as const])
      : [[2, "after"] as const]) {
      const provider = newProvider();
      const delegations = await openStakes(
        node,
        Array.from({ length: 4 }, () => provider),
      );
      const play = await new Play(node).open({ sendEvery: 0.2, url: proxy.url });
      play.add(...delegations);
      await play.settle();
      let sends = 0;
      const killed = new Promise<void>((resolve, reject) => {
        proxy.at = async (method, at) => {
          if (method !== "sendrawtransaction" || at !== moment || (sends += 1) !== n) return true;
          await node.halt({ kill: true }).then(resolve, reject);
          return false;
        };
      });
      play.leak(provider);
      await killed;
      proxy.at = () => true;
      await node.restart({ mempool: "empty" });
      const slashings = delegations.map((each) => slashingOf(each));
      await untilSent(slashings);
      await node.mine();
      await play.settle();
      for (const each of slashings) expect(await confirmationsOf(node, each)).toBe(1);
      const codes = play.troubles.map((error) => (error as TapstakeError).code);
      expect(codes).toContain("node-unreachable");
      await play.close();
    }
    await proxy.close();
  });
});

test("a reorganisation that removes mined slashings from a node that forgets them: the tower sends them again", async () => {
  const provider = newProvider();
  const [idle, unbonded] = await openStakes(node, [provider, provider]);
  const play = await new Play(node).open();
  play.add(idle!, unbonded!);
  await sendAndMine(node, await unbondingOf(unbonded!));
  await play.settle();
  play.leak(provider);
  await play.tower.idle();
  await node.mine(12);
  await play.settle();
  expect(play.states(idle!)).toEqual(["staking buried", "unbonding impossible"]);
  expect(play.states(unbonded!)).toEqual(["staking impossible", "unbonding buried"]);
  const before = play.sent.length;
  // bitcoind puts the transactions of the last ten removed blocks alone back into its mempool.
  await node.reorganise({ depth: 13, transactions: [] });
  await play.settle();
  // The unbonding is gone too, so the staking output is slashed.
  const slashings = [slashingOf(idle!), slashingOf(unbonded!)];
  expect(play.sent.slice(before).map((each) => each.getId())).toEqual(
    expect.arrayContaining(slashings.map((each) => each.getId())),
  );
  for (const each of [idle!, unbonded!])
    expect(play.states(each)).toEqual(["staking mempool", "unbonding waiting"]);
  await node.mine(3);
  await play.settle();
  for (const each of [idle!, unbonded!])
    expect(play.states(each)).toEqual(["staking buried", "unbonding impossible"]);
  await play.close();
});
