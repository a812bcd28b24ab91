import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scriptOfAddress } from "../src/bitcoin/address.js";
import { parseOutpoint } from "../src/bitcoin/transaction.js";
import { applyRateUp, parseRate } from "../src/core/amount.js";
import { hex } from "../src/core/bytes.js";
import { createDelegation } from "../src/delegation/delegation.js";
import { type Coin, coinKind } from "../src/funding/coin.js";
import { Psbt } from "../src/psbt/psbt.js";
import { buildStaking, finishStaking } from "../src/stake/staking.js";
import { type OwnedCoin, ownedCoin, signInput, WALLETS } from "../test/support/coins.js";
import { participantsOf } from "../test/support/participants.js";
import { type Funding, type RegtestNode, startNode } from "./index.js";

const participants = participantsOf("coins", { stakers: [1, 1], providers: 1, committee: [2, 3] }, 18);
const terms = participants.terms(30);
const { params } = participants;

/** What bitcoind's wallet hands out addresses of. */
const ADDRESS_TYPES = ["legacy", "p2sh-segwit", "bech32", "bech32m"] as const;
/** What it signs only with knowledge of the script: our own keys sign these. */
const OWN = WALLETS.filter((wallet) => wallet.startsWith("P2WSH") || / (pk|pkh|2-of-3)$/.test(wallet));

let node: RegtestNode;
beforeAll(async () => {
  node = await startNode();
});
afterAll(() => node?.stop());

/** A coin as a wallet would describe it, from what bitcoind says of it. */
async function coinOf({ txid, vout, value, script }: Funding): Promise<Coin> {
  const previousTransaction = hex.decode(await node.rpc.getrawtransaction(txid));
  return { outpoint: parseOutpoint(`${txid}:${vout}`), value, script, previousTransaction };
}

/** One coin of each kind in bitcoind's wallet, and one of each script of our own. */
async function coinsOfEveryKind(
  value: bigint,
  first: number,
): Promise<{ wallets: Coin[]; own: OwnedCoin[] }> {
  const addresses = await Promise.all(
    ADDRESS_TYPES.map((type) => node.rpc.call<string>("getnewaddress", "", type)),
  );
  const made = OWN.map((wallet, i) => ownedCoin(wallet, value, first + i));
  const paid = await node.fundMany([
    ...addresses.map((to) => ({ to, satoshi: value })),
    ...made.map(({ coin }) => ({ to: coin.script, satoshi: value })),
  ]);
  const wallets = await Promise.all(
    addresses.map(async (address, i) => {
      const coin = await coinOf(paid[i]!);
      if (coinKind(coin) !== "p2sh-p2wpkh") return coin;
      const info = await node.rpc.call<{ hex: string }>("getaddressinfo", address);
      return { ...coin, redeemScript: hex.decode(info.hex) };
    }),
  );
  const own = await Promise.all(
    made.map(async (each, i) => ({
      ...each,
      coin: { ...each.coin, ...(await coinOf(paid[addresses.length + i]!)) },
    })),
  );
  return { wallets, own };
}

describe("coins of every kind in one stake, each signed by its owner", () => {
  test.each([
    ["1", true],
    ["2.5", false],
    ["11.37", true],
    ["100", false],
  ])("at %s satoshi per virtual byte, the wallet finalising: %s", async (rate, finalise) => {
    const feeRate = parseRate(rate);
    const { wallets, own } = await coinsOfEveryKind(60_000n, Math.round(Number(rate) * 100));
    const change = await node.rpc.call<string>("getnewaddress", "", "legacy");
    const staking = buildStaking({
      terms,
      params,
      // So much that every coin is needed.
      value: 60_000n * BigInt(wallets.length + own.length) - 9_000n - applyRateUp(1_200n, feeRate),
      coins: wallets,
      mustSpend: own.map(({ coin }) => coin),
      changeScript: scriptOfAddress(change, "regtest"),
      feeRate,
    });
    expect(new Set(staking.coins.map(coinKind)).size).toBe(5);
    expect(staking.coins).toHaveLength(wallets.length + own.length);

    const { psbt } = await node.rpc.call<{ psbt: string }>(
      "walletprocesspsbt",
      staking.psbt.toBase64(),
      true,
      "DEFAULT",
      true,
      finalise,
    );
    const signed = Psbt.fromBase64(psbt);
    const everyone: OwnedCoin[] = [...own, ...wallets.map((coin) => ({ coin, secrets: [], signing: [] }))];
    for (const [i, coin] of staking.coins.entries()) {
      if (own.some((each) => each.coin === coin)) signInput(signed, i, everyone);
    }
    const transaction = finishStaking(staking, signed);

    expect(await node.accepts(transaction.toBuffer())).toMatchObject({ allowed: true });
    const txid = await node.send(transaction.toBuffer());
    const { fee, vsize } = await node.rpc.getmempoolentry(txid);
    expect(fee).toBe(staking.fee);
    expect(vsize).toBe(transaction.virtualSize());
    // Never below what was asked, and above it by no more than a virtual byte an input.
    expect(fee).toBeGreaterThanOrEqual(applyRateUp(BigInt(vsize), feeRate));
    expect(staking.vsize - vsize).toBeLessThanOrEqual(staking.coins.length);
    expect(fee).toBe(applyRateUp(BigInt(staking.vsize), feeRate));
    await node.mine();
    expect((await node.rpc.gettransactioninfo(txid)).confirmations).toBe(1);
    expect(createDelegation(terms, params, transaction).staking.outputIndex).toBe(staking.outputIndex);
  });
});

test("staking all: returns no change", async () => {
  const { wallets } = await coinsOfEveryKind(50_000n, 1);
  const staking = buildStaking({ terms, params, value: "all", coins: wallets, feeRate: parseRate("3") });
  const { psbt } = await node.rpc.walletprocesspsbt(staking.psbt.toBase64());
  const transaction = finishStaking(staking, psbt);
  expect(transaction.outs.map(({ value }) => value)).toEqual([4n * 50_000n - staking.fee]);
  await node.send(transaction.toBuffer());
});

test("the fee of a waiting stake: can be raised unless it was made final", async () => {
  const [{ coin }, other] = [
    { coin: await coinOf(await node.fund(await node.rpc.getnewaddress(), 60_000n)) },
    await coinOf(await node.fund(await node.rpc.getnewaddress(), 60_000n)),
  ];
  const sequences = [];
  for (const [each, replaceable] of [
    [coin, true],
    [other, false],
  ] as const) {
    const request = { terms, params, value: "all", coins: [each], replaceable } as const;
    const first = buildStaking({ ...request, feeRate: parseRate("2") });
    const { psbt } = await node.rpc.walletprocesspsbt(first.psbt.toBase64());
    const txid = await node.send(finishStaking(first, psbt).toBuffer());
    const entry = await node.rpc.call<{ "bip125-replaceable": boolean }>("getmempoolentry", txid);
    sequences.push(entry["bip125-replaceable"]);
    if (!replaceable) continue;
    const second = buildStaking({ ...request, feeRate: parseRate("5") });
    const raised = await node.rpc.walletprocesspsbt(second.psbt.toBase64());
    expect(await node.accepts(finishStaking(second, raised.psbt).toBuffer())).toMatchObject({
      allowed: true,
    });
  }
  expect(sequences).toEqual([true, false]);
});
