import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from "node:http2";
import { connect as connectTcp } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { requestHmac } from "../../src/signer-client/metadata.js";
import { encodeRequest, pathOf } from "../../src/signer-client/wire.js";
import { AnonymousLog } from "../../src/signerd/anonymous-log.js";
import { AnonymousCalls, LIMITS } from "../../src/signerd/connections.js";
import { checkCounts, MAX_BATCH } from "../../src/signerd/counts.js";
import { createLog } from "../../src/signerd/log.js";
import { failure as expectFailure } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import { refusal } from "../support/refusal.js";
import {
  ballot,
  CHAIN,
  connect,
  HMAC_KEY,
  homeWithKey,
  rawCall,
  readMetrics,
  startDaemon,
  startSigner,
  text,
} from "./support.js";

function http2(address: string): ClientHttp2Session {
  // With the usual limit, Node's client drops answers while much of its requests waits to be sent.
  const session = connectHttp2(`http://${address}`, { maxSessionMemory: 10_000 });
  session.on("error", () => {});
  onTestFinished(() => session.destroy());
  return session;
}

/** A call whose request begins with `bytes` and does not end. */
function begin(session: ClientHttp2Session, path: string, bytes: Uint8Array): ClientHttp2Stream {
  const head = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
  const stream = session.request(head);
  stream.on("error", () => {});
  stream.resume();
  stream.write(bytes);
  return stream;
}

/** gRPC's frame around so many bytes, of which the last one is missing. */
const unfinished = (length: number) => {
  const frame = Buffer.alloc(4 + length);
  frame.writeUInt32BE(length, 1);
  return frame;
};

/** The status of a call, or that it ended without one. */
const statusOf = (stream: ClientHttp2Stream) =>
  new Promise<string>((resolve) => {
    stream.once("response", (headers) => resolve(String(headers["grpc-status"])));
    stream.once("close", () => resolve("cut"));
  });

const RESOURCE_EXHAUSTED = "8";

describe("callers without authentication", () => {
  it("get a bounded part of the memory, while a vote is signed, and give it back", async () => {
    const made = homeWithKey();
    const daemon = await startDaemon(made, [], { env: { TAPSTAKE_HMAC_KEY: HMAC_KEY } });
    const client = connect(daemon.address, { hmacKey: HMAC_KEY });
    const vote = (height: bigint) =>
      client.signEots({ key: made.key.publicKey, chainId: CHAIN, height, message: ballot(height) });
    await vote(1n);
    const before = memory(daemon.pid, "VmRSS");
    const sessions = [0, 1, 2].map(() => http2(daemon.address));
    const frame = unfinished(2 << 20);
    const streams = sessions.flatMap((session) =>
      Array.from({ length: 100 }, () => statusOf(begin(session, pathOf("SignBatchEOTS"), frame))),
    );
    expect((await vote(2n)).outcome).toBe("new");
    const answers: string[] = [];
    for (const each of streams) void each.then((status) => answers.push(status));
    // Eight of them found room.
    await eventually(() => expect(answers).toHaveLength(292));
    expect(new Set(answers)).toEqual(new Set([RESOURCE_EXHAUSTED]));
    // What unknown connections may hold, and what the process needs for the frames on their way.
    expect(memory(daemon.pid, "VmHWM") - before).toBeLessThan(200 << 10);
    const refusals = async () =>
      (await readMetrics(daemon.metricsAddress)).get('tapstake_refused_by_limit_total{limit="bytes"}')!;
    expect(await refusals()).toBeGreaterThan(200);
    for (const session of sessions) session.destroy();
    // The whole share is free again: as many requests fit as before.
    await eventually(async () => {
      const earlier = await refusals();
      const again = http2(daemon.address);
      for (let i = 0; i < 7; i++) begin(again, pathOf("SignBatchEOTS"), frame);
      const last = begin(again, pathOf("SignEOTS"), Buffer.alloc(5));
      last.end();
      const answered = await statusOf(last);
      again.destroy();
      expect([answered, await refusals()]).toEqual(["16", earlier]);
    });
  });

  it("fill no log: SaveEOTSKeyName and wrong codes get a bounded number of lines, and votes go on", async () => {
    const made = homeWithKey();
    const signer = await startSigner(made, { hmacKey: HMAC_KEY });
    const session = http2(signer.address);
    const name = encodeRequest("SaveEOTSKeyName", { keyName: "x", eotsPk: made.key.publicKey });
    const call = async (path: string, message: Uint8Array) => {
      const frame = Buffer.concat([Buffer.alloc(5), message]);
      frame.writeUInt32BE(message.length, 1);
      const stream = begin(session, path, frame);
      stream.end();
      return statusOf(stream);
    };
    const statuses = new Map<unknown, number>();
    for (let i = 0; i < 8; i++) {
      const round = Array.from({ length: 50 }, () => [
        call(pathOf("SaveEOTSKeyName"), name),
        call(pathOf("SignEOTS"), text("x")),
      ]);
      for (const status of await Promise.all(round.flat()))
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    // Two hundred at once, and twenty more in a second.
    expect(statuses.get(RESOURCE_EXHAUSTED)).toBeGreaterThan(50);
    expect(statuses.get("16")).toBe(400);
    const lines = signer.logged().split("\n");
    expect(lines.filter((line) => /SaveEOTSKeyName|unauthenticated/.test(line))).toHaveLength(60);
    const client = connect(signer.address, { hmacKey: HMAC_KEY });
    const vote = { key: made.key.publicKey, chainId: CHAIN, height: 1n, message: ballot(1n) };
    expect((await client.signEots(vote)).outcome).toBe("new");
    await signer.stop();
    expect(signer.logged()).toMatch(/"omitted":740,"msg":"the log leaves out calls without authentication"/);
  });

  it("are refused by the code too-many-calls once an address made too many", async () => {
    const signer = await startSigner(homeWithKey(), {
      limits: { anonymousBurst: 2, anonymousPerSecond: 0 },
    });
    const client = connect(signer.address);
    await client.ping();
    await client.ping();
    await expectFailure(client.ping(), "too-many-calls");
  });

  it("make room for each other, and never take the place of a known caller", async () => {
    const made = homeWithKey();
    const signer = await startSigner(made, { hmacKey: HMAC_KEY, limits: { connectionsPerAddress: 3 } });
    const client = connect(signer.address, { hmacKey: HMAC_KEY });
    const vote = (height: bigint) =>
      client.signEots({ key: made.key.publicKey, chainId: CHAIN, height, message: ballot(height) });
    await vote(1n);
    const [first, second] = [http2(signer.address), http2(signer.address)];
    await Promise.all([once(first, "remoteSettings"), once(second, "remoteSettings")]);
    const closed = once(first, "close");
    const third = http2(signer.address);
    await once(third, "remoteSettings");
    await closed;
    expect([second.destroyed, third.destroyed]).toEqual([false, false]);
    await vote(2n);
  });

  it("are cut off if they open a connection and send nothing, or a request that does not arrive", async () => {
    const signer = await startSigner(homeWithKey(), { limits: { headerTime: 100, requestTime: 100 } });
    const [host, port] = signer.address.split(":");
    const silent = connectTcp(Number(port), host);
    silent.on("error", () => {});
    const slow = begin(http2(signer.address), pathOf("SignEOTS"), unfinished(100));
    expect(await statusOf(slow)).toBe("4");
    await once(silent.resume(), "close");
    const metrics = await readMetrics(signer.metricsAddress!);
    expect(metrics.get('tapstake_refused_by_limit_total{limit="header-time"}')).toBe(1);
    expect(metrics.get('tapstake_refused_by_limit_total{limit="request-time"}')).toBe(1);
  });

  it("are disconnected when they are idle", async () => {
    const signer = await startSigner(homeWithKey(), { limits: { unprovenIdleTime: 50 } });
    const session = http2(signer.address);
    const stream = begin(session, pathOf("Ping"), Buffer.alloc(5));
    stream.end();
    await once(session, "close");
    expect(session.destroyed).toBe(true);
  });

  it("get half of the calls at once", async () => {
    const signer = await startSigner(homeWithKey(), { hmacKey: HMAC_KEY, limits: { calls: 4 } });
    const session = http2(signer.address);
    const streams = [0, 1, 2].map(() => begin(session, pathOf("SignEOTS"), unfinished(10)));
    expect(await statusOf(streams[2]!)).toBe(RESOURCE_EXHAUSTED);
  });
});

describe("a request", () => {
  const million = Buffer.alloc(2_000_000);
  for (let i = 0; i < million.length; i += 2) million[i] = 0x1a;

  it("of a million empty votes is refused by their count, before it is decoded", async () => {
    const made = homeWithKey();
    const signer = await startSigner(made, { hmacKey: HMAC_KEY });
    const hmac = { "x-fpd-hmac": requestHmac(HMAC_KEY, million) };
    const answer = await rawCall(signer.address, pathOf("SignBatchEOTS"), million, hmac);
    expect(answer).toMatchObject({ status: "INVALID_ARGUMENT" });
    expect(answer.details).toMatch(/^invalid-number: a batch must have at most 10000 heights, not 1000000/);
    refusal("invalid-number", () => checkCounts("SignBatchEOTS", million));
  });

  it("has a limit of fields, in the message and in its votes", () => {
    refusal("invalid-request", () => checkCounts("SignEOTS", million));
    // A field that nobody knows, a million times, within one vote.
    const inner = Buffer.concat([Buffer.of(0x1a, 0x80, 0x89, 0x7a), Buffer.alloc(2_000_000, 0x78)]);
    refusal("invalid-request", () => checkCounts("SignBatchEOTS", inner));
    const votes = Array.from({ length: MAX_BATCH }, (_, i) => ({
      height: BigInt(i),
      msg: ballot(BigInt(i)),
    }));
    const batch = { uid: new Uint8Array(32), chainId: text(CHAIN), signRequests: votes };
    checkCounts("SignBatchEOTS", encodeRequest("SignBatchEOTS", batch));
    const more = { ...batch, signRequests: [...votes, votes[0]!] };
    refusal("invalid-number", () => checkCounts("SignBatchEOTS", encodeRequest("SignBatchEOTS", more)));
  });
});

describe("the lines of calls without authentication", () => {
  it("are bounded, and the log says later how many it left out", () => {
    let logged = "";
    const log = new AnonymousLog(createLog("info", { write: (line) => void (logged += line) }));
    for (let i = 0; i < 100; i++) log.write("warn", { method: "SaveEOTSKeyName" }, "refused");
    log.flush();
    expect(logged.match(/"refused"/g)).toHaveLength(60);
    expect(logged).toMatch(/"omitted":40/);
  });

  it("come from addresses that get more calls as time passes", () => {
    let now = 0;
    const calls = new AnonymousCalls({ anonymousBurst: 2, anonymousPerSecond: 1 }, () => now);
    const take = (peer: string) => calls.take(peer);
    expect([take("a:1"), take("a:2"), take("a:3"), take("b:1")]).toEqual([true, true, false, true]);
    now = 1000;
    expect([take("a:4"), take("a:5")]).toEqual([true, false]);
    expect(LIMITS.anonymousBurst).toBeGreaterThan(100);
  });
});

/** KiB of a process's memory. */
const memory = (pid: number, what: string) =>
  Number(new RegExp(`${what}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]);
