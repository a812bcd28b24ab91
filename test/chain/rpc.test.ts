import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { bitcoindAccess, createRpc } from "../../src/chain/index.js";
import { failure } from "../support/errors.js";
import { closedAddress, serve, serveResult, serveText } from "../support/server.js";
import { readCase } from "../support/vectors.js";

const user = { username: "alice", password: "open:sésame" };

test("an answer above the limit is refused before all of it came", async () => {
  const url = await serveResult(`"${"x".repeat(5000)}"`);
  const error = await failure(
    createRpc({ url, ...user, maxAnswer: 4096 }).getblockcount(),
    "unexpected-answer",
  );
  expect(error.details).toMatchObject({ reason: "size" });
});

describe("a request to bitcoind", () => {
  test("has method, parameters, user and wallet as bitcoind reads them", async () => {
    const seen: { url?: string; authorization?: string; body?: unknown } = {};
    const url = await serve((body, request, response) => {
      Object.assign(seen, {
        url: request.url,
        authorization: request.headers.authorization,
        body: JSON.parse(body),
      });
      response.end('{"result":["x"],"error":null,"id":1}');
    });
    const rpc = createRpc({ url, ...user }).wallet("a wallet/1");
    expect(await rpc.generatetoaddress(2, "bcrt1")).toEqual(["x"]);
    expect(seen.url).toBe("/wallet/a%20wallet%2F1");
    expect(seen.authorization).toBe(`Basic ${Buffer.from("alice:open:sésame").toString("base64")}`);
    expect(seen.body).toMatchObject({ method: "generatetoaddress", params: [2, "bcrt1"] });
  });

  test("takes the user from the address when none is given", async () => {
    let authorization: string | undefined;
    const url = await serve((_body, request, response) => {
      authorization = request.headers.authorization;
      response.end('{"result":1}');
    });
    await createRpc({ url: url.replace("//", "//bob:p%40ss@") }).getblockcount();
    expect(authorization).toBe(`Basic ${Buffer.from("bob:p@ss").toString("base64")}`);
  });

  test("takes a percent sign in a password that escapes nothing", async () => {
    let authorization: string | undefined;
    const url = await serve((_body, request, response) => {
      authorization = request.headers.authorization;
      response.end('{"result":1}');
    });
    await createRpc({ url: url.replace("//", "//bob:100%sure@") }).getblockcount();
    expect(authorization).toBe(`Basic ${Buffer.from("bob:100%sure").toString("base64")}`);
  });

  test("reads the cookie file anew each time, as the node writes a new one when it restarts", async () => {
    const folder = await mkdtemp(join(tmpdir(), "tapstake-cookie-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const seen: (string | undefined)[] = [];
    const url = await serve((_body, request, response) => {
      seen.push(request.headers.authorization);
      response.end('{"result":1}');
    });
    const cookieFile = join(folder, ".cookie");
    const rpc = createRpc({ url, cookieFile });
    for (const cookie of ["__cookie__:one", "__cookie__:two"]) {
      await writeFile(cookieFile, cookie);
      await rpc.getblockcount();
    }
    expect(seen).toEqual(
      ["__cookie__:one", "__cookie__:two"].map((cookie) => `Basic ${Buffer.from(cookie).toString("base64")}`),
    );
  });

  test("sends amounts as text", async () => {
    let params: unknown;
    const url = await serve((body, _request, response) => {
      ({ params } = JSON.parse(body) as { params: unknown });
      response.end('{"result":"txid"}');
    });
    await createRpc({ url }).sendtoaddress("bcrt1", 2_099_999_999_999_999n);
    expect(params).toEqual(["bcrt1", "20999999.99999999"]);
    await createRpc({ url }).sendmany([
      { address: "bcrt1a", satoshi: 1n },
      { address: "bcrt1b", satoshi: 100_000_000n },
    ]);
    expect(params).toEqual(["", { bcrt1a: "0.00000001", bcrt1b: "1" }]);
  });
});

describe("many calls in one request", () => {
  /** A node that answers a batch by this. */
  const answering = (text: (ids: number[]) => string) =>
    serve((body, _request, response) => {
      const calls = JSON.parse(body) as { id: number }[];
      response.end(text(calls.map(({ id }) => id)));
    });

  test("are asked at once, and answered in any order", async () => {
    const bodies: unknown[] = [];
    const url = await serve((body, _request, response) => {
      const calls = JSON.parse(body) as { id: number; params: [number] }[];
      bodies.push(...calls);
      const answers = calls.map(({ id, params }) => ({ id, result: `${params[0]}`, error: null }));
      response.end(JSON.stringify(answers.toReversed()));
    });
    const rpc = createRpc({ url, ...user });
    expect(await rpc.callEach("getblockhash", [[7], [8], [9]])).toEqual(["7", "8", "9"]);
    expect(bodies).toMatchObject([7, 8, 9].map((height) => ({ method: "getblockhash", params: [height] })));
    expect(await rpc.callEach("getblockhash", [])).toEqual([]);
    expect(bodies).toHaveLength(3);
  });

  test("with an error among the answers throw it", async () => {
    const url = await answering(
      ([a, b]) =>
        `[{"id":${a},"result":1},{"id":${b},"error":{"code":-8,"message":"Block height out of range"}}]`,
    );
    const error = await failure(createRpc({ url }).callEach("getblockhash", [[1], [2]]), "node-error");
    expect(error.details).toMatchObject({ method: "getblockhash", code: -8 });
  });

  test("with one error for all of them throw it", async () => {
    const url = await serveText('{"id":null,"error":{"code":-32600,"message":"no batches"}}', 400);
    const error = await failure(createRpc({ url }).callEach("getblockhash", [[1]]), "node-error");
    expect(error.details).toMatchObject({ code: -32600, reason: "no batches" });
  });

  test.each([
    ["no list", () => '{"result":1}'],
    ["too few answers", ([id]: number[]) => `[{"id":${id},"result":1}]`],
    ["one answer twice", ([id]: number[]) => `[{"id":${id},"result":1},{"id":${id},"result":1}]`],
    ["a list of something else", () => "[1,null]"],
  ])("with %s as the answer are node-unreachable", async (_name, text) => {
    const rpc = createRpc({ url: await answering(text) });
    const error = await failure(rpc.callEach("getblockhash", [[1], [2]]), "node-unreachable");
    expect(error.details).toMatchObject({ method: "getblockhash", status: 200 });
  });
});

describe("sending a transaction", () => {
  /** A bitcoind that knows so many arguments, and answers with its help to more. */
  const knows = async (most: number) => {
    const seen: unknown[][] = [];
    const url = await serve((body, _request, response) => {
      const { params } = JSON.parse(body) as { params: unknown[] };
      seen.push(params);
      const help = 'sendrawtransaction "hexstring" ( maxfeerate )\n\nSubmit a raw transaction…';
      response.end(
        JSON.stringify(params.length <= most ? { result: "txid" } : { error: { code: -1, message: help } }),
      );
    });
    return { rpc: createRpc({ url }), seen };
  };

  test("works before Bitcoin Core 25, which knew no limit of what is burnt", async () => {
    const { input } = readCase<{ "params sent": string[] }>("24-old-bitcoind-maxburn");
    const { rpc, seen } = await knows(2);
    expect(await rpc.sendrawtransaction("00")).toBe("txid");
    expect(await rpc.sendrawtransaction("00", { maxBurn: 0n, maxFeeRate: 10_000n })).toBe("txid");
    expect(seen).toEqual([input["params sent"].slice(0, 2), ["00", "0.0001"]]);
  });

  test("says what a limit above 0 of what is burnt needs", async () => {
    const { rpc } = await knows(2);
    const error = await failure(rpc.sendrawtransaction("00", { maxBurn: 5n }), "node-error");
    expect(error.message).toContain("Bitcoin Core 25 or later");
    expect(error.details).toMatchObject({ method: "sendrawtransaction", code: -1 });
  });

  test("sends that limit to a node that knows it, and keeps its other errors", async () => {
    const { rpc, seen } = await knows(3);
    expect(await rpc.sendrawtransaction("00", { maxBurn: 5n })).toBe("txid");
    expect(seen).toEqual([["00", "0", "0.00000005"]]);
    const url = await serveText('{"error":{"code":-1,"message":"some other trouble"}}');
    const error = await failure(createRpc({ url }).sendrawtransaction("00", { maxBurn: 5n }), "node-error");
    expect(error.message).toBe("sendrawtransaction: some other trouble (code -1)");
  });
});

describe("a scan of all coins", () => {
  const coin = { txid: "00".repeat(32), vout: 0, scriptPubKey: "51", amount: 0.5, height: 7 };
  const { input } = readCase<{ answer: object }>("25-scan-aborted");

  test.each([
    ["that was aborted", input.answer],
    ["that was aborted, with the coins so far", { success: false, unspents: [coin] }],
    ["that does not say whether it succeeded", { unspents: [] }],
    ["that another one forestalled", null],
  ])("%s is node-error, not coins", async (_name, answer) => {
    const url = await serveResult(JSON.stringify(answer));
    const error = await failure(createRpc({ url }).scantxoutset(["raw(51)"]), "node-error");
    expect(error.details).toMatchObject({ method: "scantxoutset", reason: "aborted" });
    await expect(bitcoindAccess({ url }).coins("bcrt1")).rejects.toMatchObject({ code: "node-error" });
  });

  test("that succeeded gives its coins", async () => {
    const url = await serveResult(JSON.stringify({ success: true, unspents: [coin] }));
    const { amount: _, ...rest } = coin;
    expect(await createRpc({ url }).scantxoutset(["raw(51)"])).toEqual([{ ...rest, value: 50_000_000n }]);
  });
});

describe("an answer of bitcoind", () => {
  test("gives amounts as exact satoshi", async () => {
    const url = await serveResult("20999999.99999999");
    expect(await createRpc({ url }).getbalance()).toBe(2_099_999_999_999_999n);
  });

  test("with more than 8 decimals is refused as an amount", async () => {
    const url = await serveResult("0.123456789");
    await expect(createRpc({ url }).getbalance()).rejects.toMatchObject({ code: "invalid-amount" });
  });

  test.each([
    ["HTTP 500, as before JSON-RPC 2.0", 500],
    ["HTTP 200, as in JSON-RPC 2.0", 200],
  ])("with an error is node-error: %s", async (_name, status) => {
    const url = await serveText(
      '{"result":null,"error":{"code":-5,"message":"No such block"},"id":1}',
      status,
    );
    const error = await failure(createRpc({ url, ...user }).getblockhash(7), "node-error");
    expect(error.details).toMatchObject({ method: "getblockhash", code: -5, reason: "No such block" });
    expect(error.message).toBe("getblockhash: No such block (code -5)");
  });

  test.each([-22, -25, -26, -27])("with code %i to a transaction is node-refused", async (code) => {
    const url = await serveText(JSON.stringify({ error: { code, message: "bad-txns" } }));
    const error = await failure(createRpc({ url }).sendrawtransaction("00"), "node-refused");
    expect(error.details).toMatchObject({ reason: "bad-txns", code });
  });

  test("with another code to a transaction stays node-error", async () => {
    const url = await serveText('{"error":{"code":-28,"message":"Loading block index…"}}');
    await expect(createRpc({ url }).sendrawtransaction("00")).rejects.toMatchObject({ code: "node-error" });
  });

  test("401 is node-error and shows neither user nor password", async () => {
    const url = await serveText("", 401);
    const withUser = url.replace("//", "//carol:hunter2@");
    const error = await failure(createRpc({ url: withUser }).getblockcount(), "node-error");
    expect(error.details).toMatchObject({ code: 401, reason: "unauthorized" });
    expect(everything(error)).not.toMatch(/carol|hunter2/);
    expect(error.message).toContain(url);
  });

  test("403 is node-error, and names the node's lists of who may call what", async () => {
    const error = await failure(createRpc({ url: await serveText("", 403) }).getblockcount(), "node-error");
    expect(error.details).toMatchObject({ code: 403, reason: "forbidden" });
    expect(error.message).toContain("-rpcwhitelist");
  });

  test.each([
    ["a web page", "<html>It works!</html>", 200],
    ["a full work queue", "Work queue depth exceeded", 503],
    ["nothing", "", 200],
    ["half of a JSON text", '{"result":', 200],
    ["JSON that is no object", "[]", 200],
    ["null", "null", 200],
    ["neither result nor error", "{}", 200],
    ["an error without code", '{"error":"no"}', 500],
  ])("that is %s is node-unreachable", async (_name, text, status) => {
    const url = await serveText(text, status);
    const error = await failure(createRpc({ url }).getblockcount(), "node-unreachable");
    expect(error.message).toContain(url);
    expect(error.details).toMatchObject({ method: "getblockcount", status });
  });
});

describe("a missing answer of bitcoind", () => {
  test("a closed port is node-unreachable, with the address and without the user", async () => {
    const url = await closedAddress();
    const withUser = url.replace("//", "//dave:secret@");
    const error = await failure(createRpc({ url: withUser }).getblockcount(), "node-unreachable");
    expect(error.message).toContain(url);
    expect(error.message).toContain("ECONNREFUSED");
    expect(everything(error)).not.toMatch(/dave|secret/);
  });

  test("one that takes longer than the timeout is node-unreachable", async () => {
    const url = await serve(() => {});
    const error = await failure(createRpc({ url, timeout: 50 }).getblockcount(), "node-unreachable");
    expect(error.message).toContain("no answer to getblockcount in 50 ms");
  });

  test("one that breaks off is node-unreachable", async () => {
    const url = await serve((_body, request) => request.socket.destroy());
    await expect(createRpc({ url }).getblockcount()).rejects.toMatchObject({ code: "node-unreachable" });
  });

  test("a missing cookie file is node-unreachable", async () => {
    const rpc = createRpc({
      url: "http://127.0.0.1:1",
      cookieFile: join(tmpdir(), "tapstake-none", ".cookie"),
    });
    const error = await failure(rpc.getblockcount(), "node-unreachable");
    expect(error.message).toContain("no cookie file");
  });

  test.each(["", "127.0.0.1:8332", "erin:secret@somewhere", "ftp://erin:secret@somewhere"])(
    "the address %j is refused at once, unseen",
    async (url) => {
      const error = await failure(
        Promise.resolve().then(() => createRpc({ url })),
        "node-unreachable",
      );
      expect(everything(error)).not.toContain("secret");
    },
  );
});

/** All that could be logged of an error. */
function everything(error: Error & { details?: unknown }): string {
  const cause = error.cause instanceof Error ? everything(error.cause) : String(error.cause);
  return [error.message, error.stack, JSON.stringify(error.details), cause].join("\n");
}
