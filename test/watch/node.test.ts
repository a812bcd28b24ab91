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
import { finishUnbonding, signUnbonding } from "../../src/delegation/sign.js";
import { finishSlashing } from "../../src/extract/slashing.js";
import { regtest } from "../../src/params/data/regtest.js";
import { keySigner } from "../../src/spending/spend.js";
import { openWatch, restSource, rpcSource, type Watch } from "../../src/watch/index.js";
import { newHome } from "../support/signer.js";

const params = regtest.versions[0]!;
const staker = party("watched staker");
const provider = party("watched provider");
let node: RegtestNode;
beforeAll(async () => {
  node = await startNode({ args: ["-rest=1"] });
});
afterAll(() => node?.stop());

const newStake = (timelock: number) =>
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

const outpointOf = (delegation: Delegation) => formatOutpoint(stakeCoin(delegation).outpoint);
const at = async (watch: Watch, height: number) => {
  await node.waitFor(() => watch.tip()?.height === height, { what: "the watch to catch up" });
  await watch.caughtUp();
};

describe.each(["rest", "rpc"] as const)("a watch by %s", (by) => {
  const source = () =>
    by === "rest"
      ? restSource({ url: node.connection.url, rpc: node.connection })
      : rpcSource(node.connection);

  test("a stake: from the staking output to the withdrawal of the unbonding output", async () => {
    const store = `${newHome().path}/watch.db`;
    const watch = await openWatch({ source: source(), store, init: { network: "regtest" } });
    try {
      let delegation = await newStake(200);
      const outpoint = outpointOf(delegation);
      // Learnt after its block.
      await at(watch, await node.height());
      watch.add([delegation]);
      await at(watch, await node.height());
      expect(watch.stake(outpoint)).toMatchObject({
        view: "active",
        stakers: [hex.encode(staker.publicKey)],
      });

      delegation = await signUnbonding(delegation, keySigner(staker.secretKey));
      await sendAndMine(node, finishUnbonding(delegation));
      await at(watch, await node.height());
      expect(watch.stake(outpoint)?.view).toBe("unbonding");
      await node.mine(params.unbondingTime);
      await at(watch, await node.height());
      expect(watch.stake(outpoint)?.view).toBe("unbonded");
      const { signed } = await withdrawal(node, {
        delegation,
        from: "unbonding",
        coin: unbondedCoin(delegation),
        stakers: [staker],
      });
      await sendAndMine(node, signed);
      await at(watch, await node.height());
      const found = watch.stake(outpoint)!;
      expect(found).toMatchObject({ view: "withdrawn", life: { from: "unbonding" } });
      expect(found.life.steps.map(({ name }) => name)).toEqual(["staked", "unbonded", "withdrawn"]);
    } finally {
      await watch.close();
    }
  });

  test("a slashed stake: its refund and its withdrawal", async () => {
    const store = `${newHome().path}/watch.db`;
    const watch = await openWatch({ source: source(), store, init: { network: "regtest", first: 50 } });
    try {
      const delegation = await newStake(201);
      watch.add([delegation]);
      const slashing = finishSlashing(delegation, "staking", provider.secretKey);
      await sendAndMine(node, slashing);
      await node.mine(params.unbondingTime);
      const { signed } = await withdrawal(node, {
        delegation,
        from: "refund",
        coin: refundCoin(slashing),
        stakers: [staker],
      });
      await sendAndMine(node, signed);
      await at(watch, await node.height());
      const found = watch.stake(outpointOf(delegation))!;
      expect(found.view).toBe("slashed");
      expect(found.life.steps.map(({ name }) => name)).toEqual(["staked", "slashed", "refunded"]);
    } finally {
      await watch.close();
    }
  });
});
