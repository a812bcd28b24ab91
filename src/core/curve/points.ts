/**
 * The operations on public keys alone. Programs that sign and verify nothing, as those that only show a stake's
 * address, load no more than these: `#points` is `#curve` in Node, and a few lines of our own elsewhere.
 *
 * X-only keys and scalars have 32 bytes, scalars big-endian.
 */
export interface Points {
  /** Whether 32 `bytes` are the x coordinate of a point. */
  isXOnlyPoint(bytes: Uint8Array): boolean;
  /**
   * Null where the result is the point at infinity or an argument is malformed, whatever its type.
   * @returns the x-only key `key + tweak × G`, and the parity of its y (BIP-341)
   */
  xOnlyPointAddTweak(key: Uint8Array, tweak: Uint8Array): { parity: 0 | 1; xOnlyPubkey: Uint8Array } | null;
}

/** Those of this environment, each by itself: bundles take what they use. */
export { isXOnlyPoint, xOnlyPointAddTweak } from "#points";
