import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatRate, parseRate } from "../src/core/amount.js";
import { regtest } from "../src/params/data/regtest.js";
import { paramsAt } from "../src/params/in-force.js";
import { isLong } from "../test/support/runs.js";
import {
  committee,
  crowd,
  fillMempool,
  findBitcoind,
  party,
  type RegtestNode,
  stake,
  startNode,
  withdraw,
} from "./index.js";

const bitcoind = process.env["TAPSTAKE_REGTEST_URL"] ? undefined : findBitcoind();

let node: RegtestNode;
beforeAll(async () => {
  if (bitcoind) node = await startNode({ maxMempool: 5 });
});
afterAll(() => node?.stop());

const payment = async (rate: number) =>
  node.rpc.call<string>(
    "sendtoaddress",
    await node.rpc.getnewaddress(),
    "0.001",
    "",
    "",
    false,
    true,
    null,
    "unset",
    null,
    rate,
  );

describe.runIf(bitcoind)("a crowd", () => {
  test("fills blocks: what pays less waits until they are mined", async () => {
    const blocks = isLong ? 2 : 1;
    await crowd(node, { feeRate: parseRate("300"), blocks });
    const txid = await payment(20);
    for (let block = 0; block < blocks; block++) {
      await node.mine();
      expect(await node.rpc.getrawmempool()).toContain(txid);
    }
    await node.mine();
    expect(await node.rpc.getrawmempool()).toEqual([]);
  });

  test.runIf(isLong)("does not keep the harness's own payments and stakes from the next block", async () => {
    await crowd(node, { feeRate: parseRate("400") });
    const coin = await node.fund(await node.rpc.getnewaddress(), 70_000n);
    expect((await node.rpc.gettransactioninfo(coin.txid)).confirmations).toBe(1);
    await node.mine(2);
  });
});

describe.runIf(bitcoind)("a full mempool", () => {
  test("refuses what pays less; stakes of the harness pay what it asks", async () => {
    expect(formatRate(await node.feeRate())).toBe("2");
    const lowest = await fillMempool(node, { feeRate: parseRate("50") });
    expect(Number(formatRate(lowest))).toBeGreaterThanOrEqual(50);
    expect(Number(formatRate(await node.feeRate()))).toBeGreaterThanOrEqual(100);

    const params = paramsAt(regtest, 0);
    const [staker, provider] = [party("staker"), party("provider")];
    const terms = {
      staker: staker.publicKey,
      finalityProviders: [provider.publicKey],
      covenant: params.covenant,
      timelock: 10,
    };
    const members = committee.slice(0, 3);
    const delegation = await stake(node, {
      terms,
      params,
      value: 1_000_000n,
      stakers: [staker],
      committee: members,
    });
    const { value } = await withdraw(node, { delegation, from: "staking", stakers: [staker] });
    expect(value).toBeLessThan(1_000_000n);
  });

  test("is one that was made small", async () => {
    await expect(fillMempool(node, { feeRate: parseRate("5000") })).rejects.toMatchObject({
      code: "fee-rate-too-high",
    });
    await expect(crowd(node, { feeRate: parseRate("2"), blocks: 0 })).rejects.toMatchObject({
      code: "invalid-number",
    });
    await expect(crowd(node, { feeRate: 2 as never })).rejects.toMatchObject({ code: "invalid-rate" });
  });
});
