import { assertBytes, concatBytes, equalBytes, isBytes } from "../core/bytes.js";
import { curve } from "../core/curve/index.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { taggedHash } from "../core/hashes.js";
import { assertSecretKey, evenSecret } from "../core/keys.js";
import { scalar } from "../core/scalar.js";
import { challenge, freshAux } from "./schnorr.js";

/**
 * Schnorr adaptor signatures (PROTOCOL 5). Only the owner of the encryption key can finish one. A finished one reveals
 * the secret of that key to anyone who has both.
 *
 * A signature is 65 bytes, `02|03 ‖ x(R0) ‖ s`. Every function that takes a signature also accepts the older form of 66
 * bytes, `02 ‖ x(R0) ‖ s ‖ 00|01`. An encryption key of 32 bytes, a finality provider's, means even y; one of 33 bytes
 * keeps its parity.
 */
export const adaptor = {
  /**
   * Signs a digest for the owner of `encryptionKey` to finish, and verifies the signature before it returns it.
   * @param secretKey 32 bytes
   * @param encryptionKey 32 bytes, x-only, or 33 bytes compressed
   * @param digest 32 bytes
   * @param aux 32 bytes of auxiliary randomness; fresh ones by default
   * @returns 65 bytes
   * @throws TapstakeError `invalid-secret-key`, `invalid-encryption-key`, `invalid-bytes`, `self-check-failed`
   */
  sign(
    secretKey: Uint8Array,
    encryptionKey: Uint8Array,
    digest: Uint8Array,
    aux: Uint8Array = freshAux(),
  ): Uint8Array {
    const { d, publicKey } = evenSecret(secretKey);
    const T = parseEncryptionKey(encryptionKey);
    if (!T) {
      throw new TapstakeError(
        "invalid-encryption-key",
        `encryption key must be a point of 32 or 33 bytes, not ${
          isBytes(encryptionKey, 32) || isBytes(encryptionKey, 33)
            ? "bytes that are not a point"
            : describeType(encryptionKey)
        }`,
      );
    }
    assertBytes(digest, "digest", 32);
    assertBytes(aux, "auxiliary randomness", 32);
    const t = xor(scalar.toBytes(d), taggedHash("SchnorrAdaptor/aux", aux));
    const k = scalar.reduce(taggedHash("SchnorrAdaptor/nonce", t, T, publicKey, digest));
    const R0 = add(multiplyBase(k), T);
    if (k === 0n || !R0) throw selfCheckFailed();
    const e = challenge(R0.subarray(1), publicKey, digest);
    const evenK = isOdd(R0) ? scalar.negate(k) : k;
    const signature = concatBytes(R0, scalar.toBytes(scalar.add(evenK, scalar.multiply(e, d))));
    if (!adaptor.verify(publicKey, T, digest, signature)) throw selfCheckFailed();
    return signature;
  },

  /**
   * Whether `signature` is an adaptor signature of `digest` (32 bytes) by `publicKey` (x-only), which the secret
   * of `encryptionKey` finishes. False on malformed input.
   */
  verify(
    publicKey: Uint8Array,
    encryptionKey: Uint8Array,
    digest: Uint8Array,
    signature: Uint8Array,
  ): boolean {
    const T = parseEncryptionKey(encryptionKey);
    const parsed = parse(signature);
    if (!T || !parsed || !isBytes(digest, 32) || !isBytes(publicKey, 32) || !curve.isXOnlyPoint(publicKey)) {
      return false;
    }
    const { R0, s } = parsed;
    const e = challenge(R0.subarray(1), publicKey, digest);
    const P = concatBytes(EVEN, publicKey);
    // R = sG - eP, and then T = R0 - R if R0 is even, R0 + R if it is odd.
    const R = add(multiplyBase(s), multiply(P, scalar.negate(e)));
    // A nonce of 0: R0 is the encryption key, and s gives the signer's secret away.
    if (!R) return false;
    const computed = add(R0, isOdd(R0) ? R : negate(R));
    return computed !== null && equalBytes(computed, T);
  },

  /**
   * Finishes a signature with the secret of its encryption key.
   *
   * The result is a BIP-340 signature only if the adaptor signature verifies and the key is the right one. This
   * function cannot check that without the message: verify the result with `schnorr.verify` before use.
   *
   * For an encryption key of 32 bytes the secret is the one with even y, as `eots.extract` returns it. n minus that
   * secret does not finish the signature.
   * @param decryptionKey 32 bytes
   * @returns 64 bytes
   * @throws TapstakeError `invalid-signature`, `invalid-secret-key`
   */
  adapt(signature: Uint8Array, decryptionKey: Uint8Array): Uint8Array {
    const { R0, s } = mustParse(signature);
    assertSecretKey(decryptionKey, "decryption key");
    const t = scalar.reduce(decryptionKey);
    const finished = isOdd(R0) ? scalar.subtract(s, t) : scalar.add(s, t);
    return concatBytes(R0.subarray(1), scalar.toBytes(finished));
  },

  /**
   * The decryption key that turned `signature` into `finished`. It is the secret of the encryption key only if both
   * signatures verify: compare its public key with the encryption key.
   * @param finished a BIP-340 signature, 64 bytes
   * @returns 32 bytes; for an encryption key of 32 bytes, the secret with even y
   * @throws TapstakeError `invalid-signature` if either is malformed; `no-evidence` if `finished` was not made from
   * `signature`: their R differ, or nothing was added
   */
  extract(signature: Uint8Array, finished: Uint8Array): Uint8Array {
    const { R0, s } = mustParse(signature);
    const finishedS = isBytes(finished, 64) ? scalar.parse(finished.subarray(32)) : null;
    if (finishedS === null) {
      const got = isBytes(finished, 64) ? "64 bytes with s of n or more" : describeType(finished);
      throw new TapstakeError(
        "invalid-signature",
        `finished signature must be a BIP-340 signature of 64 bytes, not ${got}`,
      );
    }
    const t = isOdd(R0) ? scalar.subtract(s, finishedS) : scalar.subtract(finishedS, s);
    if (t === 0n || !equalBytes(finished.subarray(0, 32), R0.subarray(1))) {
      throw new TapstakeError(
        "no-evidence",
        t === 0n
          ? "the finished signature has the s of the adaptor signature: no key was added to it"
          : "the finished signature was not made from this adaptor signature: their randomness differs",
      );
    }
    return scalar.toBytes(t);
  },

  /**
   * A signature in the older form of 66 bytes.
   * @throws TapstakeError `invalid-signature`
   */
  toLegacy(signature: Uint8Array): Uint8Array {
    const { R0, s } = mustParse(signature);
    return concatBytes(EVEN, R0.subarray(1), scalar.toBytes(s), Uint8Array.of(isOdd(R0) ? 1 : 0));
  },

  /**
   * A signature in the form of 65 bytes.
   * @throws TapstakeError `invalid-signature`
   */
  fromLegacy(signature: Uint8Array): Uint8Array {
    const { R0, s } = mustParse(signature);
    return concatBytes(R0, scalar.toBytes(s));
  },
};

const EVEN = Uint8Array.of(2);
const isOdd = (point: Uint8Array): boolean => point[0] === 3;

/** R0 with its parity, 33 bytes on the curve, and s from 1 to n - 1; null on anything else. */
function parse(signature: unknown): { R0: Uint8Array; s: bigint } | null {
  let R0: Uint8Array;
  if (isBytes(signature, 65)) {
    R0 = signature.slice(0, 33);
  } else if (isBytes(signature, 66) && signature[0] === 2 && signature[65]! <= 1) {
    R0 = concatBytes(Uint8Array.of(2 + signature[65]!), signature.subarray(1, 33));
  } else {
    return null;
  }
  const s = scalar.parse(signature.subarray(33, 65));
  return s === null || s === 0n || !curve.isPoint(R0) ? null : { R0, s };
}

function mustParse(signature: unknown): { R0: Uint8Array; s: bigint } {
  const parsed = parse(signature);
  if (!parsed) {
    const known = isBytes(signature, 65) || isBytes(signature, 66);
    throw new TapstakeError(
      "invalid-signature",
      `adaptor signature must be 65 or 66 bytes with a point and a scalar, not ${
        known ? "other bytes" : describeType(signature)
      }`,
    );
  }
  return parsed;
}

function parseEncryptionKey(key: unknown): Uint8Array | null {
  const point = isBytes(key, 32) ? concatBytes(EVEN, key) : key;
  return isBytes(point, 33) && curve.isPoint(point) ? point : null;
}

const selfCheckFailed = () =>
  new TapstakeError("self-check-failed", "an adaptor signature made here does not verify");

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ b[i]!);
}

// Points are compressed, and null is the point at infinity. All come from checked input, so no other null occurs.
type Point = Uint8Array | null;

const multiplyBase = (by: bigint): Point => curve.pointFromScalar(scalar.toBytes(by));
const multiply = (point: Uint8Array, by: bigint): Point => curve.pointMultiply(point, scalar.toBytes(by));
const add = (a: Point, b: Point): Point => (a && b ? curve.pointAdd(a, b) : (a ?? b));

function negate(point: Point): Point {
  return point && concatBytes(Uint8Array.of(isOdd(point) ? 2 : 3), point.subarray(1));
}
