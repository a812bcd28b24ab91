import { backend } from "#points";

/**
 * The operations on points and keys alone, for programs that neither sign nor verify, such as those that only show a
 * stake's address. `#points` is `#curve` in Node, and a part of it elsewhere.
 *
 * Points are 33 bytes compressed, x-only keys 32 bytes, scalars 32 bytes big-endian. Functions that combine points
 * return null if the result is the point at infinity, or an argument is malformed or of a wrong type.
 */
export interface Points {
  /** Whether `bytes` is a point, 33 bytes compressed. */
  isPoint(bytes: Uint8Array): boolean;
  /** Whether 32 `bytes` are the x coordinate of a point. */
  isXOnlyPoint(bytes: Uint8Array): boolean;
  /** Whether `bytes` is a scalar from 1 to n - 1. */
  isPrivate(bytes: Uint8Array): boolean;
  /** scalar × G */
  pointFromScalar(scalar: Uint8Array): Uint8Array | null;
  /** a + b */
  pointAdd(a: Uint8Array, b: Uint8Array): Uint8Array | null;
  /** scalar × point */
  pointMultiply(point: Uint8Array, scalar: Uint8Array): Uint8Array | null;
  /** The x-only key `key + tweak × G`, and the parity of its y (BIP-341). */
  xOnlyPointAddTweak(key: Uint8Array, tweak: Uint8Array): { parity: 0 | 1; xOnlyPubkey: Uint8Array } | null;
}

/** The points of this environment. */
export const points: Points = backend;
