import { assertBytes } from "../core/bytes.js";
import { curve } from "../core/curve/index.js";
import { TapstakeError } from "../core/errors.js";
import { taggedHash } from "../core/hashes.js";
import { publicKeyOf } from "../core/keys.js";
import { scalar } from "../core/scalar.js";

/** BIP-340 signatures of 32-byte digests. */
export const schnorr = {
  /**
   * Signs a digest, and verifies the signature before it returns it.
   * @param secretKey 32 bytes
   * @param digest 32 bytes
   * @param aux 32 bytes of auxiliary randomness; fresh ones by default
   * @returns 64 bytes
   * @throws TapstakeError `invalid-secret-key`, `invalid-bytes`, `self-check-failed`
   */
  sign(secretKey: Uint8Array, digest: Uint8Array, aux: Uint8Array = freshAux()): Uint8Array {
    const publicKey = publicKeyOf(secretKey);
    assertBytes(digest, "digest", 32);
    assertBytes(aux, "auxiliary randomness", 32);
    const signature = curve.signSchnorr(digest, secretKey, aux);
    if (!schnorr.verify(publicKey, digest, signature)) {
      throw new TapstakeError("self-check-failed", "a BIP-340 signature made here does not verify");
    }
    return signature;
  },

  /** Whether `signature` (64 bytes) is one of `digest` (32 bytes) by `publicKey` (x-only). False on malformed input. */
  verify(publicKey: Uint8Array, digest: Uint8Array, signature: Uint8Array): boolean {
    return curve.verifySchnorr(digest, publicKey, signature);
  },
};

/** The BIP-340 challenge e for x-only randomness R, x-only key P and a 32-byte message. */
export function challenge(randomness: Uint8Array, publicKey: Uint8Array, message: Uint8Array): bigint {
  return scalar.reduce(taggedHash("BIP0340/challenge", randomness, publicKey, message));
}

/** 32 fresh bytes for the nonce of a signature: Web Crypto, which browsers and Node share. */
export function freshAux(): Uint8Array {
  return globalThis.crypto.getRandomValues(new Uint8Array(32));
}
