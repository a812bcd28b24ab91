import { createServer } from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { babylonChain, type BabylonOptions } from "../../src/babylon-client/client.js";
import type { ErrorCode } from "../../src/core/errors.js";
import { failure } from "../support/errors.js";
import { FakeChain, grpcError } from "../support/fake-chain.js";
import { closedAddress, serve, serveText } from "../support/server.js";

const TIP = "babylon/btclightclient/v1/tip";
const header = { header_hex: "00".repeat(80), hash_hex: "ab".repeat(32), height: 7, work: "1" };

/** A clock that does not wait, and says how long it was asked to. */
function quickClock() {
  const sleeps: number[] = [];
  const clock = {
    now: () => Date.parse("2026-11-30T00:00:00Z"),
    sleep: async (ms: number) => void sleeps.push(ms),
  };
  return { sleeps, clock };
}

const chainAt = (lcd: string, options: Partial<BabylonOptions> = {}) =>
  babylonChain({ lcd, chainId: "chain-test", clock: quickClock().clock, ...options });

describe("a server of the chain", () => {
  it("is called below its path, with the credentials of its URL", async () => {
    const asked: (string | undefined)[] = [];
    const url = await serve((_body, request, response) => {
      asked.push(request.url, request.headers.authorization);
      response.end(JSON.stringify({ header }));
    });
    const chain = chainAt(`${url.replace("://", "://user:secret@")}/api`);
    expect(await chain.tip()).toMatchObject({ height: 7, hash: "ab".repeat(32) });
    expect(asked).toEqual([`/api/${TIP}`, `Basic ${btoa("user:secret")}`]);
    expect(chain.url).toBe(`${url}/api/`);
  });

  it("is asked for the state of a height by a header", async () => {
    let height: unknown;
    const url = await serve((_body, request, response) => {
      height = request.headers["x-cosmos-block-height"];
      response.end(JSON.stringify({ header }));
    });
    await chainAt(url).at(123n).tip();
    expect(height).toBe("123");
    await chainAt(url).tip();
    expect(height).toBeUndefined();
  });

  it.each(['{"header":{"height":7', '{"header":{"height":"7"', '{"header":{"height":"007"'])(
    "may give a number as text or as a number, and no other text: %s",
    async (start) => {
      const rest = JSON.stringify({ ...header, height: undefined }).slice(1);
      const answer = chainAt(await serveText(`${start},${rest}}`)).tip();
      if (start.includes("007")) await failure(answer, "unexpected-answer");
      else expect((await answer).height).toBe(7);
    },
  );

  it("keeps the digits of a number beyond 2^53", async () => {
    const url = await serveText('{"height":9007199254740993,"voting_power":18446744073709551615}');
    expect(await chainAt(url).power(new Uint8Array(32))).toEqual({
      height: 9007199254740993n,
      power: 2n ** 64n - 1n,
    });
    const above = await serveText('{"height":"1","voting_power":"18446744073709551616"}');
    const error = await failure(chainAt(above).power(new Uint8Array(32)), "unexpected-answer");
    expect(error.details).toMatchObject({ field: "voting_power", reason: "form" });
  });

  const answers: [what: string, text: string, status: number, code: ErrorCode, details: object][] = [
    ["a web page with status 200", "<!doctype html><p>hi", 200, "unexpected-answer", { reason: "html" }],
    ["cut JSON", '{"header":{"hash_hex":"ab', 200, "unexpected-answer", { reason: "json" }],
    ["an empty answer", "", 200, "unexpected-answer", { reason: "json" }],
    ["a million open quotes", `{"a":"${'\\"'.repeat(500_000)}`, 200, "unexpected-answer", { reason: "json" }],
    ["deep nesting", "[".repeat(100_000) + "]".repeat(100_000), 200, "unexpected-answer", { reason: "form" }],
    ["null", "null", 200, "unexpected-answer", { reason: "form" }],
    [
      "another form",
      '{"header":{}}',
      200,
      "unexpected-answer",
      { reason: "form", field: "header.header_hex" },
    ],
    ["a web page with status 502", "<html>bad gateway", 502, "node-error", { status: 502 }],
    [
      "no such path",
      JSON.stringify(grpcError(501, 12, "Not Implemented").body),
      501,
      "node-error",
      { grpcCode: 12 },
    ],
  ];
  it.each(answers)(
    "with %s is refused, with its URL and path",
    async (_what, text, status, code, details) => {
      const url = await serveText(text, status);
      const error = await failure(chainAt(url).tip(), code);
      expect(error.details).toMatchObject({ url: `${url}/`, path: TIP, ...details });
      expect(error.message).toContain(TIP);
    },
  );

  it("with an error of a module is refused by its codespace and number", async () => {
    const said = "codespace btcstaking code 1105: the BTC height is not found: at 5";
    const { status, body } = grpcError(500, 2, said);
    const error = await failure(
      chainAt(await serveText(JSON.stringify(body), status)).tip(),
      "chain-refused",
    );
    expect(error.details).toMatchObject({
      codespace: "btcstaking",
      chainCode: 1105,
      name: "ErrBTCHeightNotFound",
      retry: "later",
      status: 500,
      path: TIP,
      log: said,
    });
  });

  it("that pruned a height is reported as such", async () => {
    const said =
      "codespace sdk code 18: invalid request: failed to load state at height 5; version does not exist (latest height: 90)";
    const { body } = grpcError(400, 3, said);
    const chain = chainAt(await serveText(JSON.stringify(body), 400));
    const error = await failure(chain.at(5n).tip(), "chain-refused");
    expect(error.details).toMatchObject({ codespace: "sdk", chainCode: 18, name: "ErrInvalidRequest" });
    expect(error.message).toContain("version does not exist");
  });

  it("with an answer above the limit is refused before the whole answer was read", async () => {
    const url = await serveText(JSON.stringify({ header, filler: "x".repeat(5000) }));
    const error = await failure(chainAt(url, { maxAnswer: 4096 }).tip(), "unexpected-answer");
    expect(error.details).toMatchObject({ reason: "size", path: TIP });
    expect(await chainAt(url, { maxAnswer: 8192 }).tip()).toMatchObject({ height: 7 });
  });

  it("that redirects is refused, and the other server is not called", async () => {
    const elsewhere: unknown[] = [];
    const other = await serve((_body, request, response) => {
      elsewhere.push(request.url);
      response.end(JSON.stringify({ header }));
    });
    const url = await serve((_body, _request, response) =>
      response.writeHead(302, { location: `${other}/x` }).end(),
    );
    const error = await failure(chainAt(url).tip(), "unexpected-answer");
    expect(error.details).toMatchObject({ reason: "redirect", path: TIP });
    expect(elsewhere).toEqual([]);
  });

  it("that does not answer is unreachable", async () => {
    const error = await failure(chainAt(await closedAddress()).tip(), "node-unreachable");
    expect(error.message).toContain("ECONNREFUSED");
  });

  it("that never ends its answer is unreachable after a time limit", async () => {
    const server = createServer((socket) => socket.on("error", () => undefined)).listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const chain = chainAt(`http://127.0.0.1:${port}`, { timeout: 50 });
    expect((await failure(chain.tip(), "node-unreachable")).message).toContain("50 ms");
  });

  it.each(["ftp://host", "nonsense"])("at %s is refused", (lcd) => {
    expect(() => chainAt(lcd)).toThrow(/not an http or https URL/);
  });
});

describe("a busy server", () => {
  const busyFor = async (times: number, headers: Record<string, string>, status = 429) => {
    let left = times;
    return serve((_body, _request, response) => {
      if (left-- > 0) response.writeHead(status, headers).end("slow down");
      else response.end(JSON.stringify({ header }));
    });
  };

  it.each([
    ["seconds", { "retry-after": "3" }, [3000, 3000]],
    ["a date", { "retry-after": "Mon, 30 Nov 2026 00:00:04 GMT" }, [4000, 4000]],
    ["more than 30 seconds", { "retry-after": "86400" }, [30_000, 30_000]],
    ["a date in the past", { "retry-after": "Mon, 30 Nov 2020 00:00:00 GMT" }, [0, 0]],
    ["nothing", {}, [1000, 2000]],
    ["nonsense", { "retry-after": "soon" }, [1000, 2000]],
  ])("that asks to wait for %s is asked again after it", async (_what, headers, waits) => {
    const { clock, sleeps } = quickClock();
    const chain = chainAt(await busyFor(2, headers as Record<string, string>), { clock });
    expect(await chain.tip()).toMatchObject({ height: 7 });
    expect(sleeps).toEqual(waits);
  });

  it.each([429, 503])("with status %i is given up after four tries", async (status) => {
    const { clock, sleeps } = quickClock();
    const chain = chainAt(await busyFor(100, {}, status), { clock });
    const error = await failure(chain.tip(), "node-error");
    expect(error.details).toMatchObject({ status, path: TIP });
    expect(sleeps).toHaveLength(3);
  });
});

describe("the node of a chain", () => {
  it("says its chain, version, release and height", async () => {
    const fake = await FakeChain.start();
    const chain = chainAt(fake.lcd);
    expect(await chain.node()).toEqual({ chainId: "chain-test", version: "v4.3.1", release: "v4" });
    expect(await chain.release()).toBe("v4");
    expect(await chain.height()).toBe(1000n);
    fake.version = "2.2.0";
    expect(await chain.release()).toBe("v2");
  });

  it("of another chain is refused", async () => {
    const fake = await FakeChain.start();
    fake.chainId = "bbn-test-6";
    const error = await failure(chainAt(fake.lcd).release(), "wrong-chain");
    expect(error.details).toMatchObject({ expected: "chain-test", got: "bbn-test-6" });
  });

  it("of an unknown release is refused", async () => {
    const fake = await FakeChain.start();
    fake.version = "v5.0.0";
    expect((await chainAt(fake.lcd).node()).release).toBeUndefined();
    await failure(chainAt(fake.lcd).release(), "unsupported-by-release");
  });

  it.each([
    ["", "does not state the version"],
    ["v5.0.0", "runs version v5.0.0"],
  ])(
    "of a version that says no release, %j, has the release that the caller names",
    async (version, text) => {
      const fake = await FakeChain.start();
      fake.version = version;
      const error = await failure(chainAt(fake.lcd).release(), "unsupported-by-release");
      expect(error.message).toContain(text);
      expect(error.message).toContain("name its release, one of v1, v2, v3, v4");
      expect(await chainAt(fake.lcd, { release: "v4" }).release()).toBe("v4");
      fake.version = "v2.3.0";
      expect(await chainAt(fake.lcd, { release: "v4" }).release()).toBe("v2");
    },
  );
});
