import { HDKey } from "@scure/bip32";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { hex, utf8 } from "../../src/core/bytes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { randomness } from "../../src/crypto/randomness.js";
import { pathOf } from "../../src/finality/keys/key-files.js";
import { openKey, openKeyAsync, parseKeyFile, sealKey } from "../../src/finality/keys/keyfile.js";
import { changePassphrase, createKey, unlockKey } from "../../src/finality/keys/keystore.js";
import { DEFAULT_PATH, newMnemonic, secretFromMnemonic } from "../../src/finality/keys/mnemonic.js";
import { writePrivateFile } from "../../src/finality/private-files.js";
import { failure } from "../support/errors.js";
import { homeOfTest, LIGHT } from "../support/home.js";
import { refusal } from "../support/refusal.js";
import { header, sealed, secretKey } from "../support/sealed-key.js";
import { hash, newSigner } from "../support/signer.js";
import { secretOf } from "../support/stake.js";

import type * as Crypto from "node:crypto";

/** Every buffer of a secret that passed through scrypt and the cipher, in any hands. */
const held = vi.hoisted(() => ({
  passphrases: [] as Uint8Array[],
  keys: [] as Uint8Array[],
  opened: [] as Uint8Array[],
}));

vi.mock("node:crypto", async (load) => {
  const real = await load<typeof Crypto>();
  const keep = <T extends Uint8Array>(kind: keyof typeof held, bytes: T): T => (
    held[kind].push(bytes),
    bytes
  );
  return {
    ...real,
    scryptSync: (...[passphrase, ...rest]: Parameters<typeof real.scryptSync>) =>
      keep("keys", real.scryptSync(keep("passphrases", passphrase as Uint8Array), ...rest)),
    scrypt: (
      passphrase: Uint8Array,
      salt: Uint8Array,
      length: number,
      options: Crypto.ScryptOptions,
      done: (error: Error | null, key: Buffer) => void,
    ) =>
      real.scrypt(keep("passphrases", passphrase), salt, length, options, (error, key) =>
        done(error, keep("keys", key)),
      ),
    createDecipheriv: (...args: Parameters<typeof real.createDecipheriv>) => {
      const decipher = real.createDecipheriv(...args);
      const update = decipher.update.bind(decipher) as (data: Uint8Array) => Buffer;
      return Object.assign(decipher, { update: (data: Uint8Array) => keep("opened", update(data)) });
    },
  };
});

const copies = vi.spyOn(Uint8Array, "from");
const file = parseKeyFile(sealed, "key.json");

beforeEach(() => {
  for (const kind of [held.passphrases, held.keys, held.opened]) kind.length = 0;
  copies.mockClear();
});

const zeroes = (bytes: Uint8Array) => bytes.every((byte) => byte === 0);
/** Each kind of buffer was seen so many times, and holds nothing any more. */
function expectWiped(counts: Partial<Record<keyof typeof held, number>>): void {
  const seen = Object.fromEntries(Object.entries(held).map(([kind, all]) => [kind, all.length]));
  expect(seen).toEqual({ passphrases: 0, keys: 0, opened: 0, ...counts });
  for (const [kind, all] of Object.entries(held)) {
    for (const bytes of all) expect([kind, zeroes(bytes)]).toEqual([kind, true]);
  }
}
/** The copies that were taken of a secret, without those that were returned. */
const secretsLeft = (of = secretKey) =>
  copies.mock.results
    .map(({ value }) => value as Uint8Array)
    .filter((copy) => hex.encode(copy) === hex.encode(of));

describe("overwritten with zeroes after its use", () => {
  it("is the passphrase and its derived key, when a key is encrypted", () => {
    sealKey(header, secretKey, "pass", LIGHT);
    sealKey(header, secretKey, utf8("pass"), LIGHT);
    expectWiped({ passphrases: 2, keys: 2 });
  });

  it("is the same and the cipher's output, when it is decrypted, but not the returned secret", async () => {
    expect(openKey(file, "pass")).toEqual(secretKey);
    expect(await openKeyAsync(file, "pass")).toEqual(secretKey);
    expectWiped({ passphrases: 2, keys: 2, opened: 2 });
  });

  it("is the same after a wrong passphrase", async () => {
    refusal("wrong-passphrase", () => openKey(file, "guess"));
    await failure(openKeyAsync(file, utf8("guess")), "wrong-passphrase");
    expectWiped({ passphrases: 2, keys: 2, opened: 2 });
  });

  it("is the secret of an altered file, which decrypts before the alteration is found", async () => {
    refusal("wrong-passphrase", () => openKey({ ...file, name: "validator-2" }, "pass"));
    await failure(openKeyAsync({ ...file, name: "validator-2" }, "pass"), "wrong-passphrase");
    expectWiped({ passphrases: 2, keys: 2, opened: 2 });
    expect(secretsLeft()).toEqual([]);
  });

  it("is a secret that does not belong to the public key in its file", () => {
    const home = homeOfTest();
    const publicKey = hex.encode(publicKeyOf(secretOf("another key")));
    writePrivateFile(
      pathOf(home, "a"),
      sealKey({ ...header, name: "a", publicKey }, secretKey, "pass", LIGHT),
      "create",
    );
    refusal("invalid-key-file", () => unlockKey(home, "a", "pass"));
    expect(secretsLeft()).toEqual([]);
  });

  it("is a secret whose key gets another passphrase, and one whose owner locks it again", () => {
    const home = homeOfTest();
    createKey(home, { name: "a", passphrase: "passphrase", secretKey, origin: "generated", scrypt: LIGHT });
    changePassphrase(home, "a", "passphrase", { passphrase: "the next one", scrypt: LIGHT });
    refusal("invalid-passphrase", () =>
      changePassphrase(home, "a", "the next one", { passphrase: "", scrypt: LIGHT }),
    );
    const key = unlockKey(home, "a", "the next one");
    const secret = key.secretKey;
    expect(secret).toEqual(secretKey);
    key.wipe();
    expect(zeroes(secret)).toBe(true);
    refusal("invalid-secret-key", () => key.secretKey);
    expect(secretsLeft()).toEqual([]);
  });

  it.each(["m", DEFAULT_PATH])("is the seed of words, and every node on the way to %s", (path) => {
    const derive = vi.spyOn(HDKey.prototype, "deriveChild");
    const begin = vi.spyOn(HDKey, "fromMasterSeed");
    try {
      const secret = secretFromMnemonic(newMnemonic(), path);
      expect(secretsLeft(secret)).toEqual([secret]);
      expect(zeroes(begin.mock.calls[0]![0])).toBe(true);
      const nodes = [...begin.mock.results, ...derive.mock.results].map(({ value }) => value as HDKey);
      expect(nodes.map(({ privateKey }) => privateKey)).toEqual(Array(path.split("/").length).fill(null));
    } finally {
      derive.mockRestore();
      begin.mockRestore();
    }
  });

  it("is the secret randomness of every vote: a new one, the same again, and one that cannot be recorded", () => {
    const derived = vi.spyOn(randomness, "deriveSecret");
    try {
      const { protection, voter } = newSigner();
      voter.vote({ height: 5n, appHash: hash(1) });
      voter.vote({ height: 5n, appHash: hash(1) });
      voter.batch([6n, 7n].map((height) => ({ height, appHash: hash(1) })));
      vi.spyOn(protection, "append").mockImplementation(() => {
        throw new Error("the disk is full");
      });
      expect(() => voter.vote({ height: 8n, appHash: hash(1) })).toThrow("the disk is full");
      const secrets = derived.mock.results.map(({ value }) => value as Uint8Array);
      expect(secrets).toHaveLength(5);
      for (const secret of secrets) expect(zeroes(secret)).toBe(true);
      protection.close();
    } finally {
      derived.mockRestore();
    }
  });
});
