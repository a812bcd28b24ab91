import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scriptOfAddress } from "../src/bitcoin/address.js";
import type { Transaction } from "../src/bitcoin/transaction-class.js";
import { formatOutpoint, parseOutpoint, parseTransaction } from "../src/bitcoin/transaction.js";
import {
  bitcoindAccess,
  type ChainAccess,
  checkChain,
  coinsOfAddress,
  esploraAccess,
  stakeOnChain,
  withKnownPrevious,
  withPrevious,
} from "../src/chain/index.js";
import { hex } from "../src/core/bytes.js";
import { stakeCoin } from "../src/delegation/delegation.js";
import { finishUnbonding, signUnbonding } from "../src/delegation/sign.js";
import { finishSlashing } from "../src/extract/slashing.js";
import { regtest } from "../src/params/data/regtest.js";
import { keySigner } from "../src/spending/spend.js";
import { failure } from "../test/support/errors.js";
import { bridgeEsplora, type EsploraBridge } from "../test/support/esplora.js";
import { committee, party, type RegtestNode, stake, startNode } from "./index.js";

let node: RegtestNode;
let bridge: EsploraBridge;
beforeAll(async () => {
  node = await startNode();
  bridge = await bridgeEsplora(node.rpc, '{"2":3.5}');
});
afterAll(async () => {
  bridge?.close();
  await node?.stop();
});

/** The same facts, asked of the node itself, and of an Esplora server that has them from it. */
describe.each([
  ["bitcoind", () => bitcoindAccess(node.connection)],
  ["Esplora", () => esploraAccess({ url: bridge.url })],
])("chain access by %s", (_name, open) => {
  let chain: ChainAccess;
  beforeAll(() => {
    chain = open();
  });

  test("gives its network", async () => {
    await checkChain(chain, "regtest");
    for (const network of ["mainnet", "testnet", "signet"] as const) {
      const error = await failure(checkChain(chain, network), "wrong-network");
      expect(error.details).toEqual({ expected: network, got: "regtest" });
    }
  });

  test("gives the tip", async () => {
    const [height, hash] = [await node.height(), await node.rpc.getbestblockhash()];
    expect(await chain.tip()).toEqual({ height, hash });
  });

  test("gives the coins of an address: mined ones, and none that the mempool spends", async () => {
    const address = await node.rpc.getnewaddress();
    await failure(coinsOfAddress(chain, address, "regtest"), "insufficient-funds");
    const first = await node.fund(address, 70_000n);
    const second = await node.fund(address, 80_000n);

    const script = scriptOfAddress(address, "regtest");
    const known = (funded: typeof first, confirmations: number) => ({
      outpoint: parseOutpoint(`${funded.txid}:${funded.vout}`),
      value: funded.value,
      script,
      confirmations,
    });
    const byValue = (a: { value: bigint }, b: { value: bigint }) => Number(a.value - b.value);
    const found = await coinsOfAddress(chain, address, "regtest");
    expect(found.sort(byValue)).toEqual([known(first, 2), known(second, 1)]);

    // Spent by what is not mined yet.
    const inputs = [{ txid: first.txid, vout: first.vout }];
    const raw = await node.rpc.call<string>("createrawtransaction", inputs, [{ [address]: "0.0006" }]);
    const { hex: signed } = await node.rpc.call<{ hex: string }>("signrawtransactionwithwallet", raw);
    expect(await chain.broadcast(parseTransaction(hex.decode(signed)))).toMatch(/^[0-9a-f]{64}$/);
    const left = await coinsOfAddress(chain, address, "regtest");
    expect(left.map(({ outpoint }) => formatOutpoint(outpoint))).toContain(`${second.txid}:${second.vout}`);
    expect(left.map(({ outpoint }) => formatOutpoint(outpoint))).not.toContain(`${first.txid}:${first.vout}`);
    expect(await chain.unspent(parseOutpoint(`${first.txid}:${first.vout}`))).toBeNull();
    await node.mine();
  });

  test("marks coins that are not mined yet, if it knows them", async () => {
    const address = await node.rpc.getnewaddress();
    await node.rpc.sendtoaddress(address, 90_000n);
    expect((await chain.coins(address)).filter(({ confirmations }) => confirmations > 0)).toEqual([]);
    await node.mine();
    expect(await coinsOfAddress(chain, address, "regtest")).toMatchObject([{ value: 90_000n }]);
  });

  test("gives coins of P2PKH addresses with their previous transactions, and omits P2SH", async () => {
    const address = (type: string) => node.rpc.call<string>("getnewaddress", "", type);
    const legacy = await address("legacy");
    const { txid, vout } = await node.fund(legacy, 75_000n);
    const [coin] = await coinsOfAddress(chain, legacy, "regtest");
    expect((coin!.previousTransaction as Transaction).getId()).toBe(txid);
    expect((await chain.previousTransaction(parseOutpoint(`${txid}:${vout}`)))!.getId()).toBe(txid);
    expect(await chain.previousTransaction(parseOutpoint(`${"00".repeat(32)}:0`))).toBeNull();
    const { previousTransaction: _, ...plain } = coin!;
    expect(await withPrevious(chain, [plain])).toEqual([coin]);
    expect(await withKnownPrevious(chain, [plain])).toEqual([coin]);
    const lacking = { ...plain, outpoint: parseOutpoint(`${"00".repeat(32)}:0`) };
    await failure(withPrevious(chain, [lacking]), "invalid-coin");
    const unknown = { ...plain, script: scriptOfAddress(await address("bech32"), "regtest") };
    const gone = { ...unknown, outpoint: lacking.outpoint };
    expect(await withKnownPrevious(chain, [gone])).toEqual([gone]);

    const wrapped = await address("p2sh-segwit");
    await node.fund(wrapped, 75_000n);
    await failure(coinsOfAddress(chain, wrapped, "regtest"), "invalid-coin");
  });

  test("gives a transaction and its depth, waiting or mined, and null for an unknown one", async () => {
    const txid = await node.rpc.sendtoaddress(await node.rpc.getnewaddress(), 60_000n);
    expect(await chain.transaction(txid)).toMatchObject({ confirmations: 0 });
    await node.mine(2);
    const found = await chain.transaction(txid);
    expect(found?.transaction.getId()).toBe(txid);
    expect(found?.confirmations).toBe(2);
    expect(await chain.transaction("00".repeat(32))).toBeNull();
    expect(await chain.unspent(parseOutpoint(`${"00".repeat(32)}:0`))).toBeNull();
    expect(await chain.unspent(parseOutpoint(`${txid}:99`))).toBeNull();
  });

  test("passes on the node's reason to refuse a transaction", async () => {
    const [txid] = (await node.rpc.getblock(await node.rpc.getblockhash(1))).tx;
    const known = parseTransaction(hex.decode(await node.rpc.getrawtransaction(txid!)));
    const error = await failure(chain.broadcast(known), "node-refused");
    expect(String(error.details["reason"])).not.toBe("");
  });

  test("follows a stake to its end", async () => {
    const [staker, provider] = [party(randomUUID()), party("access provider")];
    const params = regtest.versions[0]!;
    const terms = {
      staker: staker.publicKey,
      finalityProviders: [provider.publicKey],
      covenant: params.covenant,
      timelock: 12,
    };
    const members = committee.slice(0, 3);
    const request = { terms, params, value: 200_000n, stakers: [staker], committee: members };
    const delegation = await stake(node, request);
    expect(await stakeOnChain(delegation, chain)).toMatchObject({
      name: "staking",
      coin: stakeCoin(delegation),
      confirmations: 1,
      blocksLeft: 11,
    });
    await node.mine(12);
    expect(await stakeOnChain(delegation, chain)).toMatchObject({ confirmations: 13, blocksLeft: 0 });

    await chain.broadcast(finishUnbonding(await signUnbonding(delegation, keySigner(staker.secretKey))));
    const waiting = { name: "unbonding", confirmations: 0, blocksLeft: params.unbondingTime };
    expect(await stakeOnChain(delegation, chain)).toMatchObject(waiting);
    await node.mine();

    const slashing = finishSlashing(delegation, "unbonding", provider.secretKey);
    await node.send(slashing.toBuffer(), { maxBurn: slashing.outs[0]!.value });
    await node.mine(2);
    expect(await stakeOnChain(delegation, chain)).toMatchObject({
      name: "unbonding-refund",
      confirmations: 2,
    });
  });
});

describe("chain access that only one of them has", () => {
  test("bitcoind burns the given amount at most", async () => {
    const chain = bitcoindAccess(node.connection);
    const [staker, provider] = [party(randomUUID()), party("access provider")];
    const params = regtest.versions[0]!;
    const { covenant } = params;
    const terms = {
      staker: staker.publicKey,
      finalityProviders: [provider.publicKey],
      covenant,
      timelock: 100,
    };
    const members = committee.slice(0, 3);
    const request = { terms, params, value: 200_000n, stakers: [staker], committee: members };
    const delegation = await stake(node, request);
    const slashing = finishSlashing(delegation, "staking", provider.secretKey);
    await failure(chain.broadcast(slashing), "node-refused");
    await failure(chain.broadcast(slashing, { maxBurn: slashing.outs[0]!.value - 1n }), "node-refused");
    expect(await chain.broadcast(slashing, { maxBurn: slashing.outs[0]!.value })).toBe(slashing.getId());
  });

  test("bitcoind leaves out coinbases that cannot be spent yet", async () => {
    const chain = bitcoindAccess(node.connection);
    const address = await node.rpc.getnewaddress();
    await node.rpc.generatetoaddress(1, address);
    await node.mine(98);
    await failure(coinsOfAddress(chain, address, "regtest"), "insufficient-funds");
    await node.mine();
    expect(await coinsOfAddress(chain, address, "regtest")).toMatchObject([{ confirmations: 100 }]);
  });

  test("bitcoind finds the transaction of an unspent output without an index", async () => {
    const plain = await startNode({ args: ["-txindex=0"] });
    try {
      const chain = bitcoindAccess(plain.connection);
      const address = await plain.rpc.getnewaddress();
      const txid = await plain.rpc.sendtoaddress(address, 75_000n);
      await plain.mine(3);
      const [coin] = await chain.coins(address);
      const { outpoint } = coin!;
      expect(await chain.transaction(txid)).toBeNull();
      expect((await chain.previousTransaction(outpoint))!.getId()).toBe(txid);
      await plain.rpc.call("sendall", [await plain.rpc.getnewaddress()]);
      await plain.mine();
      expect(await chain.previousTransaction(outpoint)).toBeNull();
    } finally {
      await plain.stop();
    }
  });

  test("a young bitcoind has no fee estimate, an Esplora server has one", async () => {
    await failure(bitcoindAccess(node.connection).feeRate(6), "no-fee-estimate");
    const rate = await esploraAccess({ url: bridge.url }).feeRate(6);
    expect(rate).toEqual({ numerator: 3_500n, denominator: 1000n });
  });
});
