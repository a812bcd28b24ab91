import { writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Party, type RegtestNode, sendAndMine, startNode } from "../../../regtest/index.js";
import { hex } from "../../../src/core/bytes.js";
import type { Delegation } from "../../../src/delegation/delegation.js";
import { delegationToJson } from "../../../src/delegation/json.js";
import { evidenceToJson } from "../../../src/extract/evidence.js";
import { finishSlashing } from "../../../src/extract/slashing.js";
import { inProcess } from "../../cli/in-process.js";
import { filesIn, leaksIn } from "../../support/secret-forms.js";
import { closedAddress } from "../../support/server.js";
import { newHome } from "../../support/signer.js";
import { Play } from "./play.js";
import { newProvider, openStakes, slashingOf, unbondingOf } from "./real.js";
import { doubleVote, stakeOf } from "./support.js";

let node: RegtestNode;
beforeAll(async () => {
  node = await startNode({ args: ["-rest=1", "-persistmempool=0"] });
});
afterAll(() => node?.stop());

const newStake = async (provider: Party): Promise<Delegation> => (await openStakes(node, [provider]))[0]!;

const inMempool = async (transaction: { getId(): string }) =>
  (await node.rpc.getrawmempool()).includes(transaction.getId());
describe("a watchtower without an operator", () => {
  test("slashes everything after one double vote, while stakers unbond, and late delegations too", async () => {
    const provider = newProvider();
    const [idle, waiting, unbonded, late] = [
      await newStake(provider),
      await newStake(provider),
      await newStake(provider),
      await newStake(provider),
    ];
    const honest = await newStake(newProvider());
    const play = await new Play(node).open();
    const all = [idle, waiting, unbonded];
    play.add(...all, honest);
    await sendAndMine(node, await unbondingOf(unbonded));
    // Waits in the mempool: its output is spent there, and the tower must not take that for done.
    const unbonding = await unbondingOf(waiting);
    await node.send(unbonding.toBuffer());
    await play.settle();
    expect(play.sent).toEqual([]);

    const id = play.leak(provider);
    expect(play.leak(provider)).toBe(id);
    await play.tower.idle();
    expect(play.states(idle)).toEqual(["staking mempool", "unbonding waiting"]);
    // With mainnet's fees, the slashing replaces the unbonding.
    expect(await inMempool(unbonding)).toBe(false);
    expect(await inMempool(slashingOf(waiting))).toBe(true);
    expect(play.states(unbonded)).toEqual(["staking impossible", "unbonding mempool"]);
    // The staker cannot turn it round.
    await expect(node.send(unbonding.toBuffer())).rejects.toMatchObject({ code: "node-refused" });
    // A delegation that is learnt after the leak.
    play.add(late);
    await play.tower.idle();
    expect(await inMempool(slashingOf(late))).toBe(true);

    await node.mine();
    await play.settle();
    for (const each of [idle, waiting, late]) {
      expect(play.states(each)).toEqual(["staking mined", "unbonding impossible"]);
      expect(play.watch.stake(stakeOf(each))?.view).toBe("slashed");
    }
    expect(play.states(unbonded)).toEqual(["staking impossible", "unbonding mined"]);
    await node.mine(2);
    await play.settle();
    expect(play.states(idle)).toEqual(["staking buried", "unbonding impossible"]);
    expect(play.watch.stake(stakeOf(honest))?.view).toBe("active");
    expect(play.tower.duties()).toHaveLength(8);
    expect(play.troubles).toEqual([]);
    await play.close();
  });

  test("slashes the child of an unbonding that pays more than the slashing", async () => {
    const provider = newProvider();
    const delegation = await newStake(provider);
    const play = await new Play(node).open();
    play.add(delegation);
    await play.settle();
    const unbonding = await unbondingOf(delegation);
    await node.send(unbonding.toBuffer());
    const { txid } = { txid: unbonding.getId() };
    // The staker's own miner takes the unbonding first.
    await node.rpc.call("prioritisetransaction", txid, 0, 10_000_000);
    play.leak(provider);
    await play.tower.idle();
    expect(await inMempool(unbonding)).toBe(true);
    expect(await inMempool(slashingOf(delegation, "unbonding"))).toBe(true);
    await node.mine();
    await play.settle();
    expect(play.states(delegation)).toEqual(["staking impossible", "unbonding mined"]);
    await play.close();
  });
});

describe("a reorganisation", () => {
  test("that removes a mined slashing: it is sent again, and the duty is open until it is buried again", async () => {
    const provider = newProvider();
    const delegation = await newStake(provider);
    const play = await new Play(node).open();
    play.add(delegation);
    play.leak(provider);
    await play.tower.idle();
    const [block] = await node.mine();
    await node.mine(2);
    await play.settle();
    expect(play.states(delegation)).toEqual(["staking buried", "unbonding impossible"]);
    await node.rpc.call("invalidateblock", block);
    const address = await node.rpc.getnewaddress();
    // Empty blocks: bitcoind itself keeps the slashing, so a mempool without it is made below.
    for (let i = 0; i < 4; i++) await node.rpc.generateblock(address, []);
    await play.settle();
    expect(play.states(delegation)).toEqual(["staking mempool", "unbonding waiting"]);
    await node.mine();
    await play.settle();
    expect(play.states(delegation)).toEqual(["staking mined", "unbonding impossible"]);
    await play.close();
  });
});

describe("evidence", () => {
  test("outlives an end before the broadcast: the next start sends", async () => {
    const provider = newProvider();
    const delegation = await newStake(provider);
    const play = await new Play(node).open();
    play.add(delegation);
    await play.settle();
    // The process ends before it sends anything.
    play.beforeSend = () => {
      throw new Error("killed");
    };
    play.leak(provider);
    await play.close();
    expect(await inMempool(slashingOf(delegation))).toBe(false);
    play.beforeSend = () => {};
    await play.open();
    await play.tower.idle();
    expect(await inMempool(slashingOf(delegation))).toBe(true);
    const { secretKey } = provider;
    await play.close();
    expect(leaksIn(filesIn(dirname(play.store)), [secretKey])).toEqual([]);
  });

  test("is a slashing that someone else mined: the key comes out of it, and the other stakes are slashed", async () => {
    const provider = newProvider();
    const [first, second] = [await newStake(provider), await newStake(provider)];
    const play = await new Play(node).open();
    play.add(second, first);
    await play.settle();
    play.knows(provider.secretKey);
    await sendAndMine(node, finishSlashing(first, "staking", provider.secretKey));
    await play.settle();
    expect(play.tower.evidence()).toMatchObject([
      { kind: "slashing", source: "Bitcoin", finalityProvider: hex.encode(provider.publicKey) },
    ]);
    expect(await inMempool(slashingOf(second))).toBe(true);
    expect(play.states(first)).toEqual(["staking mined", "unbonding impossible"]);
    await play.close();
  });
});

test("watch run --evidence: from two files to a slashing in the mempool; a forged file is a warning", async () => {
  const provider = newProvider();
  const delegation = await newStake(provider);
  const { path } = newHome();
  const votes = doubleVote(provider.secretKey);
  writeFileSync(`${path}/stake.json`, delegationToJson(delegation));
  writeFileSync(`${path}/votes.json`, evidenceToJson(votes));
  writeFileSync(`${path}/forged.json`, evidenceToJson({ ...votes, fork: votes.canonical }));
  const watch = async (...args: string[]) => {
    const [name, ...rest] = args as [string, ...string[]];
    return inProcess(["watch", name, "--store", `${path}/watch.db`, ...rest]);
  };
  const { url, cookieFile } = node.connection;
  const server = ["--rpc", url, "--rpc-auth-file", cookieFile!];
  await watch("init", "--network", "regtest");
  await watch("add", `${path}/stake.json`);
  const files = ["--evidence", `${path}/forged.json`, `${path}/votes.json`, "--metrics", "127.0.0.1:0"];
  // A second source that does not answer holds nothing up.
  files.push("--compare", await closedAddress());
  const { code, stderr } = await watch("run", ...server, ...files, "--until-tip");
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  expect(stderr).toContain("warning");
  expect(await inMempool(slashingOf(delegation))).toBe(true);
  const listed = await watch("duties");
  expect(listed.stdout).toContain(`${stakeOf(delegation)}  staking  mempool`);
  expect((await watch("alarms")).stdout).toContain("double-vote");
  const asJson = await watch("duties", "--json");
  const said = { stderr, duties: listed.stdout, json: asJson.stdout };
  expect(leaksIn({ ...said, ...filesIn(path) }, [provider.secretKey])).toEqual([]);
});
