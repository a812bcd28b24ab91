import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { curve } from "../../src/core/curve/index.js";
import { evenSecret, publicKeyOf } from "../../src/core/keys.js";
import { GROUP_ORDER, scalar } from "../../src/core/scalar.js";
import { adaptor } from "../../src/crypto/adaptor.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import { bytes32, flipBit, NOT_BYTES, secrets } from "../support/arbitraries.js";
import { refusal } from "../support/refusal.js";
import { runs } from "../support/runs.js";
import { bytes, parseCsv, readVectors } from "../support/vectors.js";

const secret = new Uint8Array(32).fill(0x11);
const publicKey = publicKeyOf(secret);
const finalityProvider = new Uint8Array(32).fill(0x22);
const encryptionKey = publicKeyOf(finalityProvider);
const decryptionKey = scalar.toBytes(evenSecret(finalityProvider).d);
const digest = new Uint8Array(32).fill(0x33);
const signature = adaptor.sign(secret, encryptionKey, digest);
const OUT_OF_RANGE = new Uint8Array(32).fill(0xff);
const OFF_CURVE = bytes("EEFDEA4CDB677750A420FEE807EACF21EB9898AE79B9768766E4FAA04A2D4A34");

const negated = (key: Uint8Array) => scalar.toBytes(scalar.negate(scalar.reduce(key)));
const withPrefix = (prefix: number, key: Uint8Array) => new Uint8Array([prefix, ...key]);

describe("adaptor: the published vectors, valid and invalid", () => {
  for (const row of parseCsv(readVectors("adaptor_presig.csv"))) {
    it(`presig ${row.name}`, () => {
      const [key, T, message] = [row.bytes("public key"), row.bytes("adaptor"), row.bytes("message")];
      const expected = row.text("result") === "TRUE";
      expect(adaptor.verify(key, T, message, row.bytes("pre-signature"))).toBe(expected);
      if (row.text("secret key") !== "") {
        const made = adaptor.sign(row.bytes("secret key"), T, message, row.bytes("aux_rand"));
        expect(made).toEqual(row.bytes("pre-signature"));
        expect(publicKeyOf(row.bytes("secret key"))).toEqual(key);
      }
    });
  }

  for (const row of parseCsv(readVectors("adaptor_adapt.csv"))) {
    it(`adapt ${row.name}`, () => {
      const finished = adaptor.adapt(row.bytes("pre-signature"), row.bytes("secadaptor"));
      expect(finished).toEqual(row.bytes("BIP340 signature"));
      const verdict = schnorr.verify(row.bytes("pubkey"), row.bytes("message"), finished);
      expect(verdict).toBe(row.text("result") === "TRUE");
    });
  }

  for (const row of parseCsv(readVectors("adaptor_secadaptor.csv"))) {
    it(`extract ${row.name}`, () => {
      const extracted = adaptor.extract(row.bytes("pre-signature"), row.bytes("BIP340 signature"));
      const same = hex.encode(extracted) === row.text("secadaptor").toLowerCase();
      expect(same).toBe(row.text("result") === "TRUE");
    });
  }
});

describe("adaptor", () => {
  it("the encryption key's secret completes the signature, and the completed signature reveals that secret", () => {
    fc.assert(
      fc.property(secrets, secrets, bytes32, bytes32, (sk, fp, message, aux) => {
        const T = publicKeyOf(fp);
        const t = scalar.toBytes(evenSecret(fp).d);
        const made = adaptor.sign(sk, T, message, aux);
        expect(made).toEqual(adaptor.sign(sk, T, message, aux));
        expect(adaptor.verify(publicKeyOf(sk), T, message, made)).toBe(true);
        const finished = adaptor.adapt(made, t);
        expect(schnorr.verify(publicKeyOf(sk), message, finished)).toBe(true);
        expect(adaptor.extract(made, finished)).toEqual(t);
      }),
      { numRuns: runs(25) },
    );
  });

  it("an encryption key of 33 bytes keeps its parity and its secret", () => {
    fc.assert(
      fc.property(secrets, secrets, bytes32, (sk, t, message) => {
        const T = curve.pointFromScalar(t)!;
        const made = adaptor.sign(sk, T, message);
        expect(adaptor.verify(publicKeyOf(sk), T, message, made)).toBe(true);
        const finished = adaptor.adapt(made, t);
        expect(schnorr.verify(publicKeyOf(sk), message, finished)).toBe(true);
        expect(adaptor.extract(made, finished)).toEqual(t);
      }),
      { numRuns: runs(15) },
    );
  });

  it("an encryption key of 32 bytes has even y", () => {
    const aux = new Uint8Array(32);
    const even = withPrefix(2, encryptionKey);
    const odd = withPrefix(3, encryptionKey);
    expect(adaptor.sign(secret, encryptionKey, digest, aux)).toEqual(adaptor.sign(secret, even, digest, aux));
    expect(adaptor.sign(secret, encryptionKey, digest, aux)).not.toEqual(
      adaptor.sign(secret, odd, digest, aux),
    );
    expect(adaptor.verify(publicKey, even, digest, signature)).toBe(true);
    expect(adaptor.verify(publicKey, odd, digest, signature)).toBe(false);
    expect(schnorr.verify(publicKey, digest, adaptor.adapt(signature, decryptionKey))).toBe(true);
    expect(schnorr.verify(publicKey, digest, adaptor.adapt(signature, negated(decryptionKey)))).toBe(false);
  });

  it("verify is false under another key, encryption key or digest, and with any bit changed", () => {
    const otherKey = publicKeyOf(digest);
    expect(adaptor.verify(otherKey, encryptionKey, digest, signature)).toBe(false);
    expect(adaptor.verify(publicKey, otherKey, digest, signature)).toBe(false);
    expect(adaptor.verify(publicKey, encryptionKey, publicKey, signature)).toBe(false);
    const legacy = adaptor.toLegacy(signature);
    for (let bit = 0; bit < 66 * 8; bit += 7) {
      expect(adaptor.verify(publicKey, encryptionKey, digest, flipBit(signature, bit))).toBe(false);
      expect(adaptor.verify(publicKey, encryptionKey, digest, flipBit(legacy, bit))).toBe(false);
    }
  });

  it("an adaptor signature is no BIP-340 signature, and another secret does not complete it", () => {
    expect(schnorr.verify(publicKey, digest, signature.slice(1))).toBe(false);
    expect(schnorr.verify(publicKey, digest, adaptor.adapt(signature, secret))).toBe(false);
  });

  it("sign uses fresh randomness unless auxiliary randomness is given", () => {
    const again = adaptor.sign(secret, encryptionKey, digest);
    expect(again).not.toEqual(signature);
    expect(adaptor.verify(publicKey, encryptionKey, digest, again)).toBe(true);
  });

  it("sign, adapt and extract do not change their inputs", () => {
    const inputs = [secret, encryptionKey, digest, signature, decryptionKey].map((input) => input.slice());
    const finished = adaptor.adapt(inputs[3]!, inputs[4]!);
    adaptor.extract(inputs[3]!, finished);
    adaptor.verify(publicKey, inputs[1]!, inputs[2]!, inputs[3]!);
    adaptor.sign(inputs[0]!, inputs[1]!, inputs[2]!);
    expect(inputs).toEqual([secret, encryptionKey, digest, signature, decryptionKey]);
  });
});

describe("the 66-byte form of an adaptor signature", () => {
  it("has in its last byte the parity that the first byte has in 65 bytes, and converts both ways", () => {
    const check = (made: Uint8Array) => {
      const legacy = adaptor.toLegacy(made);
      expect(legacy).toHaveLength(66);
      expect([legacy[0], legacy[65]]).toEqual([2, made[0]! - 2]);
      expect(legacy.slice(1, 65)).toEqual(made.slice(1));
      expect(adaptor.fromLegacy(legacy)).toEqual(made);
      return made[0];
    };
    fc.assert(
      fc.property(secrets, secrets, bytes32, (sk, t, message) => {
        check(adaptor.sign(sk, publicKeyOf(t), message));
      }),
      { numRuns: runs(25) },
    );
    const digests = Array.from({ length: 32 }, (_, i) => new Uint8Array(32).fill(i));
    const first = digests.map((message) => check(adaptor.sign(secret, encryptionKey, message)));
    expect([...new Set(first)].toSorted()).toEqual([2, 3]);
  });

  it("is accepted wherever an adaptor signature is", () => {
    const legacy = adaptor.toLegacy(signature);
    const finished = adaptor.adapt(signature, decryptionKey);
    expect(adaptor.verify(publicKey, encryptionKey, digest, legacy)).toBe(true);
    expect(adaptor.adapt(legacy, decryptionKey)).toEqual(finished);
    expect(adaptor.extract(legacy, finished)).toEqual(decryptionKey);
    expect(adaptor.toLegacy(legacy)).toEqual(legacy);
    expect(adaptor.fromLegacy(signature)).toEqual(signature);
  });

  it("is refused with a prefix other than 02 or a last byte other than 00 or 01", () => {
    const legacy = adaptor.toLegacy(signature);
    for (const [at, value] of [
      [0, 3],
      [0, 0],
      [65, 2],
      [65, 255],
    ] as const) {
      const bad = legacy.slice();
      bad[at] = value;
      expect(adaptor.verify(publicKey, encryptionKey, digest, bad)).toBe(false);
      refusal("invalid-signature", () => adaptor.fromLegacy(bad));
    }
  });
});

describe("adaptor on malformed input", () => {
  const replace = (at: number, part: Uint8Array) => {
    const copy = signature.slice();
    copy.set(part, at);
    return copy;
  };
  const order = scalar.toBytes(GROUP_ORDER - 1n);
  order[31]! += 1;
  const badSignatures = [
    ...NOT_BYTES,
    signature.slice(1),
    replace(0, Uint8Array.of(4)),
    replace(0, Uint8Array.of(0)),
    replace(1, OFF_CURVE),
    replace(1, OUT_OF_RANGE),
    replace(33, OUT_OF_RANGE),
    replace(33, order),
  ] as Uint8Array[];
  const badPoints = [
    ...NOT_BYTES,
    OFF_CURVE,
    OUT_OF_RANGE,
    withPrefix(4, encryptionKey),
    withPrefix(2, OFF_CURVE),
    new Uint8Array(33),
    new Uint8Array(65).fill(4),
  ] as Uint8Array[];

  it("verify is false", () => {
    for (const bad of badSignatures)
      expect(adaptor.verify(publicKey, encryptionKey, digest, bad)).toBe(false);
    for (const bad of badPoints) {
      expect(adaptor.verify(bad, encryptionKey, digest, signature)).toBe(false);
      expect(adaptor.verify(publicKey, bad, digest, signature)).toBe(false);
    }
    for (const bad of NOT_BYTES as Uint8Array[]) {
      expect(adaptor.verify(publicKey, encryptionKey, bad, signature)).toBe(false);
    }
    expect(adaptor.verify(withPrefix(2, publicKey), encryptionKey, digest, signature)).toBe(false);
  });

  it("sign refuses it, each with its code", () => {
    for (const bad of [...NOT_BYTES, new Uint8Array(32), OUT_OF_RANGE] as Uint8Array[]) {
      refusal("invalid-secret-key", () => adaptor.sign(bad, encryptionKey, digest));
    }
    for (const bad of badPoints) refusal("invalid-encryption-key", () => adaptor.sign(secret, bad, digest));
    for (const bad of NOT_BYTES as Uint8Array[]) {
      refusal("invalid-bytes", () => adaptor.sign(secret, encryptionKey, bad));
      if (bad !== undefined) refusal("invalid-bytes", () => adaptor.sign(secret, encryptionKey, digest, bad));
    }
  });

  it("adapt, extract and the conversions refuse it, each with its code", () => {
    const finished = adaptor.adapt(signature, decryptionKey);
    for (const bad of badSignatures) {
      refusal("invalid-signature", () => adaptor.adapt(bad, decryptionKey));
      refusal("invalid-signature", () => adaptor.extract(bad, finished));
      refusal("invalid-signature", () => adaptor.toLegacy(bad));
      refusal("invalid-signature", () => adaptor.fromLegacy(bad));
    }
    for (const bad of [...NOT_BYTES, new Uint8Array(32), OUT_OF_RANGE] as Uint8Array[]) {
      refusal("invalid-secret-key", () => adaptor.adapt(signature, bad));
    }
    const tooLarge = new Uint8Array([...finished.slice(0, 32), ...OUT_OF_RANGE]);
    for (const bad of [...NOT_BYTES, signature, tooLarge] as Uint8Array[]) {
      refusal("invalid-signature", () => adaptor.extract(signature, bad));
    }
  });

  it("extract refuses a completed signature that is another one, or that equals the adaptor signature", () => {
    const otherSignature = adaptor.sign(secret, encryptionKey, digest);
    refusal("no-evidence", () => adaptor.extract(signature, adaptor.adapt(otherSignature, decryptionKey)));
    refusal("no-evidence", () => adaptor.extract(signature, signature.slice(1)));
    refusal("no-evidence", () => adaptor.extract(signature, schnorr.sign(secret, digest)));
  });
});
