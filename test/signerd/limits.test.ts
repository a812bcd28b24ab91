import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { u64be } from "../../src/core/bytes.js";
import { curve } from "../../src/core/curve/index.js";
import { sha256 } from "../../src/core/hashes.js";
import { encodeRequest, pathOf } from "../../src/signer-client/wire.js";
import { SignableDigests } from "../../src/signerd/signable-digests.js";
import { commitmentDigest } from "../../src/vote/messages.js";
import { failure as expectFailure } from "../support/errors.js";
import { ballot, CHAIN, connect, homeWithKey, startSigner, text } from "./support.js";

/** A connection without any of gRPC's own care, which ends with the test. */
function http2(address: string, settings: { initialWindowSize?: number } = {}): ClientHttp2Session {
  const session = connectHttp2(`http://${address}`, { settings });
  session.on("error", () => {});
  onTestFinished(() => session.destroy());
  return session;
}

/** Fewer than a connection may ask for at once. */
const AT_ONCE = 50;

describe("the voters that a signer keeps, by the callers' keys and chains", () => {
  it("are the 256 that were last used; a height is signed once, with its voter or another", async () => {
    const made = homeWithKey();
    const { address } = await startSigner(made);
    const client = connect(address);
    const at = { key: made.key.publicKey, height: 7n };
    const signed = await client.signEots({ ...at, chainId: CHAIN, message: ballot(7n) });
    const name = async (from: number, to: number) => {
      const ask = (i: number) => client.signEots({ ...at, chainId: `other-${i}`, message: ballot(7n) });
      for (let first = from; first < to; first += AT_ONCE) {
        const some = Array.from({ length: Math.min(AT_ONCE, to - first) }, (_, i) => first + i);
        await Promise.all(some.map((i) => expectFailure(ask(i), "protection-uninitialised")));
      }
    };
    const points = vi.spyOn(curve, "pointFromScalar");
    onTestFinished(() => points.mockRestore());
    /** Whether a voter was made for the same vote again, which computes the key's point. */
    const isMadeAnew = async () => {
      points.mockClear();
      const again = await client.signEots({ ...at, chainId: CHAIN, message: ballot(7n) });
      expect(again).toEqual({ ...signed, outcome: "same" });
      return points.mock.calls.length > 0;
    };
    await name(0, 255);
    expect(await isMadeAnew()).toBe(false);
    await name(255, 510);
    expect(await isMadeAnew()).toBe(false);
    await name(510, 766);
    const other = client.signEots({ ...at, chainId: CHAIN, message: ballot(7n, "b") });
    await expectFailure(other, "double-vote");
    await name(0, 256);
    expect(await isMadeAnew()).toBe(true);
  });
});

describe("the commitments that a signer recognises", () => {
  const key = new Uint8Array(32).fill(2);
  const chain = { id: CHAIN, minCount: 1 };
  const range = (start: bigint) => ({ startHeight: start, count: 1, root: sha256(u64be(start)) });
  const digest = (start: bigint) => commitmentDigest({ ...range(start), count: 1n });
  const serve = (own: SignableDigests, from: bigint, to: bigint) => {
    for (let start = from; start < to; start++) {
      own.served({ key, chain, start, interval: 1n, count: 1, subtrees: [sha256(u64be(start))] });
    }
  };

  it("are the last 4096 whose randomness it gave out", () => {
    const own = new SignableDigests([], []);
    serve(own, 0n, 4096n);
    expect(own.find(key, digest(0n))).toMatchObject({ commitment: range(0n) });
    serve(own, 4096n, 4097n);
    expect(own.find(key, digest(0n))).toBeUndefined();
    expect(own.find(key, digest(1n))).toMatchObject({ commitment: range(1n) });
    expect(own.find(key, digest(4096n))).toMatchObject({ commitment: range(4096n) });
  });

  it("are recorded again when it gives them out again", () => {
    const own = new SignableDigests([], []);
    serve(own, 0n, 4096n);
    serve(own, 0n, 1n);
    serve(own, 4096n, 4097n);
    expect(own.find(key, digest(0n))).toMatchObject({ commitment: range(0n) });
    expect(own.find(key, digest(1n))).toBeUndefined();
  });

  it("are dropped as signed ones too, and an unknown one is not recorded", () => {
    const own = new SignableDigests([], []);
    serve(own, 0n, 2n);
    own.noteSigned(key, digest(0n));
    own.noteSigned(key, digest(1n));
    own.noteSigned(key, sha256(text("unknown")));
    expect(own.signed(key, CHAIN)).toMatchObject([range(0n), range(1n)]);
    expect([own.signed(key, "another"), own.signed(sha256(key), CHAIN)]).toEqual([[], []]);
    serve(own, 2n, 4097n);
    expect(own.signed(key, CHAIN)).toMatchObject([range(1n)]);
  });
});

describe("a connection", () => {
  it("carries 100 calls at once at most", async () => {
    const { address } = await startSigner(homeWithKey());
    const session = http2(address);
    const [settings] = (await once(session, "remoteSettings")) as [{ maxConcurrentStreams: number }];
    expect(settings.maxConcurrentStreams).toBe(100);
  });
});

describe("a caller that does not fetch its answer", () => {
  it("is disconnected when the signer stops, after its time limit", async () => {
    const made = homeWithKey();
    const signer = await startSigner(made, { patience: 100 });
    // Nothing of an answer can be sent to who leaves no room for it.
    const session = http2(signer.address, { initialWindowSize: 0 });
    const call = session.request({
      ":method": "POST",
      ":path": pathOf("SignEOTS"),
      "content-type": "application/grpc",
      te: "trailers",
    });
    call.on("error", () => {});
    const vote = { uid: made.key.publicKey, chainId: text(CHAIN), height: 1n, msg: ballot(1n) };
    const message = encodeRequest("SignEOTS", vote);
    // gRPC's frame: not compressed, four bytes of length.
    call.end(Buffer.concat([Buffer.of(0), u64be(BigInt(message.length)).subarray(4), message]));
    await once(call, "response");
    expect(signer.logged()).toContain('"outcome":"new","status":"OK"');
    const closed = new Promise((resolve) => session.once("close", resolve));
    await signer.stop();
    await closed;
    // Everything was let go of; and the vote stays the vote of its height.
    const client = connect((await startSigner(made)).address);
    const again = { key: made.key.publicKey, chainId: CHAIN, height: 1n, message: ballot(1n, "b") };
    await expectFailure(client.signEots(again), "double-vote");
  });
});
