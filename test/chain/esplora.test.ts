import { describe, expect, test } from "vitest";
import { createEsplora, esploraAccess } from "../../src/chain/index.js";
import { failure } from "../support/errors.js";
import { closedAddress, serve, serveText } from "../support/server.js";
import { delegate, makeStake } from "../support/stake.js";

const txid = "ab".repeat(32);
const hash = "cd".repeat(32);
const calls = {
  transaction: (url: string) => createEsplora({ url }).transaction(txid),
  status: (url: string) => createEsplora({ url }).status(txid),
  outspend: (url: string) => createEsplora({ url }).outspend(txid, 0),
  utxos: (url: string) => createEsplora({ url }).utxos("bcrt1"),
  feeEstimates: (url: string) => createEsplora({ url }).feeEstimates(),
  tipHeight: (url: string) => createEsplora({ url }).tipHeight(),
  blockHash: (url: string) => createEsplora({ url }).blockHash(0),
  broadcast: (url: string) => createEsplora({ url }).broadcast(Uint8Array.of(1)),
};

describe("a request to Esplora", () => {
  test("goes below the path of the address, with its user", async () => {
    const seen: { url?: string; authorization?: string } = {};
    const url = await serve((_body, request, response) => {
      Object.assign(seen, { url: request.url, authorization: request.headers.authorization });
      response.end("7");
    });
    const client = createEsplora({ url: `${url.replace("//", "//carol:s%C3%A9same@")}/api` });
    expect(await client.tipHeight()).toBe(7);
    expect(seen.url).toBe("/api/blocks/tip/height");
    expect(seen.authorization).toBe(`Basic ${Buffer.from("carol:sésame").toString("base64")}`);
    expect(client.url).toBe(`${url}/api/`);
  });

  test("sends a transaction as hexadecimal", async () => {
    let sent: unknown;
    const url = await serve((body, request, response) => {
      sent = [request.method, request.url, body];
      response.end(txid);
    });
    expect(await createEsplora({ url }).broadcast(Uint8Array.of(0xab, 1))).toBe(txid);
    expect(sent).toEqual(["POST", "/tx", "ab01"]);
  });
});

describe("an answer of Esplora", () => {
  test("above the limit is refused before all of it came", async () => {
    const url = await serveText(`{"1":${"1".repeat(5000)}}`);
    const error = await failure(createEsplora({ url, maxAnswer: 4096 }).feeEstimates(), "unexpected-answer");
    expect(error.details).toMatchObject({ reason: "size", path: "fee-estimates" });
  });

  test("with decimals is a rate that is never below the number in it", async () => {
    const url = await serveText('{"1":87.882,"2":1.0001,"144":1,"1008":0.1000}');
    const rates = await createEsplora({ url }).feeEstimates();
    expect([...rates]).toEqual([
      [1, { numerator: 87_882n, denominator: 1000n }],
      [2, { numerator: 1_001n, denominator: 1000n }],
      [144, { numerator: 1_000n, denominator: 1000n }],
      [1008, { numerator: 100n, denominator: 1000n }],
    ]);
  });

  test.each([
    [1, 87_882n],
    [6, 1_001n],
    [500, 1_000n],
  ])("gives within %i blocks the rate of the next that is not slower", async (blocks, numerator) => {
    const url = await serveText('{"1":87.882,"2":1.0001,"144":1}');
    expect(await esploraAccess({ url }).feeRate(blocks)).toEqual({ numerator, denominator: 1000n });
  });

  test("without estimates is no-fee-estimate", async () => {
    const url = await serveText("{}");
    const error = await failure(esploraAccess({ url }).feeRate(6), "no-fee-estimate");
    expect(error.message).toContain(url);
  });

  test("of 404 is an unknown transaction", async () => {
    const url = await serveText("Transaction not found", 404);
    expect(await createEsplora({ url }).transaction(txid)).toBeNull();
    expect(await esploraAccess({ url }).transaction(txid)).toBeNull();
  });

  test("that is another transaction than requested is refused", async () => {
    const { staking } = await delegate(makeStake());
    const url = await serveText(staking.transaction.toHex());
    await failure(createEsplora({ url }).transaction(txid), "node-unreachable");
    expect((await createEsplora({ url }).transaction(staking.transaction.getId()))?.getId()).toBe(
      staking.transaction.getId(),
    );
  });

  test.each([
    [
      'sendrawtransaction RPC error: {"code":-26,"message":"min relay \\"fee\\" not met"}',
      'min relay "fee" not met',
    ],
    ["sendrawtransaction RPC error -27: Transaction already in block chain", undefined],
  ])("of 400 to a transaction is node-refused: %s", async (text, reason) => {
    const url = await serveText(text, 400);
    const error = await failure(calls.broadcast(url), "node-refused");
    expect(error.details).toEqual({ reason: reason ?? text });
  });

  test.each(Object.entries(calls))("of 429 or 500 to %s is node-error, with its reason", async (_, call) => {
    for (const status of [429, 500]) {
      const url = await serveText(`too much${"!".repeat(1000)}`, status);
      const error = await failure(call(url), "node-error");
      expect(error.details).toMatchObject({ status });
      expect(String(error.details["reason"])).toHaveLength(200);
    }
  });

  const garbage = [
    "",
    "<html>It works!</html>",
    "null",
    "{",
    "[1]",
    '"x"',
    "-1",
    "1.5",
    "1e400",
    '{"confirmed":true}',
    '{"confirmed":"yes"}',
    `{"confirmed":true,"block_height":-1,"block_hash":"${hash}"}`,
    '{"spent":true}',
    '{"1":-1}',
    '{"1":0}',
    '{"soon":1}',
    '{"1":"1e3"}',
    `[{"txid":"${txid}","vout":0,"value":-5,"status":{"confirmed":false}}]`,
    `[{"txid":"${txid}","vout":0,"value":2100000000000001,"status":{"confirmed":false}}]`,
    `[{"txid":"${txid}","vout":0,"value":1.5,"status":{"confirmed":false}}]`,
    `[{"txid":"AB","vout":0,"value":5,"status":{"confirmed":false}}]`,
    "00",
    hash.toUpperCase(),
  ];
  test.each(Object.entries(calls))("to %s that is something else is node-unreachable", async (_, call) => {
    for (const text of garbage) {
      const url = await serveText(text);
      const error = await failure(call(url), "node-unreachable");
      expect(error.message).toContain(url);
    }
  });
});

describe("a missing answer of Esplora", () => {
  test.each(Object.entries(calls))("to %s is node-unreachable", async (_, call) => {
    const url = await closedAddress();
    expect((await failure(call(url), "node-unreachable")).message).toContain(url);
  });

  test("within the time limit is node-unreachable, and names the request", async () => {
    const url = await serve(() => {});
    const error = await failure(createEsplora({ url, timeout: 50 }).tipHeight(), "node-unreachable");
    expect(error.message).toContain("no answer to blocks/tip/height in 50 ms");
  });

  test.each(["", "blockstream.info/api", "ftp://erin:secret@somewhere"])(
    "the address %j is refused at once, unseen",
    async (url) => {
      const error = await failure(
        Promise.resolve().then(() => createEsplora({ url })),
        "node-unreachable",
      );
      expect(`${error.message}${JSON.stringify(error.details)}`).not.toContain("secret");
    },
  );
});
