import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseTransaction } from "../src/bitcoin/transaction.js";
import { hex } from "../src/core/bytes.js";
import { failure } from "../test/support/errors.js";
import { type RegtestNode, startNode } from "./index.js";

/** The point of BIP-341 whose secret is unknown. */
const NUMS = "50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0";

let node: RegtestNode;
beforeAll(async () => {
  node = await startNode();
});
afterAll(() => node?.stop());

describe("a regtest node", () => {
  test("has a coinbase that can be spent", async () => {
    expect(await node.height()).toBeGreaterThanOrEqual(101);
    expect(await node.rpc.getbalance()).toBeGreaterThan(0n);
    expect(node.version).toMatch(/^\/Satoshi:\d+\./);
  });

  test("mines as many blocks as asked", async () => {
    const before = await node.height();
    expect(await node.mine(3)).toHaveLength(3);
    expect(await node.height()).toBe(before + 3);
  });

  test("funds an address with exactly the amount, mined", async () => {
    const address = await node.rpc.getnewaddress("bech32m");
    const coin = await node.fund(address, 123_456n);
    const output = await node.rpc.gettxout(coin.txid, coin.vout);
    expect(output).toMatchObject({ value: 123_456n, confirmations: 1 });
    expect(coin.value).toBe(123_456n);
    expect(hex.encode(coin.script)).toBe(output!.scriptPubKey.hex);
  });

  test("funds a script", async () => {
    const script = hex.decode(`5120${NUMS}`);
    expect(await node.fund(script, 5_000n)).toMatchObject({ value: 5_000n, script });
  });

  test("funds many at once, in the given order", async () => {
    const to = await Promise.all([1, 2, 3].map(() => node.rpc.getnewaddress()));
    const before = await node.height();
    const coins = await node.fundMany(to.map((address, i) => ({ to: address, satoshi: 5_000n + BigInt(i) })));
    expect(coins.map(({ value }) => value)).toEqual([5_000n, 5_001n, 5_002n]);
    expect(new Set(coins.map(({ txid }) => txid)).size).toBe(1);
    expect(await node.height()).toBe(before + 1);
    const scripts = await Promise.all(to.map((address) => node.rpc.validateaddress(address)));
    expect(coins.map(({ script }) => hex.encode(script))).toEqual(
      scripts.map(({ scriptPubKey }) => scriptPubKey),
    );
  });

  test("relays any lock time that its wallet draws, also one that Bitcoin Knots refuses by default", async () => {
    const { hex: raw } = await node.rpc.call<{ hex: string }>(
      "send",
      [{ [await node.rpc.getnewaddress()]: "0.001" }],
      null,
      "unset",
      null,
      { locktime: 21, add_to_wallet: false },
    );
    expect(parseTransaction(hex.decode(raw)).locktime).toBe(21);
    expect(await node.accepts(raw)).toMatchObject({ allowed: true });
  });

  test("refuses to fund a script that has no address", async () => {
    await expect(node.fund(hex.decode("6a026869"), 5_000n)).rejects.toMatchObject({ code: "invalid-script" });
  });

  test("mines more coins when an amount needs them", async () => {
    const more = (await node.rpc.getbalance()) + 6_000_000_000n;
    const { value } = await node.fund(await node.rpc.getnewaddress(), more);
    expect(value).toBe(more);
  });

  test("refuses to pay more than all its coins", async () => {
    await expect(node.fund(await node.rpc.getnewaddress(), 2_000_000_000_000n)).rejects.toMatchObject({
      code: "insufficient-funds",
    });
  });

  test("derives the address of a descriptor", async () => {
    expect(await node.deriveAddress(`rawtr(${NUMS})`)).toMatch(/^bcrt1p[a-z0-9]{58}$/);
    await expect(node.deriveAddress("tr(nonsense)")).rejects.toMatchObject({ code: "node-error" });
  });
});

describe("transactions on a regtest node", () => {
  test("are sent, and tested before", async () => {
    const raw = await signedPayment();
    expect(await node.accepts(raw)).toMatchObject({ allowed: true, reason: null });
    const txid = await node.send(hex.decode(raw));
    expect(await node.rpc.getrawmempool()).toContain(txid);
    await node.mine();
    expect(await node.accepts(raw)).toMatchObject({ allowed: false, reason: "txn-already-known" });
  });

  test("that spend unknown coins are refused with the node's reason", async () => {
    const raw = (await signedPayment()).replace(/^(02000000(?:0001)?01)[0-9a-f]{64}/, `$1${"11".repeat(32)}`);
    const error = await failure(node.send(raw), "node-refused");
    expect(error.details["reason"]).toBe("bad-txns-inputs-missingorspent");
    expect(await node.accepts(raw)).toMatchObject({ allowed: false, reason: "missing-inputs" });
    const mined = await failure(node.mineTransactions([raw]), "node-refused");
    expect(mined.details["reason"]).toContain("bad-txns-inputs-missingorspent");
  });

  test("that are malformed are refused", async () => {
    const error = await failure(node.send("00"), "node-refused");
    expect(error.details["reason"]).toContain("TX decode failed");
  });

  test("that burn coins need the amount that may burn", async () => {
    const raw = await signedPayment({ burn: "0.00001000" });
    const error = await failure(node.send(raw), "node-refused");
    expect(error.details["reason"]).toContain("maxburnamount");
    expect(await node.send(raw, { maxBurn: 1_000n })).toMatch(/^[0-9a-f]{64}$/);
  });

  test("that relay policy refuses can be mined", async () => {
    const raw = await signedPayment({ version: 99 });
    expect(await node.accepts(raw)).toMatchObject({ allowed: false, reason: "version" });
    const hash = await node.mineTransactions([raw]);
    expect((await node.rpc.getblock(hash)).tx).toHaveLength(2);
  });
});

describe("waitFor", () => {
  test("returns the last result of the condition", async () => {
    let asked = 0;
    expect(await node.waitFor(() => ++asked === 3 && "done", { what: "the third time" })).toBe("done");
  });

  test("gives up at the deadline with the name of the condition", async () => {
    const error = await failure(
      node.waitFor(() => false, { deadline: 20, what: "a miracle" }),
      "wait-timeout",
    );
    expect(error.message).toContain("a miracle");
  });

  test("fails with the condition's error", async () => {
    await expect(
      node.waitFor(() => Promise.reject(new Error("broken")), { what: "nothing" }),
    ).rejects.toThrow("broken");
  });
});

/** A signed payment of the node's wallet, as hexadecimal. */
async function signedPayment({
  burn,
  version = 2,
}: { burn?: string; version?: number } = {}): Promise<string> {
  const coin = (await node.rpc.listunspent()).find(({ value }) => value > 10_000_000n);
  const change = `${(coin!.value - 10_000n) / 100_000_000n}.${String((coin!.value - 10_000n) % 100_000_000n).padStart(8, "0")}`;
  const outputs = burn
    ? [{ data: "00" }, { [await node.rpc.getnewaddress()]: "0.01" }]
    : [{ [await node.rpc.getnewaddress()]: change }];
  const inputs = [{ txid: coin!.txid, vout: coin!.vout }];
  let raw = await node.rpc.call<string>("createrawtransaction", inputs, outputs);
  // The node makes OP_RETURN outputs of 0 only: put the burnt amount (1000 satoshi) into the first output.
  if (burn) raw = raw.replace(/0{16}036a0100/, "e803000000000000036a0100");
  raw = raw.replace(/^02000000/, version.toString(16).padStart(2, "0") + "000000");
  const { hex: signed } = await node.rpc.call<{ hex: string }>("signrawtransactionwithwallet", raw);
  return signed;
}
