import crypto, { createHmac } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { connect as connectSocket } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { ErrorCode } from "../../src/core/errors.js";
import { createEotsClient } from "../../src/signer-client/client.js";
import { isLocalPeer, isLoopback, parseAddress } from "../../src/signer-client/endpoint.js";
import { isRequestHmac, requestHmac } from "../../src/signer-client/metadata.js";
import { encodeRequest, type Method, methodNames, pathOf } from "../../src/signer-client/wire.js";
import { assertSafeToListen } from "../../src/signerd/listen.js";
import { serve } from "../../src/signerd/serve.js";
import { failure as expectFailure } from "../support/errors.js";
import { refusal } from "../support/refusal.js";
import {
  ballot,
  CHAIN,
  connect,
  HMAC_KEY,
  homeWithKey,
  PASSPHRASE,
  rawCall,
  startSigner,
  text,
} from "./support.js";

const fixture = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));
const certificate = fixture("signer-tls-cert.pem");
const tls = { certificate, key: fixture("signer-tls-key.pem") };

/** As an independent caller computes it. */
const codeOf = (bytes: Uint8Array, key = HMAC_KEY) => ({
  "X-FPD-HMAC": createHmac("sha256", Buffer.from(key)).update(bytes).digest("base64"),
});

async function guarded() {
  const made = homeWithKey();
  const signer = await startSigner(made, { hmacKey: HMAC_KEY });
  const vote = { uid: made.key.publicKey, chainId: text(CHAIN), height: 7n, msg: ballot(7n) };
  const bytes = encodeRequest("SignEOTS", vote);
  const call = (method: Method, body: Uint8Array, headers = {}) =>
    rawCall(signer.address, pathOf(method), body, headers);
  return { ...made, signer, vote, bytes, call };
}

describe("the authentication code of a request", () => {
  it("is base64 of HMAC-SHA256 over the bytes, by the bytes of the key's text", () => {
    // RFC 4231, test case 2.
    const [key, data] = ["Jefe", text("what do ya want for nothing?")];
    const published = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    expect(requestHmac(key, data)).toBe(Buffer.from(published, "hex").toString("base64"));
    expect(isRequestHmac(key, data, requestHmac(key, data))).toBe(true);
    for (const wrong of ["", "=", requestHmac("jefe", data), `${requestHmac(key, data)} `]) {
      expect(isRequestHmac(key, data, wrong)).toBe(false);
    }
  });

  it("is compared whole, in constant time", () => {
    const compared = vi.spyOn(crypto, "timingSafeEqual");
    syncBuiltinESMExports();
    onTestFinished(() => {
      compared.mockRestore();
      syncBuiltinESMExports();
    });
    const data = text("a request");
    const [right, wrong] = [requestHmac(HMAC_KEY, data), requestHmac("another key", data)];
    expect(isRequestHmac(HMAC_KEY, data, wrong)).toBe(false);
    expect(isRequestHmac(HMAC_KEY, data, right)).toBe(true);
    expect(compared.mock.calls).toEqual([
      [Buffer.from(wrong), Buffer.from(right)],
      [Buffer.from(right), Buffer.from(right)],
    ]);
    // Base64 of 32 bytes.
    expect(right).toHaveLength(44);
  });

  it("admits a caller with the key, and no other", async () => {
    const { call, bytes, signer } = await guarded();
    const refused = [{}, codeOf(bytes, "another key"), { "x-fpd-hmac": "" }, codeOf(text("other bytes"))];
    for (const headers of refused) {
      const answer = await call("SignEOTS", bytes, headers);
      expect(answer).toMatchObject({ status: "UNAUTHENTICATED", bytes: undefined });
      expect(answer.trailer["x-tapstake-code"]).toBe("unauthenticated");
    }
    expect((await call("SignEOTS", bytes, codeOf(bytes))).status).toBe("OK");
    const page = await (await fetch(`http://${signer.metricsAddress}/metrics`)).text();
    expect(page).toMatch(/tapstake_unauthenticated_total\{method="SignEOTS"\} 4\n/);
  });

  it("covers every bit of the request", async () => {
    const { call, bytes } = await guarded();
    for (let bit = 0; bit < bytes.length * 8; bit += 41) {
      const tampered = bytes.slice();
      tampered[bit >> 3]! ^= 1 << (bit & 7);
      expect((await call("SignEOTS", tampered, codeOf(bytes))).status).toBe("UNAUTHENTICATED");
    }
  });

  it("covers the bytes that arrive, in any encoding of the caller", async () => {
    const { call, bytes } = await guarded();
    // The same request with an unknown field, which a signer that encodes it again would lose.
    const other = Uint8Array.of(...bytes, 0x78, 0x01);
    expect((await call("SignEOTS", other, codeOf(other))).status).toBe("OK");
    expect((await call("SignEOTS", other, codeOf(bytes))).status).toBe("UNAUTHENTICATED");
  });

  it("is required by every method except Ping and SaveEOTSKeyName", async () => {
    const { call } = await guarded();
    for (const method of methodNames) {
      const { status } = await call(method, new Uint8Array());
      expect([method, status === "UNAUTHENTICATED"]).toEqual([
        method,
        method !== "Ping" && method !== "SaveEOTSKeyName",
      ]);
    }
  });

  it("does not cover the method, so a code replayed to another one must do no harm", async () => {
    const { call, bytes, key, vote, signer } = await guarded();
    const statuses: Record<string, string> = {};
    for (const method of methodNames.filter((each) => each !== "SignEOTS")) {
      statuses[method] = (await call(method, bytes, codeOf(bytes))).status;
    }
    expect(statuses).toEqual({
      Ping: "OK",
      CreateRandomnessPairList: "INVALID_ARGUMENT",
      UnsafeSignEOTS: "PERMISSION_DENIED",
      SignSchnorrSig: "INVALID_ARGUMENT",
      SignBatchEOTS: "INVALID_ARGUMENT",
      SaveEOTSKeyName: "INVALID_ARGUMENT",
      // The key is open already, so no passphrase is looked at.
      UnlockKey: "OK",
      Backup: "INVALID_ARGUMENT",
    });
    const signRequests = [1n, 2n].map((height) => ({ height, msg: ballot(height) }));
    const batch = encodeRequest("SignBatchEOTS", { uid: key.publicKey, chainId: vote.chainId, signRequests });
    expect((await call("SignEOTS", batch, codeOf(batch))).status).toBe("INVALID_ARGUMENT");
    const single = encodeRequest("SignBatchEOTS", {
      uid: key.publicKey,
      chainId: vote.chainId,
      signRequests: [{ height: 1n, msg: ballot(1n) }],
    });
    expect((await call("SignEOTS", single, codeOf(single))).trailer["x-tapstake-code"]).toBe("not-a-vote");
    const digest = encodeRequest("SignSchnorrSig", { uid: key.publicKey, msg: text("a".repeat(32)) });
    expect((await call("UnsafeSignEOTS", digest, codeOf(digest))).status).toBe("PERMISSION_DENIED");
    // Nothing was signed by any of it: another message is still free to be the first.
    const client = connect(signer.address, { hmacKey: HMAC_KEY });
    for (const height of [0n, 1n, 2n, 7n]) {
      const at = { key: key.publicKey, chainId: CHAIN, height };
      expect((await client.signEots({ ...at, message: ballot(height, "z") })).outcome).toBe("new");
    }
  });

  it("is sent by the client, and a wrong one is reported to it", async () => {
    const { signer, key } = await guarded();
    const vote = { key: key.publicKey, chainId: CHAIN, height: 9n, message: ballot(9n) };
    await expectFailure(connect(signer.address).signEots(vote), "unauthenticated");
    await expectFailure(connect(signer.address, { hmacKey: "wrong" }).signEots(vote), "unauthenticated");
    await connect(signer.address, { hmacKey: HMAC_KEY }).signEots(vote);
  });

  it("cannot be made with an empty key", async () => {
    const { home } = homeWithKey();
    const { log } = await silent();
    await expectFailure(serve({ home, hmacKey: "", log }), "unauthenticated");
  });
});

const silent = async () => ({ log: (await import("pino")).pino({ level: "silent" }) });

describe("an address that other machines can reach", () => {
  it.each(["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "signer.example:0", "localhost.example:0", "127.1:0"])(
    "is refused without authentication: %s",
    async (address) => {
      const { home } = homeWithKey();
      await expectFailure(serve({ home, address, ...(await silent()) }), "insecure-address");
    },
  );

  it("is refused with an HMAC key of fewer than 16 bytes, and served with one of 16", async () => {
    const made = homeWithKey();
    for (const hmacKey of ["x", "x".repeat(15)]) {
      const more = { hmacKey, hmacKeySource: "--hmac-key-file key", ...(await silent()) };
      const { message } = await expectFailure(
        serve({ home: made.home, address: "0.0.0.0:0", ...more }),
        "insecure-address",
      );
      const not = `not ${hmacKey.length}, which can be guessed`;
      expect(message).toContain(`the HMAC key (--hmac-key-file key) must have 16 bytes or more, ${not}`);
    }
    await startSigner(made, { address: "0.0.0.0:0", hmacKey: "é".repeat(8) });
  });

  it("is served with authentication, and with a warning", async () => {
    const made = homeWithKey();
    const signer = await startSigner(made, { address: "0.0.0.0:0", hmacKey: HMAC_KEY });
    expect(signer.logged()).toMatch(/other machines can reach this signer, and without TLS/);
    await connect(signer.address.replace("0.0.0.0", "127.0.0.1")).ping();
  });

  it("is refused for the metrics page", async () => {
    const made = homeWithKey();
    for (const metricsAddress of ["0.0.0.0:0", "192.0.2.1:0"]) {
      await expectFailure(startSigner(made, { metricsAddress, hmacKey: HMAC_KEY }), "insecure-address");
    }
    // What was opened before was closed again.
    await startSigner(made);
  });

  it.each<[string, ErrorCode]>([
    ["127.0.0.1", "listen-failed"],
    ["127.0.0.1:65536", "listen-failed"],
    ["[127.0.0.1]:1", "listen-failed"],
    ["::1:1", "listen-failed"],
    ["http://127.0.0.1:1", "listen-failed"],
    ["", "listen-failed"],
  ])("is refused in another form: %s", (address, code) => {
    refusal(code, () => parseAddress(address));
    // A client with such an address fails at once.
    refusal("invalid-address", () => createEotsClient({ address }));
  });

  it("is distinguished from loopback by its number, not by its spelling", () => {
    expect(["127.0.0.1", "127.255.0.9", "::1", "localhost"].filter(isLoopback)).toHaveLength(4);
    expect(
      ["128.0.0.1", "0.0.0.0", "::", "::2", "127.0.0.1.example", "0x7f000001"].filter(isLoopback),
    ).toEqual([]);
    expect(["127.0.0.1:5", "[::1]:5", "::1:5", "::ffff:127.0.0.1:5"].map(isLocalPeer)).not.toContain(false);
    expect(["192.0.2.1:5", "[2001:db8::1]:5", "unknown"].map(isLocalPeer)).not.toContain(true);
    refusal("insecure-address", () => assertSafeToListen(parseAddress("[::]:1"), "it", "do that"));
  });
});

describe("an address that cannot be listened on", () => {
  it("is refused as not an address of this machine", async () => {
    const more = { address: "192.0.2.1:0", hmacKey: HMAC_KEY };
    const error = await expectFailure(startSigner(homeWithKey(), more), "listen-failed");
    expect(error.message).toMatch(
      /^cannot listen on 192\.0\.2\.1:0: this machine does not have that address/,
    );
  });

  it("is refused as in use, with what to do", async () => {
    const { address, metricsAddress } = await startSigner(homeWithKey());
    for (const [option, taken] of [
      ["--address", { address }],
      ["--metrics-address", { metricsAddress: metricsAddress! }],
    ] as const) {
      const error = await expectFailure(startSigner(homeWithKey(), taken), "listen-failed");
      const [port] = Object.values(taken);
      expect(error.message).toBe(
        `cannot listen on ${port}: another program listens there (EADDRINUSE), perhaps another signer: end it, or ` +
          `give another ${option}`,
      );
    }
  });
});

describe("TLS", () => {
  it("encrypts, for callers who trust the certificate", async () => {
    const made = homeWithKey();
    const signer = await startSigner(made, { tls });
    await connect(signer.address, { tls: { ca: certificate } }).ping();
    await expectFailure(connect(signer.address, { tls: {} }).ping(), "signer-unreachable");
    refusal("invalid-certificate", () => createEotsClient({ tls: { ca: text("nothing") } }));
    const plain = connect(signer.address).ping();
    expect((await expectFailure(plain, "signer-unreachable")).message).toContain("--tls-ca");
  });

  it("allows a passphrase", async () => {
    const made = homeWithKey();
    const signer = await startSigner(made, { tls, unlock: [] });
    const client = connect(signer.address, { tls: { ca: certificate } });
    const unlocking = client.unlockKey({ key: made.key.publicKey, passphrase: PASSPHRASE });
    await expect(unlocking).resolves.toBeUndefined();
  });
});

describe("message sizes", () => {
  it("of requests are limited", async () => {
    const { call } = await guarded();
    const large = encodeRequest("SignEOTS", {
      uid: new Uint8Array(32),
      chainId: text(CHAIN),
      height: 1n,
      msg: new Uint8Array(3 << 20),
    });
    expect((await call("SignEOTS", large, codeOf(large))).status).toBe("RESOURCE_EXHAUSTED");
  });

  it("allow the largest batch of ordinary votes", () => {
    const votes = Array.from({ length: 10_000 }, (_, i) => ({
      height: 10n ** 18n + BigInt(i),
      msg: new Uint8Array(104),
    }));
    const bytes = encodeRequest("SignBatchEOTS", {
      uid: new Uint8Array(32).fill(1),
      chainId: new Uint8Array(128).fill(0x61),
      signRequests: votes,
    });
    expect(bytes.length).toBeLessThan(2 << 20);
  });
});

describe("garbage", () => {
  it("in place of a message is refused", async () => {
    const { call } = await guarded();
    for (const bytes of [
      Uint8Array.of(0xff, 0xff, 0xff),
      text("GET / HTTP/1.1\r\n\r\n"),
      new Uint8Array(1000),
    ]) {
      const answer = await call("SignEOTS", bytes, codeOf(bytes));
      expect(answer.status).toBe("INVALID_ARGUMENT");
      expect(answer.trailer["x-tapstake-code"]).toBe("invalid-request");
    }
  });

  it("on the port ends that connection only", async () => {
    const { signer } = await guarded();
    const port = Number(signer.address.split(":")[1]);
    const noise = [
      text("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
      new Uint8Array(4096).fill(0xff),
      crypto.getRandomValues(new Uint8Array(4096)),
      text("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnot a frame at all, but long enough to be one"),
    ];
    for (const bytes of noise) {
      const socket = connectSocket(port, "127.0.0.1");
      socket.on("error", () => {});
      const closed = once(socket, "close");
      socket.end(bytes);
      socket.resume();
      await closed;
    }
    await expect(connect(signer.address).ping()).resolves.toBeUndefined();
  });
});
