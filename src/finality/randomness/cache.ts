import { assertInteger } from "../../core/bytes.js";
import { curve } from "../../core/curve/index.js";
import { TapstakeError } from "../../core/errors.js";
import { randomness } from "../../crypto/randomness.js";
import { keyChainName } from "../protection/key-chain.js";

/** The secret randomness of a height with its point, 33 bytes compressed. The caller wipes the secret. */
export interface RandomnessPair {
  readonly secret: Uint8Array;
  readonly point: Uint8Array;
}

/**
 * The public randomness of heights that were derived before. A vote at such a height then needs only one HMAC. Points
 * are public; no secret is kept. The oldest are dropped first, used or not: a height has one vote, and the next vote is
 * at the next height.
 */
export class RandomnessCache {
  readonly capacity: number;
  readonly #points = new Map<string, Uint8Array>();

  /** @param capacity in heights, about 200 bytes each */
  constructor(capacity = 1 << 16) {
    assertInteger(capacity, "capacity of the randomness cache", 1, 1 << 24);
    this.capacity = capacity;
  }

  get size(): number {
    return this.#points.size;
  }

  /** The point of a height, 33 bytes compressed, when it is known. */
  get(publicKey: Uint8Array, chainId: string, height: bigint): Uint8Array | undefined {
    return this.#points.get(placeOf(publicKey, chainId, height));
  }

  set(publicKey: Uint8Array, chainId: string, height: bigint, point: Uint8Array): void {
    this.#set(placeOf(publicKey, chainId, height), Uint8Array.from(point));
  }

  /** Sets the points of heights `interval` apart, 33 bytes each, one after another. */
  setAll(publicKey: Uint8Array, chainId: string, first: bigint, points: Uint8Array, interval = 1n): void {
    const name = keyChainName(publicKey, chainId);
    for (let i = 0; i < points.length / 33; i++) {
      this.#set(`${name} ${first + BigInt(i) * interval}`, points.slice(33 * i, 33 * (i + 1)));
    }
  }

  /**
   * The randomness of a height, with its point from the cache or into it.
   * @throws TapstakeError `invalid-secret-key`, `invalid-number`
   */
  pair(
    key: { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array },
    chainId: string,
    height: bigint,
  ): RandomnessPair {
    const secret = randomness.deriveSecret(key.secretKey, chainId, height);
    const place = placeOf(key.publicKey, chainId, height);
    let point = this.#points.get(place);
    if (!point) {
      point = pointOf(secret);
      this.#set(place, point);
    }
    return { secret, point };
  }

  #set(place: string, point: Uint8Array): void {
    this.#points.delete(place);
    this.#points.set(place, point);
    if (this.#points.size <= this.capacity) return;
    const oldest = this.#points.keys().next();
    if (!oldest.done) this.#points.delete(oldest.value);
  }
}

const placeOf = (publicKey: Uint8Array, chainId: string, height: bigint): string =>
  `${keyChainName(publicKey, chainId)} ${height}`;

/** secret × G, 33 bytes compressed. */
export function pointOf(secret: Uint8Array): Uint8Array {
  const point = curve.pointFromScalar(secret);
  if (!point)
    throw new TapstakeError("invalid-secret-key", "the secret must be a scalar between 1 and n - 1");
  return point;
}
