import { describe, expect, it } from "vitest";
import { concatBytes, hex, utf8 } from "../../src/core/bytes.js";
import { curve } from "../../src/core/curve/index.js";
import { TapstakeError } from "../../src/core/errors.js";
import { sha256 } from "../../src/core/hashes.js";
import { evenSecret, publicKeyOf } from "../../src/core/keys.js";
import { GROUP_ORDER, scalar } from "../../src/core/scalar.js";
import { adaptor } from "../../src/crypto/adaptor.js";
import { bitcoinMessage } from "../../src/crypto/bitcoin-message.js";
import { eots } from "../../src/crypto/eots.js";
import { merkle, type MerkleProof } from "../../src/crypto/merkle.js";
import { randomness } from "../../src/crypto/randomness.js";
import { challenge, schnorr } from "../../src/crypto/schnorr.js";
import { readCase } from "../support/vectors.js";

// Every argument of this room that is a scalar or a point, at the edges of what it may be.

const FIELD_SIZE = 2n ** 256n - 2n ** 32n - 977n;

const number = (value: bigint): Uint8Array => hex.decode(value.toString(16).padStart(64, "0"));
const NUMBERS: readonly (readonly [name: string, value: bigint])[] = [
  ["0", 0n],
  ["1", 1n],
  ["n - 1", GROUP_ORDER - 1n],
  ["n", GROUP_ORDER],
  ["n + 1", GROUP_ORDER + 1n],
  ["p - 1", FIELD_SIZE - 1n],
  ["p", FIELD_SIZE],
  // x = 1 is on the curve: a reader that reduces would take it.
  ["p + 1", FIELD_SIZE + 1n],
  ["2^256 - 1", 2n ** 256n - 1n],
];

/** By Euler's criterion, so that no curve library judges itself. */
function isOnCurve(x: bigint): boolean {
  if (x >= FIELD_SIZE) return false;
  const square = (x ** 3n + 7n) % FIELD_SIZE;
  let power = 1n;
  for (const bit of ((FIELD_SIZE - 1n) / 2n).toString(2)) {
    power = (power * power) % FIELD_SIZE;
    if (bit === "1") power = (power * square) % FIELD_SIZE;
  }
  return power === 1n;
}
const isSecret = (value: bigint): boolean => value > 0n && value < GROUP_ORDER;

/** 33 bytes and others that are no point, whatever a library makes of them; infinity has several spellings. */
const NO_POINTS: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  ["infinity in 1 byte", new Uint8Array(1)],
  ["infinity in 33 bytes", new Uint8Array(33)],
  ["infinity in 65 bytes", new Uint8Array(65)],
  ["02 and x of 0", Uint8Array.of(2, ...new Uint8Array(32))],
  ["02 and x of p", Uint8Array.of(2, ...number(FIELD_SIZE))],
  ["03 and x of p + 1", Uint8Array.of(3, ...number(FIELD_SIZE + 1n))],
  ["04 and x of G", Uint8Array.of(4, ...publicKeyOf(number(1n)))],
  ["06 and x of G", Uint8Array.of(6, ...publicKeyOf(number(1n)))],
];

const secret = new Uint8Array(32).fill(0x11);
const provider = new Uint8Array(32).fill(0x22);
const nonce = new Uint8Array(32).fill(0x33);
const digest = new Uint8Array(32).fill(0x44);
const P = publicKeyOf(secret);
const T = publicKeyOf(provider);
const R = publicKeyOf(nonce);
const signature = schnorr.sign(secret, digest);
const message = utf8("a vote");
const vote = eots.sign(secret, nonce, message);
const encrypted = adaptor.sign(secret, T, digest);
const decryptionKey = number(evenSecret(provider).d);
const finished = adaptor.adapt(encrypted, decryptionKey);

const replaced = (bytes: Uint8Array, at: number, part: Uint8Array): Uint8Array => {
  const copy = bytes.slice();
  copy.set(part, at);
  return copy;
};
const compressed = (value: Uint8Array): Uint8Array => curve.pointFromScalar(value)!;
const negated = (point: Uint8Array): Uint8Array => Uint8Array.of(point[0]! ^ 1, ...point.subarray(1));

/** What a function answers: its value, or the code of its error. Any other error fails the test. */
function answer<T>(act: () => T): T | string {
  try {
    return act();
  } catch (error) {
    if (error instanceof TapstakeError) return error.code;
    throw error;
  }
}

describe.each(NUMBERS)("a scalar of %s", (_, value) => {
  const bytes = number(value);
  const expected = (code: string) => (isSecret(value) ? "made" : code);
  const made = <T>(act: () => T) => {
    const got = answer(act);
    return typeof got === "string" ? got : "made";
  };

  it("signs if it is a secret key, and is refused if not", () => {
    expect(made(() => schnorr.sign(bytes, digest))).toBe(expected("invalid-secret-key"));
    expect(made(() => eots.sign(bytes, nonce, message))).toBe(expected("invalid-secret-key"));
    expect(made(() => adaptor.sign(bytes, T, digest))).toBe(expected("invalid-secret-key"));
    expect(made(() => bitcoinMessage.sign(bytes, "a text"))).toBe(expected("invalid-secret-key"));
    expect(made(() => randomness.derive(bytes, "chain", 1n))).toBe(expected("invalid-secret-key"));
    expect(made(() => eots.sign(secret, bytes, message))).toBe(expected("invalid-randomness"));
    const known = { keyPoint: compressed(secret), randomnessPoint: compressed(nonce) };
    expect(answer(() => eots.signKnown(bytes, nonce, message, known))).toBe(
      isSecret(value) ? "self-check-failed" : "invalid-secret-key",
    );
    expect(answer(() => eots.signKnown(secret, bytes, message, known))).toBe(
      isSecret(value) ? "self-check-failed" : "invalid-randomness",
    );
  });

  it("as s verifies nothing", () => {
    expect(schnorr.verify(P, digest, replaced(signature, 32, bytes))).toBe(false);
    expect(eots.verify(P, R, message, bytes)).toBe(false);
    expect(adaptor.verify(P, T, digest, replaced(encrypted, 33, bytes))).toBe(false);
    const ecdsa = bitcoinMessage.sign(secret, "a text");
    for (const at of [1, 33]) {
      expect(bitcoinMessage.recover("a text", replaced(ecdsa, at, bytes)) ?? P).not.toEqual(
        compressed(secret),
      );
    }
  });

  it("as s of an adaptor signature is malformed at 0, and from n on", () => {
    const bad = replaced(encrypted, 33, bytes);
    expect(made(() => adaptor.adapt(bad, decryptionKey))).toBe(expected("invalid-signature"));
    expect(made(() => adaptor.extract(bad, finished))).toBe(expected("invalid-signature"));
    expect(made(() => adaptor.toLegacy(bad))).toBe(expected("invalid-signature"));
    expect(made(() => adaptor.fromLegacy(bad))).toBe(expected("invalid-signature"));
  });

  it("as s of a finished signature is malformed from n on, and reveals no key that is the provider's", () => {
    const got = answer(() => adaptor.extract(encrypted, replaced(finished, 32, bytes)));
    if (value >= GROUP_ORDER) expect(got).toBe("invalid-signature");
    else expect(publicKeyOf(got as Uint8Array)).not.toEqual(T);
  });

  it("as s of one of two votes is malformed from n on, and reveals no key", () => {
    const other = { message: utf8("another vote"), signature: bytes };
    const code = value >= GROUP_ORDER ? "invalid-signature" : "different-randomness";
    expect(answer(() => eots.extract(P, R, { message, signature: vote }, other))).toBe(code);
    expect(answer(() => eots.extract(P, R, other, { message, signature: vote }))).toBe(code);
    const same = { message, signature: bytes };
    expect(answer(() => eots.extract(P, R, same, other))).toBe(
      value >= GROUP_ORDER ? "invalid-signature" : "same-signature",
    );
  });

  it("finishes a signature if it is a secret, and then the wrong way", () => {
    const got = answer(() => adaptor.adapt(encrypted, bytes));
    if (isSecret(value)) expect(schnorr.verify(P, digest, got as Uint8Array)).toBe(false);
    else expect(got).toBe("invalid-secret-key");
  });
});

describe.each(NUMBERS)("an x coordinate of %s", (_, value) => {
  const x = number(value);

  it("verifies nothing as key, as randomness or as encryption key", () => {
    expect(schnorr.verify(x, digest, signature)).toBe(false);
    expect(schnorr.verify(P, digest, replaced(signature, 0, x))).toBe(false);
    expect(eots.verify(x, R, message, vote)).toBe(false);
    expect(eots.verify(P, x, message, vote)).toBe(false);
    expect(adaptor.verify(x, T, digest, encrypted)).toBe(false);
    expect(adaptor.verify(P, x, digest, encrypted)).toBe(false);
    for (const prefix of [2, 3]) {
      const point = Uint8Array.of(prefix, ...x);
      expect(adaptor.verify(P, point, digest, encrypted)).toBe(false);
      expect(adaptor.verify(P, T, digest, replaced(encrypted, 0, point))).toBe(false);
    }
  });

  it("is an encryption key if it is on the curve, and refused if not", () => {
    for (const key of [x, Uint8Array.of(2, ...x), Uint8Array.of(3, ...x)]) {
      const got = answer(() => adaptor.sign(secret, key, digest));
      if (isOnCurve(value)) expect(adaptor.verify(P, key, digest, got as Uint8Array)).toBe(true);
      else expect(got).toBe("invalid-encryption-key");
    }
  });

  it("reveals nothing of two votes, with the code that says what is wrong", () => {
    const votes = [message, utf8("another vote")].map((each) => ({
      message: each,
      signature: eots.sign(secret, nonce, each),
    })) as [{ message: Uint8Array; signature: Uint8Array }, { message: Uint8Array; signature: Uint8Array }];
    const code = isOnCurve(value) ? "different-randomness" : undefined;
    expect(answer(() => eots.extract(x, R, ...votes))).toBe(code ?? "invalid-public-key");
    expect(answer(() => eots.extract(P, x, ...votes))).toBe(code ?? "invalid-randomness");
  });
});

describe.each(NO_POINTS)("%s", (_, bytes) => {
  it("is no point anywhere", () => {
    expect(answer(() => adaptor.sign(secret, bytes, digest))).toBe("invalid-encryption-key");
    expect(adaptor.verify(P, bytes, digest, encrypted)).toBe(false);
    expect(adaptor.verify(bytes, T, digest, encrypted)).toBe(false);
    expect(schnorr.verify(bytes, digest, signature)).toBe(false);
    expect(eots.verify(bytes, R, message, vote)).toBe(false);
    expect(eots.verify(P, bytes, message, vote)).toBe(false);
    const two = [
      { message, signature: vote },
      { message: digest, signature: eots.sign(secret, nonce, digest) },
    ] as const;
    expect(answer(() => eots.extract(bytes, R, ...two))).toBe("invalid-public-key");
    expect(answer(() => eots.extract(P, bytes, ...two))).toBe("invalid-randomness");
    const R0 = concatBytes(bytes, new Uint8Array(33)).slice(0, 33);
    expect(adaptor.verify(P, T, digest, replaced(encrypted, 0, R0))).toBe(false);
    expect(answer(() => adaptor.adapt(replaced(encrypted, 0, R0), decryptionKey))).toBe("invalid-signature");
  });

  it("as a known point of the key or of the randomness makes no false signature", () => {
    const known = { keyPoint: compressed(secret), randomnessPoint: compressed(nonce) };
    const code = bytes.length === 33 ? "self-check-failed" : "invalid-bytes";
    expect(answer(() => eots.signKnown(secret, nonce, message, { ...known, keyPoint: bytes }))).toBe(code);
    expect(answer(() => eots.signKnown(secret, nonce, message, { ...known, randomnessPoint: bytes }))).toBe(
      code,
    );
  });
});

describe("an adaptor signature is false", () => {
  /** Made as `adaptor.sign` makes it, but with this nonce. */
  const withNonce = (k: bigint, key: Uint8Array): Uint8Array => {
    const { d, publicKey } = evenSecret(secret);
    const R0 = k === 0n ? key : curve.pointAdd(compressed(number(k)), key)!;
    const e = challenge(R0.subarray(1), publicKey, digest);
    const evenK = R0[0] === 3 ? scalar.negate(k) : k;
    return concatBytes(R0, number(scalar.add(evenK, scalar.multiply(e, d))));
  };
  const even = Uint8Array.of(2, ...T);

  it("with the nonce of the chain's own case, whose point is at infinity", () => {
    const { input } = readCase<Record<"P" | "T" | "m" | "sig", string>>("10-adaptor-infinite-R");
    const [key, encryptionKey, m, made] = [input.P, input.T, input.m, input.sig].map((text) =>
      hex.decode(text),
    ) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    expect(adaptor.verify(key, encryptionKey, m, made)).toBe(false);
    expect(adaptor.verify(key, encryptionKey, m, adaptor.toLegacy(made))).toBe(false);
  });

  it("with a nonce of 0, for encryption keys of either parity; and true with one of 1 or n - 1", () => {
    for (const key of [even, negated(even)]) {
      expect(adaptor.verify(P, key, digest, withNonce(0n, key))).toBe(false);
      expect(adaptor.verify(P, key, digest, withNonce(1n, key))).toBe(true);
      expect(adaptor.verify(P, key, digest, withNonce(GROUP_ORDER - 1n, key))).toBe(true);
    }
  });

  it("with an R0 that is twice the encryption key only if the nonce is its secret", () => {
    const t = evenSecret(provider).d;
    const twice = withNonce(t, even);
    expect(twice.slice(0, 33)).toEqual(curve.pointAdd(even, even));
    expect(adaptor.verify(P, T, digest, twice)).toBe(true);
    expect(adaptor.verify(P, T, digest, replaced(encrypted, 0, twice.slice(0, 33)))).toBe(false);
  });

  it("with R0 or the encryption key negated, and with R0 as either of both keys", () => {
    expect(adaptor.verify(P, T, digest, replaced(encrypted, 0, negated(encrypted.subarray(0, 33))))).toBe(
      false,
    );
    expect(adaptor.verify(P, negated(even), digest, encrypted)).toBe(false);
    for (const point of [even, negated(even), Uint8Array.of(2, ...P), Uint8Array.of(3, ...P)]) {
      expect(adaptor.verify(P, T, digest, replaced(encrypted, 0, point))).toBe(false);
    }
  });
});

describe("a key of odd y", () => {
  const odd = [...Array(20).keys()]
    .map((i) => new Uint8Array(32).fill(i + 1))
    .filter((key) => compressed(key)[0] === 3);

  it("signs, verifies and is revealed as its even twin", () => {
    expect(odd.length).toBeGreaterThan(1);
    for (const key of odd.slice(0, 3)) {
      const x = publicKeyOf(key);
      expect(schnorr.verify(x, digest, schnorr.sign(key, digest))).toBe(true);
      expect(adaptor.verify(P, x, digest, adaptor.sign(secret, x, digest))).toBe(true);
      // The odd point itself is another encryption key: the secret with odd y finishes for it alone.
      const forOdd = adaptor.sign(secret, compressed(key), digest);
      expect(adaptor.verify(P, x, digest, forOdd)).toBe(false);
      expect(schnorr.verify(P, digest, adaptor.adapt(forOdd, key))).toBe(true);
      const votes = [message, digest].map((each) => ({
        message: each,
        signature: eots.sign(key, odd[1]!, each),
      }));
      const extracted = eots.extract(x, publicKeyOf(odd[1]!), votes[0]!, votes[1]!);
      expect(compressed(extracted)).toEqual(Uint8Array.of(2, ...x));
    }
  });

  it("with its point negated makes no signature", () => {
    const known = { keyPoint: compressed(secret), randomnessPoint: compressed(nonce) };
    for (const change of [
      { keyPoint: negated(known.keyPoint) },
      { randomnessPoint: negated(known.randomnessPoint) },
    ]) {
      expect(answer(() => eots.signKnown(secret, nonce, message, { ...known, ...change }))).toBe(
        "self-check-failed",
      );
    }
  });
});

it("no number of impossible points wears out a verifier", () => {
  // libsecp256k1 as WebAssembly fails for good after some 3,400 calls that enter it with one.
  const x = number(FIELD_SIZE);
  for (let i = 0; i < 4_000; i++) {
    const refused = [
      schnorr.verify(x, digest, signature),
      eots.verify(x, R, message, vote),
      adaptor.verify(x, T, digest, encrypted),
      adaptor.verify(P, x, digest, encrypted),
      adaptor.verify(P, T, digest, replaced(encrypted, 1, x)),
    ];
    if (refused.includes(true)) throw new Error("an impossible point was taken");
  }
  expect(adaptor.verify(P, T, digest, encrypted)).toBe(true);
  expect(eots.verify(P, R, message, vote)).toBe(true);
});

describe("randomness at the edges of heights", () => {
  it.each([
    [0n, "made"],
    [2n ** 64n - 1n, "made"],
    [2n ** 64n, "invalid-number"],
    [-1n, "invalid-number"],
  ] as const)("of %d", (height, expected) => {
    const got = answer(() => randomness.derive(secret, "chain", height));
    expect(typeof got === "string" ? got : "made").toBe(expected);
  });
});

describe("a Merkle proof is false", () => {
  const leaf = new Uint8Array(32);
  const root = merkle.root([leaf]);
  const pair = merkle.root([leaf, leaf]);
  const proof = (change: Partial<MerkleProof> = {}): MerkleProof => ({
    ...merkle.proof([leaf], 0),
    ...change,
  });

  it("unless it is whole: of a leaf of zeros, and of two leaves that are the same", () => {
    expect(merkle.verify(root, leaf, proof())).toBe(true);
    for (const index of [0, 1]) {
      expect(merkle.verify(pair, leaf, merkle.proof([leaf, leaf], index))).toBe(true);
    }
  });

  it.each([
    ["of no leaves", { total: 0 }],
    ["of fewer than no leaves", { total: -1 }],
    ["of the leaf after the last", { index: 1 }],
    ["of the leaf before the first", { index: -1 }],
    ["of half a leaf", { total: 1.5, index: 0.5 }],
    ["of no number of leaves", { total: Number.NaN }],
    ["of endless leaves", { total: Infinity, index: 0 }],
    ["of 2^53 leaves", { total: 2 ** 53, index: 0 }],
    ["of as many leaves as numbers can count", { total: Number.MAX_SAFE_INTEGER, index: 0 }],
    ["with an aunt too many", { aunts: [new Uint8Array(32)] }],
    ["with the root as aunt", { total: 2, aunts: [root] }],
    ["with a hole for an aunt", { total: 2, aunts: Array(1) as Uint8Array[] }],
  ])("%s", (_, change) => {
    expect(merkle.verify(root, leaf, proof(change))).toBe(false);
  });

  it("under a root of zeros, and under that of no leaves", () => {
    for (const none of [new Uint8Array(32), sha256(new Uint8Array(0)), merkle.root([])]) {
      expect(merkle.verify(none, leaf, proof())).toBe(false);
      expect(merkle.verify(none, new Uint8Array(0), proof({ total: 0 }))).toBe(false);
    }
  });
});
