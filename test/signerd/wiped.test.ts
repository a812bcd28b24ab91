import { beforeEach, describe, expect, it, vi } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { randomness } from "../../src/crypto/randomness.js";
import type { UnlockedKey } from "../../src/finality/keys/keystore.js";
import type * as Metadata from "../../src/signer-client/metadata.js";
import type * as Wire from "../../src/signer-client/wire.js";
import { KeyRing } from "../../src/signerd/key-ring.js";
import { failure as expectFailure } from "../support/errors.js";
import { CHAIN, connect, HMAC_KEY, homeWithKey, PASSPHRASE, startSigner } from "./support.js";

/** The bytes of requests, as the client made them and as the signer has them. */
const requests = vi.hoisted(() => ({ sent: [] as Uint8Array[], received: [] as Uint8Array[] }));

vi.mock("../../src/signer-client/wire.js", async (load) => {
  const real = await load<typeof Wire>();
  return {
    ...real,
    encodeRequest: (...args: Parameters<typeof real.encodeRequest>) => {
      const bytes = real.encodeRequest(...args);
      requests.sent.push(bytes);
      return bytes;
    },
  };
});

// Every request comes by here, authentic or not.
vi.mock("../../src/signer-client/metadata.js", async (load) => {
  const real = await load<typeof Metadata>();
  return {
    ...real,
    isRequestHmac: (key: string, request: Uint8Array, given: string) => {
      requests.received.push(request);
      return real.isRequestHmac(key, request, given);
    },
  };
});

beforeEach(() => {
  requests.sent.length = 0;
  requests.received.length = 0;
});

const zeroes = (bytes: Uint8Array) => bytes.every((byte) => byte === 0);

describe("a passphrase that is sent to a signer", () => {
  const start = async () => {
    const made = homeWithKey();
    const signer = await startSigner(made, { unlock: [], hmacKey: HMAC_KEY });
    return { signer, key: made.key.publicKey };
  };
  const both = () => [...requests.sent, ...requests.received];

  it("is overwritten in the requests at both ends, right or wrong, and a request without one is not", async () => {
    const { signer, key } = await start();
    const client = connect(signer.address, { hmacKey: HMAC_KEY });
    await client.unlockKey({ key, passphrase: PASSPHRASE });
    expect([requests.sent.length, requests.received.length]).toEqual([1, 1]);
    const other = await start();
    const guess = connect(other.signer.address, { hmacKey: HMAC_KEY });
    await expectFailure(guess.unlockKey({ key: other.key, passphrase: "guess" }), "wrong-passphrase");
    expect(both()).toHaveLength(4);
    for (const bytes of both()) expect([bytes.length > 34, zeroes(bytes)]).toEqual([true, true]);
    await client.createRandomnessPairList({ key, chainId: CHAIN, startHeight: 1n, count: 1 });
    expect(both().filter((bytes) => !zeroes(bytes))).toHaveLength(2);
  });

  it("is overwritten where the signer refuses the caller", async () => {
    const { signer, key } = await start();
    const client = connect(signer.address, { hmacKey: "another key" });
    await expectFailure(client.unlockKey({ key, passphrase: PASSPHRASE }), "unauthenticated");
    expect(both().map(zeroes)).toEqual([true, true]);
  });

  it("is overwritten where no signer answers", async () => {
    const { signer, key } = await start();
    await signer.stop();
    const nobody = connect(signer.address);
    await expectFailure(nobody.unlockKey({ key, passphrase: PASSPHRASE }), "signer-unreachable");
    expect(both().map(zeroes)).toEqual([true]);
  });
});

describe("the memory of a signer", () => {
  it("has its keys overwritten when it stops, and when it cannot start", async () => {
    const opening = vi.spyOn(KeyRing.prototype, "open");
    try {
      const made = homeWithKey();
      const signer = await startSigner(made);
      const key = (await opening.mock.results[0]!.value) as UnlockedKey;
      const secret = key.secretKey;
      expect(hex.encode(secret)).toBe(hex.encode(made.secretKey));
      await signer.stop();
      expect(zeroes(secret)).toBe(true);
      expect(() => key.secretKey).toThrow("is locked again");
      const taken = await startSigner(homeWithKey());
      await expectFailure(startSigner(made, { address: taken.address }), "listen-failed");
      const other = (await opening.mock.results.at(-1)!.value) as UnlockedKey;
      expect(other.name).toBe(made.key.name);
      expect(() => other.secretKey).toThrow("is locked again");
    } finally {
      opening.mockRestore();
    }
  });

  it("has the randomness of a few heights overwritten once their points are known", async () => {
    const made = homeWithKey();
    const client = connect((await startSigner(made)).address);
    const deriving = vi.spyOn(randomness, "deriveSecret");
    try {
      const range = { key: made.key.publicKey, chainId: CHAIN, startHeight: 1n, count: 32 };
      await client.createRandomnessPairList(range);
      const secrets = deriving.mock.results.map(({ value }) => value as Uint8Array);
      expect(secrets).toHaveLength(32);
      expect(secrets.map(zeroes)).not.toContain(false);
    } finally {
      deriving.mockRestore();
    }
  });
});
