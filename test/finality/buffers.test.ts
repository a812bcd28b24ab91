import { describe, expect, it } from "vitest";
import {
  changePassphrase,
  createKey,
  deleteKey,
  type NewKey,
  unlockKey,
  unlockKeyAsync,
} from "../../src/finality/keys/keystore.js";
import {
  initProtection,
  openProtection,
  type ProtectionStore,
} from "../../src/finality/protection/protection.js";
import { RandomnessCache } from "../../src/finality/randomness/cache.js";
import { commitStored, proveCommitted } from "../../src/finality/randomness/commit.js";
import { voteMessage } from "../../src/vote/messages.js";
import { homeOfTest, LIGHT } from "../support/home.js";
import { CHAIN, hash, inHome, newHome, newSigner, testKey, voterOf } from "../support/signer.js";
import { secretOf } from "../support/stake.js";

const key = testKey();
const message = (fill: number) => voteMessage({ height: 5n, appHash: hash(fill) });

describe("a caller's Node Buffer, whose slices share its memory", () => {
  it("is copied for a passphrase, which stays the caller's to wipe, even at once", async () => {
    const home = homeOfTest();
    const passphrase = Buffer.from("a passphrase");
    const secretKey = Buffer.from(secretOf("key"));
    const wanted: NewKey = { name: "a", passphrase, secretKey, origin: "generated", scrypt: LIGHT };
    createKey(home, wanted);
    changePassphrase(home, "a", passphrase, { passphrase, scrypt: LIGHT });
    unlockKey(home, "a", passphrase).wipe();
    const unlocking = unlockKeyAsync(home, "a", passphrase);
    expect([passphrase, secretKey]).toEqual([Buffer.from("a passphrase"), Buffer.from(secretOf("key"))]);
    passphrase.fill(0);
    expect((await unlocking).secretKey).toEqual(secretOf("key"));
    const again = Buffer.from("a passphrase");
    deleteKey(home, "a", again);
    expect(again).toEqual(Buffer.from("a passphrase"));
  });

  it("is copied for a message: the vote signs the bytes that were decided on", () => {
    const { protection } = newSigner();
    const given = Buffer.from(message(1));
    const changing = Object.create(protection, {
      recordsAt: {
        value: (...args: Parameters<ProtectionStore["recordsAt"]>) => {
          given.set(message(2));
          return protection.recordsAt(...args);
        },
      },
      committed: { value: protection.committed.bind(protection) },
      watermarks: { value: protection.watermarks.bind(protection) },
      append: { value: protection.append.bind(protection) },
      init: { value: protection.init.bind(protection) },
      keyChains: { value: protection.keyChains.bind(protection) },
    }) as typeof protection;
    const first = voterOf(changing).voteMessage({ height: 5n, message: given });
    const voter = voterOf(protection);
    expect(voter.voteMessage({ height: 5n, message: message(1) })).toEqual({ ...first, kind: "same" });
    expect(voter.voteMessage({ height: 5n, message: message(2) })).toMatchObject({ code: "double-vote" });
    protection.close();
  });

  it("is copied for a block's hash, and for a returned signature", () => {
    const { protection, voter } = newSigner();
    const appHash = Buffer.from(hash(1));
    const first = voter.vote({ height: 5n, appHash });
    const expected = structuredClone(first);
    appHash.fill(2);
    if (first.kind !== "refused") first.signature.fill(0);
    const again = voter.vote({ height: 5n, appHash: hash(1) });
    expect(again).toEqual({ ...expected, kind: "same" });
    if (again.kind !== "refused") again.signature.fill(0);
    expect(voter.vote({ height: 5n, appHash: hash(1) })).toEqual({ ...expected, kind: "same" });
    protection.close();
  });

  it("is copied for the public keys of a voter", () => {
    const home = newHome();
    const given = Buffer.from(key.publicKey);
    initProtection(home, { key: given, chainId: CHAIN.id, fromHeight: 10n });
    const protection = openProtection(home);
    protection.init(given, "another", 20n);
    given.fill(0);
    for (const subject of protection.keyChains()) subject.key.fill(0);
    protection.init(key.publicKey, "another", 30n);
    protection.close();
    inHome(home, (next) => {
      expect(next.watermarks(key.publicKey, CHAIN.id)).toMatchObject({ lowWatermark: 10n });
      expect(next.watermarks(key.publicKey, "another")).toMatchObject({ lowWatermark: 30n });
      expect(next.keyChains().map((subject) => subject.key)).toEqual([key.publicKey, key.publicKey]);
    });
  });

  it("is copied for a point of the cache", () => {
    const cache = new RandomnessCache();
    const point = Buffer.alloc(33, 2);
    cache.set(key.publicKey, CHAIN.id, 5n, point);
    point.fill(0);
    expect(cache.get(key.publicKey, CHAIN.id, 5n)).toEqual(new Uint8Array(33).fill(2));
  });

  it("is copied for the key that a commitment names", async () => {
    const { protection } = newSigner();
    const held = { ...key, publicKey: Buffer.from(key.publicKey) };
    const request = { key: held, chain: CHAIN, protection };
    const commitment = await commitStored({ ...request, start: 10n, count: 2 });
    const proven = await proveCommitted({ ...request, height: 10n });
    held.publicKey.fill(0);
    expect(commitment.finalityProvider).toEqual(key.publicKey);
    expect(proven.commitment.finalityProvider).toEqual(key.publicKey);
    protection.close();
  });
});
