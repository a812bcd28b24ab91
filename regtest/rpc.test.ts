import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createRpc } from "../src/chain/index.js";
import { failure } from "../test/support/errors.js";
import { type RegtestNode, startNode } from "./index.js";

let node: RegtestNode;
beforeAll(async () => {
  node = await startNode();
});
afterAll(() => node?.stop());

describe("the client and a real node agree on", () => {
  test("the chain and its blocks", async () => {
    const { rpc } = node;
    const info = await rpc.getblockchaininfo();
    expect(info).toMatchObject({ chain: "regtest", blocks: await rpc.getblockcount() });
    expect(info.bestblockhash).toBe(await rpc.getbestblockhash());
    const hash = await rpc.getblockhash(1);
    const block = await rpc.getblock(hash);
    expect(block).toMatchObject({ hash, height: 1 });
    expect(await rpc.getblockhex(hash)).toMatch(/^[0-9a-f]{160,}$/);
  });

  test("the exact value of outputs", async () => {
    const { rpc } = node;
    const address = await rpc.getnewaddress("bech32m");
    const txid = await rpc.sendtoaddress(address, 123_456_789n);
    expect(await rpc.getrawmempool()).toContain(txid);
    const { fee, vsize } = await rpc.getmempoolentry(txid);
    expect(fee).toBeGreaterThan(BigInt(vsize));
    await node.mine();
    const transaction = await rpc.gettransactioninfo(txid);
    expect(transaction.hex).toBe(await rpc.getrawtransaction(txid));
    const output = transaction.vout.find(({ scriptPubKey }) => scriptPubKey.address === address)!;
    expect(output.value).toBe(123_456_789n);
    expect(await rpc.gettxout(txid, output.n)).toMatchObject({ value: 123_456_789n, confirmations: 1 });
    expect(
      (await rpc.listunspent()).find((coin) => coin.txid === txid && coin.vout === output.n),
    ).toMatchObject({
      address,
      value: 123_456_789n,
    });
    expect(await rpc.gettxout("00".repeat(32), 0)).toBeNull();
  });

  test("addresses, scripts and descriptors", async () => {
    const { rpc } = node;
    const address = await rpc.getnewaddress("bech32m");
    const { isvalid, scriptPubKey } = await rpc.validateaddress(address);
    expect(isvalid).toBe(true);
    expect(await rpc.decodescript(scriptPubKey!)).toMatchObject({ type: "witness_v1_taproot", address });
    expect((await rpc.validateaddress("bcrt1nonsense")).isvalid).toBe(false);
    const { descriptor } = await rpc.getdescriptorinfo(`addr(${address})`);
    expect(await rpc.deriveaddresses(descriptor)).toEqual([address]);
  });

  test("wallets: made, unloaded, loaded, given a descriptor", async () => {
    const { rpc } = node;
    const name = `second-${await node.height()}-${process.pid}`;
    await rpc.createwallet(name);
    const second = rpc.wallet(name);
    expect(await second.getbalance()).toBe(0n);
    await rpc.unloadwallet(name);
    await expect(second.getbalance()).rejects.toMatchObject({ code: "node-error" });
    await rpc.loadwallet(name);
    const [result] = await second.importdescriptors([{ desc: "raw(51)", timestamp: "now" }]);
    expect(result).toMatchObject({ success: false });
  });

  test("PSBTs: signed by the wallet, finalised, mined", async () => {
    const { rpc } = node;
    const to = await rpc.getnewaddress();
    const { psbt } = await rpc.call<{ psbt: string }>("walletcreatefundedpsbt", [], [{ [to]: "1.5" }]);
    const signed = await rpc.walletprocesspsbt(psbt);
    expect(signed.complete).toBe(true);
    const { hex } = await rpc.finalizepsbt(signed.psbt!);
    expect(await node.accepts(hex!)).toMatchObject({ allowed: true, reason: null });
    const hash = await node.mineTransactions([hex!]);
    expect((await rpc.getblock(hash)).tx).toHaveLength(2);
  });

  test("a block that it has already", async () => {
    const { rpc } = node;
    const error = await failure(
      rpc.submitblock(await rpc.getblockhex(await rpc.getbestblockhash())),
      "node-refused",
    );
    expect(error.details).toMatchObject({ reason: "duplicate" });
  });

  test("errors of the node", async () => {
    const error = await failure(node.rpc.getblockhash(10_000_000), "node-error");
    expect(error.details).toMatchObject({ method: "getblockhash", code: -8 });
    await expect(node.rpc.call("nosuchmethod")).rejects.toMatchObject({ code: "node-error" });
    const stranger = createRpc({ url: node.rpc.url, username: "nobody", password: "hunter2" });
    const refused = await failure(stranger.getblockcount(), "node-error");
    expect(refused.message).not.toContain("hunter2");
  });

  test("numbers with decimals: as text through `call`", async () => {
    const info = await node.rpc.call<{ difficulty: string }>("getblockchaininfo");
    expect(info.difficulty).toMatch(/^0\.000000000465654\d+$/);
    expect((await node.rpc.getnetworkinfo()).version).toBeGreaterThanOrEqual(280_000);
  });
});
