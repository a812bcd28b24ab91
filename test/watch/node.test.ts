import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  committee,
  party,
  refundCoin,
  type RegtestNode,
  sendAndMine,
  stake,
  startNode,
  withdrawal,
} from "../../regtest/index.js";
import { formatOutpoint } from "../../src/bitcoin/transaction.js";
import { hex } from "../../src/core/bytes.js";
import { type Delegation, stakeCoin, unbondedCoin } from "../../src/delegation/delegation.js";
import { delegationToJson } from "../../src/delegation/json.js";
import { finishUnbonding, signUnbonding } from "../../src/delegation/sign.js";
import { finishSlashing } from "../../src/extract/slashing.js";
import { regtest } from "../../src/params/data/regtest.js";
import { keySigner } from "../../src/spending/spend.js";
import {
  blocksFolderSource,
  initStore,
  openStoreReader,
  openWatch,
  restSource,
  rpcSource,
  verifyStore,
  type BlockSource,
  type Watch,
} from "../../src/watch/index.js";
import { inProcess } from "../cli/in-process.js";
import { isLong, randomOf } from "../support/runs.js";
import { newHome } from "../support/signer.js";

const params = regtest.versions[0]!;
const staker = party("watched staker");
const provider = party("watched provider");
let node: RegtestNode;
beforeAll(async () => {
  node = await startNode({ args: ["-rest=1"] });
});
afterAll(() => node?.stop());

let stakes = 0;
const newStake = (timelock = 200 + stakes++) =>
  stake(node, {
    terms: {
      staker: staker.publicKey,
      finalityProviders: [provider.publicKey],
      covenant: params.covenant,
      timelock,
    },
    params,
    value: 500_000n,
    stakers: [staker],
    committee: committee.slice(0, 3),
  });

const rest = () => restSource({ url: node.connection.url, rpc: node.connection });
const rpc = () => rpcSource(node.connection);
const outpointOf = (delegation: Delegation) => formatOutpoint(stakeCoin(delegation).outpoint);
const newStore = () => `${newHome().path}/watch.db`;
/** Waits until a watch has the tip of the node. */
async function atTip(watch: Watch): Promise<void> {
  const hash = await node.rpc.getbestblockhash();
  await node.waitFor(() => watch.tip()?.hash === hash, { deadline: 600_000, what: "the watch to catch up" });
  await watch.caughtUp();
}

describe.each<[string, () => BlockSource]>([
  ["REST", rest],
  ["RPC", rpc],
])("a watch by %s", (_, source) => {
  test("stakes: staked, unbonded and withdrawn; staked, slashed and refunded", async () => {
    const store = newStore();
    const watch = await openWatch({ source: source(), store, init: { network: "regtest", first: 50 } });
    try {
      const late = await newStake();
      await atTip(watch);
      // Learnt after its block.
      watch.add([late]);
      await atTip(watch);
      const outpoint = outpointOf(late);
      const keys = { stakers: [hex.encode(staker.publicKey)] };
      expect(watch.stake(outpoint)).toMatchObject({ view: "active", ...keys });
      const early = await newStake();
      watch.add([early]);

      const signed = await signUnbonding(late, keySigner(staker.secretKey));
      await node.send(finishUnbonding(signed).toBuffer());
      const slashing = finishSlashing(early, "staking", provider.secretKey);
      await sendAndMine(node, slashing);
      await atTip(watch);
      expect(watch.stake(outpoint)?.view).toBe("unbonding");
      expect(watch.stake(outpointOf(early))?.view).toBe("slashed");
      await node.mine(params.unbondingTime);
      await atTip(watch);
      expect(watch.stake(outpoint)?.view).toBe("unbonded");

      const back = { stakers: [staker] };
      const coin = unbondedCoin(late);
      const first = await withdrawal(node, { ...back, delegation: late, from: "unbonding", coin });
      const change = refundCoin(slashing);
      const second = await withdrawal(node, { ...back, delegation: early, from: "refund", coin: change });
      await node.send(first.signed.toBuffer());
      await sendAndMine(node, second.signed);
      await atTip(watch);
      const names = (delegation: Delegation) =>
        watch.stake(outpointOf(delegation))!.life.steps.map(({ name }) => name);
      expect(names(late)).toEqual(["staked", "unbonded", "withdrawn"]);
      expect(names(early)).toEqual(["staked", "slashed", "refunded"]);
    } finally {
      await watch.close();
    }
    expect(await verifyStore(store, source())).toMatchObject({ differences: [] });
  });
});

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** A `watch run` in a process of its own. */
function runWatch(store: string, ...args: string[]): ChildProcess {
  const { url, cookieFile } = node.connection;
  const server = ["--rpc", url, "--rpc-auth-file", cookieFile!];
  return spawn(process.execPath, [MAIN, "watch", "run", "--store", store, ...server, ...args], {
    stdio: "pipe",
  });
}

describe("the commands", () => {
  const connection = () => ["--rpc", node.connection.url, "--rpc-auth-file", node.connection.cookieFile!];

  test("init, add, run, status, stakes, show, verify, export: a stake from its file to its life in words", async () => {
    const { path } = newHome();
    const store = ["--store", `${path}/watch.db`];
    const delegation = await newStake();
    writeFileSync(`${path}/delegation.json`, delegationToJson(delegation));
    const watch = async (...args: string[]) => {
      const { code, stdout, stderr } = await inProcess(["watch", args[0]!, ...store, ...args.slice(1)]);
      expect({ args, code, stderr: code === 0 ? "" : stderr }).toEqual({ args, code: 0, stderr: "" });
      return stdout;
    };
    expect(await watch("init", "--network", "regtest")).toContain("first block  0");
    expect(await watch("add", `${path}/delegation.json`)).toContain("added");
    const items = (await watch("run", ...connection(), "--until-tip", "--json")).trim().split("\n");
    expect(items.map((each) => (JSON.parse(each) as { kind: string }).kind)).toContain("stake");
    const status = JSON.parse(await watch("status", "--json")) as { tip: { height: number }; stakes: object };
    expect(status).toMatchObject({ tip: { height: await node.height() }, stakes: { active: { stakes: 1 } } });
    expect(await watch("status")).toContain("newest block");
    const outpoint = outpointOf(delegation);
    const fp = ["--fp", hex.encode(provider.publicKey)];
    expect(await watch("stakes", "--state", "active", ...fp)).toContain(outpoint);
    expect(await watch("stakes", "--staker", hex.encode(provider.publicKey))).toBe("no such stake\n");
    const life = await watch("show", outpoint);
    expect(life).toContain(`staked`);
    expect(life).toContain(delegation.staking.transaction.getId());
    expect(await watch("verify", ...connection())).toContain("no difference");
    const exported = (await watch("export", "--since", "0")).trim().split("\n");
    expect(JSON.parse(exported.at(-1)!)).toMatchObject({ kind: "stake" });
    const other = await inProcess(["watch", "show", ...store, `${"00".repeat(32)}:0`]);
    expect(other).toMatchObject({ code: 1 });
    expect(other.stderr).toContain("not-a-stake");
  });

  test("a second process on one store is refused with the name of the first; readers are not", async () => {
    const store = newStore();
    initStore(store, { network: "regtest" });
    const child = runWatch(store);
    try {
      await node.waitFor(
        async () =>
          (
            JSON.parse((await inProcess(["watch", "status", "--store", store, "--json"])).stdout) as {
              tip: object | null;
            }
          ).tip !== null,
        { deadline: 600_000, what: "the first process to scan" },
      );
      const second = await inProcess(["watch", "run", "--store", store, ...connection()]);
      expect(second.code).toBe(1);
      expect(second.stderr).toContain("watch-running");
      expect(second.stderr).toContain(`process ${child.pid}`);
    } finally {
      child.kill("SIGTERM");
      await once(child, "close");
    }
    expect(child.exitCode).toBe(0);
  });

  test("killed with -9 again and again, a watch ends with the store of a full rescan", async () => {
    const store = newStore();
    const folder = `${newHome().path}/delegations`;
    mkdirSync(folder);
    initStore(store, { network: "regtest" });
    const random = randomOf("killed watches");
    const delegations: Delegation[] = [];
    for (let i = 0; i < (isLong ? 40 : 2); i++) {
      const child = runWatch(store, "--folder", folder);
      const ended = once(child, "close");
      if (i % 2 === 0) {
        const delegation = await newStake();
        delegations.push(delegation);
        writeFileSync(`${folder}/${i}.json`, delegationToJson(delegation));
        await sendAndMine(node, finishSlashing(delegation, "staking", provider.secretKey));
      } else {
        const at = await node.rpc.getblockhash((await node.height()) - 2);
        await node.rpc.call("invalidateblock", at);
        await node.mine(4);
      }
      // It starts and scans in half of that time.
      await setTimeout(random.below(800));
      child.kill("SIGKILL");
      await ended;
    }
    const last = runWatch(store, "--folder", folder, "--until-tip");
    await once(last, "close");
    expect(last.exitCode).toBe(0);
    const reader = openStoreReader(store);
    for (const each of delegations) expect(reader.stake(outpointOf(each))?.view).toBe("slashed");
    reader.close();
    expect(await verifyStore(store, rest())).toMatchObject({ differences: [] });
  });
});

// After the commands, which scan the whole chain: these make it three times as long.
describe("reorganisations", () => {
  /** A branch without transactions upon the block at this depth, and as many blocks more. */
  async function leave(depth: number, more: number): Promise<void> {
    const at = (await node.height()) - depth + 1;
    await node.rpc.call("invalidateblock", await node.rpc.getblockhash(at));
    // To a new address: the same block again would be the one that is invalid.
    const address = await node.rpc.getnewaddress();
    for (let i = 0; i < depth + more; i++) await node.rpc.generateblock(address, []);
  }

  test.each([1, 6, 150, 500])(
    "of depth %i, to more blocks and to fewer, while scanning and while down",
    async (depth) => {
      const store = newStore();
      const delegation = await newStake();
      const signed = await signUnbonding(delegation, keySigner(staker.secretKey));
      await sendAndMine(node, finishUnbonding(signed));
      await node.mine(Math.max(0, depth - 2));
      const height = await node.height();
      let watch = await openWatch({
        source: rest(),
        store,
        init: { network: "regtest", first: height - depth - 5 },
      });
      watch.add([delegation]);
      await atTip(watch);
      expect(watch.stake(outpointOf(delegation))?.life.state).toBe("unbonding");
      // Twice before the watch can have looked.
      await leave(depth, 1);
      await leave(2, 1);
      await atTip(watch);
      expect(watch.stake(outpointOf(delegation))?.life.state).toBe(depth === 1 ? "active" : "pending");
      await watch.close();
      await leave(1, 0);
      watch = await openWatch({ source: rest(), store });
      await atTip(watch);
      // To fewer blocks: the removed transactions are mined again.
      await node.rpc.call("invalidateblock", await node.rpc.getblockhash((await node.height()) - 1));
      await atTip(watch);
      // bitcoind itself puts only the transactions of the last ten blocks back into the mempool.
      if (depth > 10) {
        await node.send(delegation.staking.transaction.toBuffer());
        await node.send(finishUnbonding(signed).toBuffer());
      }
      await node.mine();
      await atTip(watch);
      expect(watch.stake(outpointOf(delegation))?.life.state).toBe("unbonding");
      await watch.close();
      const undone = openStoreReader(store);
      expect(undone.since(0, 100_000).filter(({ kind }) => kind === "undone")).not.toEqual([]);
      undone.close();
      expect(await verifyStore(store, rpc())).toMatchObject({ differences: [] });
    },
  );
});

test("block files of a running bitcoind give the same store as its REST", async () => {
  const folder = node.connection.cookieFile!.replace(/\.cookie$/, "blocks");
  const store = newStore();
  const source = blocksFolderSource({ folder, node: rest(), network: "regtest" });
  const watch = await openWatch({ source, store, init: { network: "regtest" } });
  await atTip(watch);
  await watch.close();
  expect(await verifyStore(store, rest())).toMatchObject({ differences: [] });
});
