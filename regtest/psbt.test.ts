import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scriptOfAddress } from "../src/bitcoin/address.js";
import { applyRateUp, parseRate } from "../src/core/amount.js";
import { buildStaking, finishStaking } from "../src/stake/staking.js";
import { participantsOf } from "../test/support/participants.js";
import { type RegtestNode, startNode } from "./index.js";

const UNBONDING_TIME = 18;
const TIMELOCK = 30;

let node: RegtestNode;
beforeAll(async () => {
  node = await startNode();
});
afterAll(() => node?.stop());

describe("a wallet without knowledge of staking funds a stake from P2WPKH and P2TR coins", () => {
  const participants = participantsOf(
    "funding",
    { stakers: [1, 1], providers: 1, committee: [2, 3] },
    UNBONDING_TIME,
  );

  test.each([
    ["1", true],
    ["2.5", true],
    ["11.37", false],
    ["100", false],
  ])("at %s satoshi per virtual byte, finalising: %s", async (rate, finalise) => {
    const feeRate = parseRate(rate);
    const types = ["bech32", "bech32m", "bech32", "bech32m", "bech32"] as const;
    const payments = await Promise.all(
      types.map(async (type, i) => ({
        to: await node.rpc.getnewaddress(type),
        satoshi: 60_000n + BigInt(i),
      })),
    );
    const coins = (await node.fundMany(payments)).map(({ txid, vout, value, script }) => ({
      outpoint: { txid, vout },
      value,
      script,
    }));
    const changeScript = scriptOfAddress(await node.rpc.getnewaddress("bech32m"), "regtest");
    const staking = buildStaking({
      terms: participants.terms(TIMELOCK),
      params: participants.params,
      value: 125_000n,
      coins,
      changeScript,
      feeRate,
    });
    expect(new Set(staking.coins.map(({ script }) => script.length))).toEqual(new Set([22, 34]));

    const signed = await node.rpc.call<{ psbt: string }>(
      "walletprocesspsbt",
      staking.psbt.toBase64(),
      true,
      "DEFAULT",
      true,
      finalise,
    );
    const transaction = finishStaking(staking, signed.psbt);
    const txid = await node.send(transaction.toBuffer());
    const { fee, vsize } = await node.rpc.getmempoolentry(txid);
    expect(fee).toBe(staking.fee);
    expect(vsize).toBe(transaction.virtualSize());
    // Never below the requested rate, and above it only by signatures that are a byte shorter.
    expect(fee).toBeGreaterThanOrEqual(applyRateUp(BigInt(vsize), feeRate));
    expect(fee).toBeLessThanOrEqual(applyRateUp(BigInt(vsize) + 1n, feeRate));
    await node.mine();
  });
});
