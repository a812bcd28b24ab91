import { createServer } from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import type { ErrorCode } from "../../src/core/errors.js";
import { eigenLayerGraph } from "../../src/restaking/ethereum/eigenlayer.js";
import { fetchLogs, type FetchLogsOptions } from "../../src/restaking/ethereum/fetch-logs.js";
import { symbioticGraph } from "../../src/restaking/ethereum/symbiotic.js";
import { failure } from "../support/errors.js";
import { closedAddress, serve, serveText } from "../support/server.js";
import {
  type Answering,
  eigenLayerLogs,
  type Filter,
  MANAGER,
  OPERATOR,
  serveLogs,
  symbioticLogs,
  VAULT,
} from "./support/node.js";

const RULES = { alpha: [1n, 2n], basis: "slashable", tie: "safe" } as const;

const fetched = (url: string, options: Partial<FetchLogsOptions> = {}) =>
  fetchLogs({ url, system: "eigenlayer", sleep: async () => {}, ...options });

/** The ranges that a node is asked for. */
function recorder(answering: Answering = () => undefined): { ranges: string[]; answering: Answering } {
  const ranges: string[] = [];
  return {
    ranges,
    answering(asked, ...rest) {
      if (asked.method === "eth_getLogs") {
        const { fromBlock, toBlock } = (asked.params as unknown as Filter[])[0]!;
        ranges.push(`${Number(fromBlock)}-${Number(toBlock)}`);
      }
      return answering(asked, ...rest);
    },
  };
}

describe("logs of a node", () => {
  it("are those of the contracts up to the newest final block, in ranges", async () => {
    const { ranges, answering } = recorder();
    const url = await serveLogs(eigenLayerLogs(), answering);
    const done: number[] = [];
    const found = await fetched(url, { range: 400, onProgress: (blocks) => done.push(blocks) });
    expect(found).toMatchObject({ chainId: 1n, fromBlock: 0n, toBlock: 1000n });
    expect(found.logs).toEqual(eigenLayerLogs());
    expect(ranges).toEqual(["0-399", "400-799", "800-1000"]);
    expect(done).toEqual([400, 800, 1001]);
    const graph = eigenLayerGraph(found.logs, { service: RULES, atBlock: found.toBlock });
    expect(graph.edges.map(({ slashable }) => slashable)).toEqual([4n]);
  });

  it.each<[name: string, refuse: Answering]>([
    ["by an error", () => ({ error: { code: -32005, message: "query returned more than 10000 results" } })],
    [
      "by its status",
      (_asked, response) => {
        response.writeHead(413).end();
        return "answered";
      },
    ],
  ])("are asked for in shorter ranges where the node says %s that one is too long", async (_name, refuse) => {
    const { ranges, answering } = recorder((asked, ...rest) => {
      if (asked.method !== "eth_getLogs") return undefined;
      const { fromBlock, toBlock } = (asked.params as unknown as Filter[])[0]!;
      return Number(toBlock) - Number(fromBlock) < 300 ? undefined : refuse(asked, ...rest);
    });
    const { logs } = await fetched(await serveLogs(eigenLayerLogs(), answering));
    expect(logs).toEqual(eigenLayerLogs());
    expect(ranges.slice(0, 4)).toEqual(["0-1000", "0-499", "0-249", "250-749"]);
  });

  it("are asked for in shorter ranges where an answer is too long", async () => {
    const url = await serveLogs(eigenLayerLogs());
    const longest = JSON.stringify(eigenLayerLogs().slice(1, 4)).length + 100;
    expect((await fetched(url, { maxAnswer: longest })).logs).toEqual(eigenLayerLogs());
  });

  it("of Symbiotic lead from vaults to their delegators", async () => {
    const url = await serveLogs(symbioticLogs());
    const { logs } = await fetched(url, {
      system: "symbiotic",
      contracts: [VAULT.toUpperCase().replace("X", "x")],
    });
    const graph = symbioticGraph(logs, {
      assets: [{ id: "token", decimals: 18 }],
      vaults: { [VAULT]: { asset: "token" } },
      service: RULES,
    });
    expect(graph.edges.map(({ operator, slashable }) => [operator, slashable])).toEqual([[OPERATOR, 40n]]);
  });

  it("are asked for again, where the node is busy or hangs up, after the wait that it asks for", async () => {
    const sleeps: number[] = [];
    let calls = 0;
    const url = await serveLogs(eigenLayerLogs(), (_asked, response, request) => {
      calls++;
      if (calls === 1) response.writeHead(429, { "retry-after": "7" }).end();
      else if (calls === 2) response.writeHead(503).end("<html>");
      else if (calls === 3) request.socket.destroy();
      else return undefined;
      return "answered";
    });
    const { logs } = await fetched(url, { sleep: async (wait) => void sleeps.push(wait) });
    expect(logs).toHaveLength(5);
    expect(sleeps).toEqual([7000, 2000, 4000]);
  });

  it("take the user and password of the URL, and show neither them nor the key of a hosted node", async () => {
    const seen: (string | undefined)[] = [];
    const url = await serveLogs([], (_asked, response, request) => {
      seen.push(request.url, request.headers.authorization);
      response.writeHead(401).end("no");
      return "answered";
    });
    const error = await failure(fetched(`${url.replace("://", "://user:secret@")}/v3/apikey`), "node-error");
    expect(seen).toEqual(["/v3/apikey", `Basic ${btoa("user:secret")}`]);
    expect(JSON.stringify([error.message, error.details])).not.toMatch(/secret|apikey/);
  });
});

describe("a node is refused", () => {
  const [log] = eigenLayerLogs() as [object];
  const answeringLogs =
    (answer: object): Answering =>
    ({ method }) =>
      method === "eth_getLogs" ? answer : undefined;

  it.each<[name: string, answer: object, code: ErrorCode, details: object]>([
    ["that answers no list", { result: {} }, "unexpected-answer", { reason: "form" }],
    ["that answers no result", {}, "unexpected-answer", { reason: "form" }],
    [
      "with a log of another contract",
      { result: [{ ...log, address: OPERATOR }] },
      "unexpected-answer",
      { reason: "mismatch" },
    ],
    [
      "with a log of another event",
      { result: [{ ...log, topics: [`0x${"12".repeat(32)}`] }] },
      "unexpected-answer",
      { reason: "mismatch" },
    ],
    [
      "with a log of another block",
      { result: [{ ...log, blockNumber: "0x3e9" }] },
      "unexpected-answer",
      { reason: "mismatch" },
    ],
    ["with a log that was taken back", { result: [{ ...log, removed: true }] }, "invalid-log", {}],
    ["with a text in place of a log", { result: ["x"] }, "invalid-log", {}],
    [
      "that does not know the method",
      { error: { code: -32601, message: "the method eth_getLogs does not exist" } },
      "node-error",
      { code: -32601 },
    ],
    [
      "that finds one block too many",
      { error: { code: -32000, message: "limit \u001b[31mexceeded" } },
      "node-error",
      { reason: "limit  [31mexceeded" },
    ],
  ])("%s", async (_name, answer, code, details) => {
    const url = await serveLogs([], answeringLogs(answer));
    expect((await failure(fetched(url), code)).details).toMatchObject(details);
  });

  it.each<[name: string, url: () => Promise<string>, code: ErrorCode, text: RegExp]>([
    ["where none is", closedAddress, "node-unreachable", /ECONNREFUSED/],
    ["that answers a page", () => serveText("<html>"), "unexpected-answer", /not JSON/],
    ["that answers a page with an error", () => serveText("<html>", 500), "node-error", /HTTP status 500/],
    [
      "that answers half",
      () => serveText('{"jsonrpc":"2.0","id":1,"resu'),
      "unexpected-answer",
      /not JSON, or cut/,
    ],
    [
      "that answers another request",
      () => serveText('{"jsonrpc":"2.0","id":99,"result":"0x1"}'),
      "unexpected-answer",
      /request 1/,
    ],
    [
      "that answers a chain in decimal",
      () => serveText('{"id":1,"result":"1"}'),
      "unexpected-answer",
      /hexadecimal/,
    ],
    ["that is always busy", () => serveText("", 429), "node-unreachable", /busy/],
    [
      "that leads elsewhere",
      () => serve((_b, _q, response) => response.writeHead(302, { location: "/x" }).end()),
      "unexpected-answer",
      /another address/,
    ],
    [
      "whose answer has no end",
      () => serveText("1".repeat(5000)),
      "unexpected-answer",
      /more than 4000 bytes/,
    ],
    ["whose URL is none", async () => "eth", "node-unreachable", /not an http or https URL/],
    ["whose URL is a file", async () => "file:///secret", "node-unreachable", /file:/],
  ])("%s", async (_name, url, code, text) => {
    expect((await failure(fetched(await url(), { maxAnswer: 4000 }), code)).message).toMatch(text);
  });

  it("that does not answer in time", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const error = await failure(fetched(url, { timeout: 50, tries: 2 }), "node-unreachable");
    expect(error.message).toContain("no answer in 50 ms");
  });

  it("with more logs than may be", async () => {
    const url = await serveLogs(eigenLayerLogs());
    expect((await failure(fetched(url, { maxLogs: 2 }), "unexpected-answer")).details).toMatchObject({
      reason: "size",
    });
  });

  it("whose contracts lead on without end", async () => {
    const [first] = symbioticLogs() as [{ topics: string[] }];
    let next = 0x1000;
    const url = await serveLogs([], ({ method, params }) => {
      if (method !== "eth_getLogs") return undefined;
      const [{ address }] = params as unknown as [Filter];
      const named = `0x${(next++).toString(16).padStart(64, "0")}`;
      return { result: [{ ...first, address: address[0], topics: [first.topics[0], named] }] };
    });
    const asked = fetched(url, { system: "symbiotic", contracts: [VAULT] });
    expect((await failure(asked, "unexpected-answer")).message).toMatch(/layers/);
  });

  it("before any question of its logs, where contracts or blocks are missing", async () => {
    const other = await serveLogs([], () => undefined, 17_000);
    for (const options of [
      {},
      { system: "symbiotic" },
      { contracts: ["0x12"] },
      { contracts: [MANAGER], fromBlock: 2000n },
    ] as const) {
      const { code } = await failure(fetched(other, options), "invalid-argument");
      expect(code).toBe("invalid-argument");
    }
  });
});
