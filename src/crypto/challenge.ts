import { taggedHash } from "../core/hashes.js";
import { scalar } from "../core/scalar.js";

/** The BIP-340 challenge e of x-only randomness R, x-only key P and a 32-byte message. */
export function challenge(randomness: Uint8Array, publicKey: Uint8Array, message: Uint8Array): bigint {
  return scalar.reduce(taggedHash("BIP0340/challenge", randomness, publicKey, message));
}
