import { assertBytes, concatBytes, u64be, utf8 } from "../core/bytes.js";
import { curve } from "../core/curve/index.js";
import { sha256 } from "../core/hashes.js";
import { assertSecretKey, publicKeyOf } from "../core/keys.js";

/**
 * One height's randomness: the secret scalar that signs, and the x-only point that is committed; 32 bytes each.
 * `secret` is not enumerable: logs, JSON and copies by `{ ...spread }` leave it out unless they name it.
 */
export interface Randomness {
  readonly secret: Uint8Array;
  readonly public: Uint8Array;
}

/** The randomness of a finality provider's votes (PROTOCOL 6). */
export const randomness = {
  /**
   * The version of the derivation. Store it with the key. Under existing commitments, another derivation makes votes
   * that do not verify, which costs the provider its stake.
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
    // Together with the one vote of its height, it reveals the provider's key.
    return Object.defineProperty({ secret, public: publicKeyOf(secret) }, "secret", { enumerable: false });
  },

  /**
   * The secret half of `derive` alone, which costs no multiplication on the curve.
   * @returns 32 bytes
   * @throws TapstakeError as `derive`
   */
  deriveSecret(secretKey: Uint8Array, chainId: string | Uint8Array, height: bigint): Uint8Array {
    u64be(height, "height");
    const secrets = new SecretRandomness(secretKey, chainId);
    try {
      return secrets.at(height);
    } finally {
      secrets.wipe();
    }
  },
};

/**
 * The secret randomness of many heights of one key and chain, as `randomness.deriveSecret` returns it for one. The
 * HMAC's key schedule (RFC 2104) is computed once, so each height costs two hashes.
 */
export class SecretRandomness {
  /** Key ⊕ 36…, height, chain id, counter. */
  readonly #inner: Uint8Array;
  /** Key ⊕ 5c…, hash of the above. */
  readonly #outer: Uint8Array;
  readonly #view: DataView;

  /** @throws TapstakeError `invalid-secret-key`, `invalid-bytes` */
  constructor(secretKey: Uint8Array, chainId: string | Uint8Array) {
    assertSecretKey(secretKey);
    const chain = typeof chainId === "string" ? utf8(chainId) : chainId;
    assertBytes(chain, "chain id");
    this.#inner = concatBytes(new Uint8Array(BLOCK + 8), chain, new Uint8Array(8));
    this.#outer = new Uint8Array(BLOCK + 32);
    this.#view = new DataView(this.#inner.buffer);
    for (let i = 0; i < BLOCK; i++) {
      this.#inner[i] = (secretKey[i] ?? 0) ^ 0x36;
      this.#outer[i] = (secretKey[i] ?? 0) ^ 0x5c;
    }
  }

  /**
   * @param height from 0 to 2^64 - 1
   * @returns 32 bytes; the caller must wipe them
   */
  at(height: bigint): Uint8Array {
    this.#view.setBigUint64(BLOCK, height);
    return firstScalar((iter) => {
      this.#view.setBigUint64(this.#inner.length - 8, iter);
      const hash = sha256(this.#inner);
      this.#outer.set(hash, BLOCK);
      hash.fill(0);
      return sha256(this.#outer);
    });
  }

  /** Forgets the key. Results after that belong to no key. */
  wipe(): void {
    this.#inner.fill(0);
    this.#outer.fill(0);
  }
}

/** Bytes that SHA-256 takes at a time. */
const BLOCK = 64;

/** The first candidate, counting from 0, that is a scalar between 1 and n - 1. */
export function firstScalar(candidate: (iter: bigint) => Uint8Array): Uint8Array {
  for (let iter = 0n; ; iter++) {
    const k = candidate(iter);
    if (curve.isPrivate(k)) return k;
  }
}
