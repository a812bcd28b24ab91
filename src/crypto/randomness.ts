import { assertBytes, concatBytes, u64be, utf8 } from "../core/bytes.js";
import { curve } from "../core/curve/index.js";
import { hmacSha256 } from "../core/hashes.js";
import { assertSecretKey, publicKeyOf } from "../core/keys.js";

/**
 * One height's randomness: the secret scalar that signs, and the x-only point that is committed. 32 bytes each.
 * `secret` is not enumerable: it is in no log, no JSON and no copy by `{ ...spread }` unless it is named.
 */
export interface Randomness {
  readonly secret: Uint8Array;
  readonly public: Uint8Array;
}

/** The randomness of a finality provider's votes (PROTOCOL 6). */
export const randomness = {
  /**
   * Which derivation `derive` is. Store it with the key: under live commitments another derivation makes votes
   * that do not verify, and costs the provider its stake.
   */
  derivationVersion: 1,

  /**
   * The randomness for one height of one chain: `HMAC-SHA256(secretKey, u64be(height) ‖ chainId ‖ u64be(iter))`.
   * The same arguments always give the same randomness.
   * @param secretKey 32 bytes as stored: n minus it derives other randomness
   * @param chainId text (as UTF-8) or bytes
   * @throws TapstakeError `invalid-secret-key`, `invalid-bytes`, `invalid-number`
   */
  derive(secretKey: Uint8Array, chainId: string | Uint8Array, height: bigint): Randomness {
    const secret = randomness.deriveSecret(secretKey, chainId, height);
    // Whoever has it together with the one vote of its height has the provider's key.
    return Object.defineProperty({ secret, public: publicKeyOf(secret) }, "secret", { enumerable: false });
  },

  /**
   * The secret half of `derive` alone, which costs no multiplication on the curve.
   * @returns 32 bytes
   * @throws TapstakeError as `derive`
   */
  deriveSecret(secretKey: Uint8Array, chainId: string | Uint8Array, height: bigint): Uint8Array {
    assertSecretKey(secretKey);
    const chain = typeof chainId === "string" ? utf8(chainId) : chainId;
    assertBytes(chain, "chain id");
    const prefix = concatBytes(u64be(height, "height"), chain);
    return firstScalar((iter) => hmacSha256(secretKey, concatBytes(prefix, u64be(iter))));
  },
};

/** The first candidate, counting from 0, that is a scalar between 1 and n - 1. */
export function firstScalar(candidate: (iter: bigint) => Uint8Array): Uint8Array {
  for (let iter = 0n; ; iter++) {
    const k = candidate(iter);
    if (curve.isPrivate(k)) return k;
  }
}
