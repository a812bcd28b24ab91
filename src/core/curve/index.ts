import { backend } from "#curve";
import type { Points } from "./points.js";

/**
 * What tapstake asks of secp256k1. Two libraries answer: libsecp256k1 as WebAssembly in Node, @noble/curves
 * elsewhere; the export condition of `#curve` in package.json chooses, and both pass the same tests.
 *
 * Points are 33 bytes compressed, x-only keys 32 bytes, scalars 32 bytes big-endian. Functions that combine
 * points answer null where the result is the point at infinity or an argument is malformed, whatever its type.
 */
export interface Curve extends Points {
  /** Whether `bytes` is a point, 33 bytes compressed. */
  isPoint(bytes: Uint8Array): boolean;
  /** Whether `bytes` is a scalar from 1 to n - 1. */
  isPrivate(bytes: Uint8Array): boolean;
  /** scalar × G */
  pointFromScalar(scalar: Uint8Array): Uint8Array | null;
  /** a + b */
  pointAdd(a: Uint8Array, b: Uint8Array): Uint8Array | null;
  /** scalar × point */
  pointMultiply(point: Uint8Array, scalar: Uint8Array): Uint8Array | null;
  /** Which library answers: for diagnostics and benchmarks. */
  readonly name: "libsecp256k1" | "noble";
  /**
   * A BIP-340 signature of a 32-byte digest; aux is 32 zero bytes by default.
   * @throws TapstakeError `invalid-bytes`, `invalid-secret-key`
   */
  signSchnorr(digest: Uint8Array, secretKey: Uint8Array, aux?: Uint8Array): Uint8Array;
  /** BIP-340 verification; false on malformed input. */
  verifySchnorr(digest: Uint8Array, publicKey: Uint8Array, signature: Uint8Array): boolean;
  /**
   * ECDSA verification by a point of 33 bytes; the signature is r ‖ s, 64 bytes. False for malformed input, and for a
   * high s, which nodes do not relay (BIP-146).
   */
  verifyEcdsa(digest: Uint8Array, point: Uint8Array, signature: Uint8Array): boolean;
  /**
   * An ECDSA signature of a 32-byte digest, with the nonce of RFC 6979 and a low s: r ‖ s, 64 bytes. Also the parity of
   * its R, which recovers the signer's point.
   * @throws TapstakeError `invalid-bytes`, `invalid-secret-key`
   */
  signEcdsa(digest: Uint8Array, secretKey: Uint8Array): { signature: Uint8Array; parity: 0 | 1 };
  /**
   * The point of 33 bytes that made an ECDSA signature (r ‖ s) of a digest (SEC 1, 4.1.6). It does not look for an R
   * with an x of n or more, which cannot be found.
   */
  recoverEcdsa(digest: Uint8Array, signature: Uint8Array, parity: 0 | 1): Uint8Array | null;
}

/** The curve of this environment. */
export const curve: Curve = backend;
