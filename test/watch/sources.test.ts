import type { ServerResponse } from "node:http";
import { appendFileSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { concatBytes, hex } from "../../src/core/bytes.js";
import { Follower } from "../../src/watch/follow.js";
import {
  blocksFolderSource,
  type BlockSource,
  esploraSource,
  restSource,
  rpcSource,
} from "../../src/watch/index.js";
import { Scanner } from "../../src/watch/scanner.js";
import { settingsOf } from "../../src/watch/settings.js";
import { openWriter } from "../../src/watch/store/open.js";
import { ChainStore } from "../../src/watch/store/store.js";
import { BlockFiles } from "../../src/watch/sources/blocks-folder.js";
import { initStore, openWatch } from "../../src/watch/watch.js";
import { failure } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import { serve } from "../support/server.js";
import { newHome } from "../support/signer.js";
import { SimulatedBitcoin, type SimulatedBlock } from "../support/simulated-bitcoin.js";
import { type EsploraChange, simulatedEsplora } from "../support/simulated-esplora.js";
import { play } from "../support/simulated-stakes.js";

let bitcoin: SimulatedBitcoin;
beforeAll(async () => {
  bitcoin = new SimulatedBitcoin();
  const { moves } = await play();
  for (let i = 0; i < 12; i++) bitcoin.mine(i === 5 ? [moves[0]!.transaction] : []);
});

let stores = 0;
/** A store that follows a source until its tip, or until it fails. */
async function follow(source: BlockSource, first = 0) {
  const path = `${newHome().path}/${stores++}.db`;
  initStore(path, { network: "regtest", first, phase1: null });
  const chain = new ChainStore(openWriter(path));
  const scanner = new Scanner(chain, settingsOf(chain));
  const follower = new Follower(scanner, source);
  await follower.check();
  try {
    while (!(await follower.step()).done) {
      // The next plan.
    }
    return chain.tip()?.height ?? null;
  } finally {
    chain.close();
  }
}

const esplora = (change?: EsploraChange) => simulatedEsplora(bitcoin, change);

const MAINNET_GENESIS = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";
const REGTEST = { network: "regtest", interval: 5, timeout: 600_000 } as const;

describe("an Esplora server", () => {
  it("is followed to its tip", async () => {
    expect(await follow(esploraSource({ ...REGTEST, url: await esplora() }))).toBe(bitcoin.tip.height);
  });

  it.each([
    ["another block", (block: SimulatedBlock) => bitcoin.at(block.height - 1).bytes, "hash"],
    [
      "a block without a transaction",
      (block: SimulatedBlock) => concatBytes(block.bytes.subarray(0, 80), bitcoin.tip.bytes.subarray(80)),
      "merkle-root",
    ],
  ] as const)("that lies with %s is refused, and the store has what came before", async (_, lie, reason) => {
    const url = await esplora((path, block) =>
      path.endsWith("/raw") && block.height === 6 ? { body: lie(block) } : undefined,
    );
    const error = await failure(follow(esploraSource({ ...REGTEST, url })), "invalid-block");
    expect(error.details["reason"]).toBe(reason);
  });

  it("that answers 429 is asked again after the time that it names", async () => {
    let refused = 0;
    const url = await esplora((path) =>
      path.endsWith("/raw") && refused++ % 2 === 0
        ? { status: 429, headers: { "retry-after": "0.01" } }
        : undefined,
    );
    expect(await follow(esploraSource({ ...REGTEST, url }))).toBe(bitcoin.tip.height);
    expect(refused).toBeGreaterThan(20);
  });

  it("that stands still does not end the wait for a block, and a stop does", async () => {
    const source = esploraSource({ ...REGTEST, url: await esplora() });
    const stop = new AbortController();
    const waiting = source.waitForTip(bitcoin.tip.hash, stop.signal);
    const first = await Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 100, "waits"))]);
    expect(first).toBe("waits");
    stop.abort();
    expect(await waiting).toMatchObject({ hash: bitcoin.tip.hash });
  });

  it.each([
    ["none", { status: 404 }, "node-unreachable"],
    ["that of mainnet", { body: MAINNET_GENESIS }, "wrong-network"],
  ] as const)("that names %s as its first block later on chooses no rules by it", async (_, lie, code) => {
    const own = new SimulatedBitcoin();
    for (let i = 0; i < 5; i++) own.mine();
    const { tip } = own;
    let isHonest = true;
    const url = await simulatedEsplora(own, (path) => {
      if (path !== "/block-height/0" || isHonest) return undefined;
      return lie;
    });
    const path = `${newHome().path}/${stores++}.db`;
    initStore(path, { network: "regtest", first: 0, phase1: null });
    const chain = new ChainStore(openWriter(path));
    onTestFinished(() => chain.close());
    const scanner = new Scanner(chain, settingsOf(chain));
    await new Follower(scanner, esploraSource({ ...REGTEST, url })).step();
    expect(chain.tip()?.hash).toBe(tip.hash);
    // A branch with less work, which the rules refuse.
    own.mine([], own.at(2));
    const follower = new Follower(scanner, esploraSource({ ...REGTEST, url }));
    await follower.check();
    isHonest = false;
    await failure(follower.step(), code);
    expect(chain.tip()?.hash).toBe(tip.hash);
  });

  it("that never ends an answer is cut short at the size of a block", async () => {
    let sent = 0;
    const part = new Uint8Array(1024 * 1024);
    const url = await serve((_body, _request, response) => {
      const more = () => {
        if (response.destroyed) return;
        // So that a reader without a limit comes to an end.
        if (sent >= 64) return void response.end();
        sent++;
        if (response.write(part)) setImmediate(more);
        else response.once("drain", more);
      };
      more();
    });
    const error = await failure(
      esploraSource({ ...REGTEST, url }).block("00".repeat(32)),
      "unexpected-answer",
    );
    expect(error.message).toContain("has more than 4000080 bytes");
    expect(sent).toBeLessThan(64);
  });

  it("that asks to wait does not keep a watch from closing", async () => {
    let isAsked = () => {};
    const asked = new Promise<void>((resolve) => (isAsked = resolve));
    const url = await serve((_body, _request, response) => {
      response.writeHead(429, { "retry-after": "60" }).end();
      isAsked();
    });
    const watch = await openWatch({
      source: esploraSource({ ...REGTEST, url }),
      store: `${newHome().path}/${stores++}.db`,
      init: { network: "regtest", phase1: null },
    });
    const waiting = failure(watch.caughtUp(), "cancelled");
    await asked;
    await watch.close();
    expect((await waiting).message).toBe("the watch was closed");
    await expect(watch.caughtUp()).rejects.toMatchObject({ code: "cancelled" });
  });

  it("that names a height above its tip for a stake holds up nothing", async () => {
    const { delegations, moves } = await play();
    const own = new SimulatedBitcoin();
    own.mine([moves.find(({ name }) => name === "a staking")!.transaction]);
    const url = await simulatedEsplora(own, (path) => {
      if (path.startsWith("/tx/")) return { body: '{"confirmed":true,"block_height":900000}' };
      return path === "/block-height/900000" ? { status: 404 } : undefined;
    });
    const watch = await openWatch({
      source: esploraSource({ ...REGTEST, url }),
      store: `${newHome().path}/${stores++}.db`,
      init: { network: "regtest", phase1: null },
    });
    await watch.caughtUp();
    watch.add([delegations[0]!]);
    await watch.caughtUp();
    expect(watch.stakes()).toMatchObject([{ view: "pending" }]);
    await watch.close();
  });

  it("that answers with a page is none", async () => {
    const url = await serve((_body, _request, response) => response.end("<html>"));
    const error = await failure(follow(esploraSource({ ...REGTEST, url })), "node-unreachable");
    expect(error.message).toContain("did not answer as an Esplora server does");
  });
});

const KEY = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 255);

/** A folder of block files as bitcoind writes them, with the blocks in this order. */
function blocksFolder(
  blocks: readonly SimulatedBlock[],
  { key, tail = 0, perFile = 5 }: { key?: Uint8Array; tail?: number; perFile?: number } = {},
): string {
  const folder = `${newHome().path}/blocks${stores++}`;
  mkdirSync(folder);
  if (key) writeFileSync(`${folder}/xor.dat`, key);
  for (let file = 0; file * perFile < blocks.length; file++) {
    const records = blocks.slice(file * perFile, (file + 1) * perFile).map(recordOf);
    const content = concatBytes(...records, new Uint8Array(tail));
    writeFileSync(`${folder}/blk0000${file}.dat`, hidden(content, key, 0));
  }
  return folder;
}

function recordOf({ bytes }: { readonly bytes: Uint8Array }): Uint8Array {
  const head = new Uint8Array(8);
  const view = new DataView(head.buffer);
  view.setUint32(0, 0xfabf_b5da);
  view.setUint32(4, bytes.length, true);
  return concatBytes(head, bytes);
}

const hidden = (bytes: Uint8Array, key: Uint8Array | undefined, offset: number): Uint8Array =>
  key ? bytes.map((byte, i) => byte ^ key[(offset + i) % 8]!) : bytes;

/** The node of block files, which tells how many blocks it was asked for. */
function nodeBeside() {
  const node = bitcoin.source();
  const asked = { blocks: 0 };
  return {
    asked,
    node: {
      ...node,
      block: async (hash: string) => {
        asked.blocks++;
        return node.block(hash);
      },
    } satisfies BlockSource,
  };
}

describe("a folder of block files", () => {
  const shuffled = () => {
    const chain = bitcoin.chain();
    return [...chain.slice(6), ...chain.slice(0, 6)];
  };

  it.each([
    ["obscured by xor.dat", { key: KEY }],
    ["without xor.dat", {}],
    ["whose files end in reserved space", { key: KEY, tail: 1000 }],
    ["in one file", { key: KEY, perFile: 100 }],
  ])("%s has every block, in whatever order they are", async (_, options) => {
    const { node, asked } = nodeBeside();
    expect(
      await follow(
        blocksFolderSource({ folder: blocksFolder(shuffled(), options), node, network: "regtest" }),
      ),
    ).toBe(bitcoin.tip.height);
    expect(asked.blocks).toBe(0);
  });

  it("reads no older file than the block needs, and each file to its end once it has grown", () => {
    const chain = bitcoin.chain();
    const folder = blocksFolder(chain.slice(0, 11), { key: KEY, perFile: 3 });
    const files = new BlockFiles(folder, "regtest");
    expect(files.block(chain[10]!.hash)).toEqual(chain[10]!.bytes);
    expect(files.size).toBe(2);
    expect(files.block(chain[4]!.hash)).toEqual(chain[4]!.bytes);
    expect(files.size).toBe(8);
    // Three more files were begun since: the last one of before has grown to its end.
    const before = concatBytes(...chain.slice(9, 11).map(recordOf)).length;
    const record = recordOf(chain[11]!);
    appendFileSync(`${folder}/blk00003.dat`, hidden(record, KEY, before));
    for (const file of [4, 5, 6]) writeFileSync(`${folder}/blk0000${file}.dat`, "");
    expect(files.block(chain[11]!.hash)).toEqual(chain[11]!.bytes);
    expect(files.block("00".repeat(32))).toBe(null);
    expect(files.size).toBe(12);
    files.close();
  });

  it("writes the next block into memory that was given back, and into no other", () => {
    const chain = bitcoin.chain();
    const files = new BlockFiles(blocksFolder(chain, { key: KEY }), "regtest");
    const kept = files.block(chain[1]!.hash)!;
    const first = files.block(chain[2]!.hash)!;
    files.release(first);
    // Once more, and memory of others: a pool of small buffers, and none at all.
    for (const each of [first, Buffer.from("of a pool"), new Uint8Array()]) files.release(each);
    const second = files.block(chain[3]!.hash)!;
    const third = files.block(chain[4]!.hash)!;
    expect(second.buffer).toBe(first.buffer);
    expect(third.buffer).not.toBe(first.buffer);
    expect([kept, second, third]).toEqual([chain[1]!.bytes, chain[3]!.bytes, chain[4]!.bytes]);
    files.close();
    expect(files.block(chain[1]!.hash)).toBe(null);
  });

  it("with a torn end leaves the last block to the node", async () => {
    const folder = blocksFolder(bitcoin.chain(), { key: KEY, perFile: 100 });
    const size = concatBytes(...bitcoin.chain().map(recordOf)).length;
    truncateSync(`${folder}/blk00000.dat`, size - 7);
    const { node, asked } = nodeBeside();
    expect(await follow(blocksFolderSource({ folder, node, network: "regtest" }))).toBe(bitcoin.tip.height);
    expect(asked.blocks).toBe(1);
  });

  it("whose newest block was not written whole leaves it to the node", async () => {
    const chain = bitcoin.chain();
    const last = chain.at(-1)!;
    const torn = { ...last, bytes: last.bytes.map((byte, i) => (i > last.bytes.length - 60 ? 0 : byte)) };
    const folder = blocksFolder([...chain.slice(0, -1), torn], { key: KEY });
    const { node, asked } = nodeBeside();
    expect(await follow(blocksFolderSource({ folder, node, network: "regtest" }))).toBe(bitcoin.tip.height);
    expect(asked.blocks).toBe(1);
  });

  it("that grows is read further", async () => {
    const chain = bitcoin.chain();
    const folder = blocksFolder(chain.slice(0, 10), { key: KEY, perFile: 100 });
    const { node, asked } = nodeBeside();
    const source = blocksFolderSource({ folder, node, network: "regtest" });
    expect(await source.block(chain[3]!.hash)).toEqual(chain[3]!.bytes);
    const before = concatBytes(...chain.slice(0, 10).map(recordOf)).length;
    appendFileSync(`${folder}/blk00000.dat`, hidden(recordOf(chain[10]!), KEY, before));
    expect(await source.block(chain[10]!.hash)).toEqual(chain[10]!.bytes);
    expect(asked.blocks).toBe(0);
    rmSync(`${folder}/blk00000.dat`);
    await source.close?.();
  });

  it("of another network or without files is refused or of no use", async () => {
    const { node } = nodeBeside();
    const empty = `${newHome().path}/empty`;
    mkdirSync(empty);
    expect(() => blocksFolderSource({ folder: empty, node, network: "regtest" })).toThrow("no blk*.dat");
    expect(() => blocksFolderSource({ folder: `${empty}/none`, node, network: "regtest" })).toThrow(
      "cannot read",
    );
    symlinkSync("blk00000.dat", `${empty}/blk00000.dat`);
    const unreadable = blocksFolderSource({ folder: empty, node, network: "regtest" });
    const error = await failure(unreadable.block(bitcoin.tip.hash), "file-error");
    expect(error.details).toMatchObject({ path: `${empty}/blk00000.dat`, code: "ELOOP" });
  });
});

it("a new block costs one request beside the wait for it", async () => {
  const node = new SimulatedBitcoin();
  node.mine();
  const store = `${newHome().path}/live.db`;
  const init = { network: "regtest", first: 0, phase1: null } as const;
  const watch = await openWatch({ source: node.source(), store, init });
  await watch.caughtUp();
  const asked: string[] = [];
  node.beforeRequest = (request) => asked.push(request);
  for (let i = 0; i < 3; i++) {
    const { hash } = node.mine();
    await eventually(() => expect(watch.tip()!.hash).toBe(hash));
  }
  await watch.close();
  expect(asked.filter((request) => request !== "waitForTip")).toEqual(["block", "block", "block"]);
});

describe("bitcoind's REST", () => {
  const restOf = async (answer: (response: ServerResponse) => void, timeout = 5_000) =>
    restSource({ url: await serve((_body, _request, response) => answer(response)), timeout });

  it("gives blocks with and without a declared length, over a connection that it may close", async () => {
    const { hash, bytes } = bitcoin.tip;
    const parts = [bytes.subarray(0, 100), bytes.subarray(100, 101), bytes.subarray(101)];
    const chunked = await restOf((response) => {
      for (const part of parts) response.write(part);
      response.end();
    });
    const declared = await restOf((response) =>
      response.writeHead(200, { "content-length": bytes.length, connection: "close" }).end(bytes),
    );
    for (const source of [chunked, declared]) {
      for (let i = 0; i < 2; i++) expect(Buffer.from(await source.block(hash))).toEqual(Buffer.from(bytes));
    }
  });

  it.each([
    ["declares", (response: ServerResponse) => response.writeHead(200, { "content-length": 4_000_081 })],
    ["sends", (response: ServerResponse) => response.write(new Uint8Array(4_000_081))],
  ])("that %s more than a block can have is cut short", async (_, answer) => {
    const source = await restOf((response) => {
      answer(response);
      response.flushHeaders();
    });
    const error = await failure(source.block(bitcoin.tip.hash), "unexpected-answer");
    expect(error.message).toContain("has more than 4000080 bytes");
  });

  it("that ends within an answer, or gives none, is unreachable", async () => {
    const torn = await restOf((response) => {
      response.writeHead(200, { "content-length": 100 }).write("x");
      setImmediate(() => response.destroy());
    });
    await failure(torn.block(bitcoin.tip.hash), "node-unreachable");
    const silent = await restOf((response) => response.writeHead(200).write("x"), 50);
    const error = await failure(silent.block(bitcoin.tip.hash), "node-unreachable");
    expect(error.message).toMatch(/no answer to rest\/block\/\w+\.bin in 50 ms/);
  });
});

describe("a bitcoind by RPC", () => {
  /** Answers as bitcoind does, from a chain. */
  const rpcOf = (answer: (method: string, param: never) => unknown) => {
    const asked: string[] = [];
    const one = ({ id, method, params: [param] }: { id: number; method: string; params: [never] }) => {
      asked.push(method);
      const result = answer(method, param);
      const none = { code: -8, message: "Block height out of range" };
      return result === undefined ? { id, result: null, error: none } : { id, result, error: null };
    };
    const url = serve((body, _request, response) => {
      const calls = JSON.parse(body) as Parameters<typeof one>[0] | Parameters<typeof one>[0][];
      response.end(JSON.stringify(Array.isArray(calls) ? calls.map(one).toReversed() : one(calls)));
    });
    return url.then((at) => ({ asked, source: rpcSource({ url: at }) }));
  };
  const headerOf = (hash: string) => hex.encode(bitcoin.blocks.get(hash)!.bytes.subarray(0, 80));
  let known: SimulatedBlock;
  beforeAll(() => {
    [, , known] = bitcoin.chain() as [SimulatedBlock, SimulatedBlock, SimulatedBlock];
  });
  const facts = { height: 2, confirmations: 1 };

  it("gives the headers after a block, whatever the order of its answers is", async () => {
    const { asked, source } = await rpcOf((method, param) => {
      if (method === "getblockcount") return bitcoin.tip.height;
      if (method === "getblockhash") return bitcoin.at(param).hash;
      return asked.length === 1 ? facts : headerOf(param);
    });
    const headers = await source.headersAfter!(known.hash, 4);
    expect(headers.map((each) => hex.encode(each))).toEqual(
      [3, 4, 5, 6].map((height) => headerOf(bitcoin.at(height).hash)),
    );
    expect(asked).toHaveLength(1 + 1 + 4 + 4);
  });

  it("gives none after its tip, none after a block outside of its best chain, and none when that has become shorter", async () => {
    for (const [method, answer] of [
      ["getblockcount", known.height],
      ["getblockheader", { ...facts, confirmations: -1 }],
      ["getblockhash", undefined],
    ] as const) {
      const { source } = await rpcOf((each) =>
        each === method ? answer : each === "getblockcount" ? bitcoin.tip.height : facts,
      );
      expect(await source.headersAfter!(known.hash, 4)).toEqual([]);
    }
  });

  it("gives those before a reorganisation between two of its answers", async () => {
    const { asked, source } = await rpcOf((method, param) => {
      if (method === "getblockcount") return bitcoin.tip.height;
      if (method === "getblockhash") return bitcoin.at(param === 5 ? 7 : param).hash;
      return asked.length === 1 ? facts : headerOf(param);
    });
    const headers = await source.headersAfter!(known.hash, 4);
    expect(headers.map((each) => hex.encode(each))).toEqual(
      [3, 4].map((height) => headerOf(bitcoin.at(height).hash)),
    );
  });
});

describe("a source that cannot serve a store", () => {
  it("of another network is named before the first block", async () => {
    const node = { ...bitcoin.source(), hashAt: async () => "00".repeat(32) };
    const error = await failure(follow(node), "wrong-network");
    expect(error.message).toContain("not of regtest");
  });

  it("that has pruned what the store needs is named before the first block", async () => {
    const node = { ...bitcoin.source(), lowestBlock: async () => 5 };
    const error = await failure(follow(node, 3), "block-unavailable");
    expect(error.message).toContain("pruned blocks below height 5");
    expect(await follow(node, 6)).toBe(bitcoin.tip.height);
  });

  it("names a node without REST, one that warms up, and a block that was pruned", async () => {
    const without = await serve((_body, _request, response) => response.writeHead(404).end(""));
    const off = await failure(restSource({ url: without }).tip(), "node-error");
    expect(off.message).toContain("start bitcoind with -rest");
    const first = await failure(follow(restSource({ url: without })), "node-error");
    expect(first.message).toContain("start bitcoind with -rest");
    const warming = await serve((_body, _request, response) =>
      response.writeHead(503).end("Service temporarily unavailable: Loading block index…"),
    );
    const warm = await failure(restSource({ url: warming }).tip(), "node-error");
    expect(warm.message).toContain("Loading block index");
    const gone = await serve((_body, _request, response) =>
      response.writeHead(404).end("00 not available (pruned data)"),
    );
    await failure(restSource({ url: gone }).block("00".repeat(32)), "block-unavailable");
    const rpc = await serve((_body, _request, response) =>
      response.end(
        `{"result":null,"error":{"code":-1,"message":"Block not available (pruned data)"},"id":1}`,
      ),
    );
    const error = await failure(rpcSource({ url: rpc }).block("00".repeat(32)), "block-unavailable");
    expect(error.message).toContain("pruned data");
  });
});
