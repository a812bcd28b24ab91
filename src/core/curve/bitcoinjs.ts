import { secp256k1 } from "@noble/curves/secp256k1.js";
import { scalar } from "../scalar.js";
import { type Curve, curve } from "./index.js";

/**
 * A curve in the shape that the libraries of bitcoinjs need (ecpair's `TinySecp256k1Interface`). It does not pass on
 * tiny-secp256k1 itself: see libsecp.ts.
 */
export const forBitcoinJs = (library: Curve) => ({
  isPoint: (bytes: Uint8Array): boolean => library.isPoint(bytes),
  isPrivate: (bytes: Uint8Array): boolean => library.isPrivate(bytes),
  pointFromScalar: (secret: Uint8Array): Uint8Array | null => library.pointFromScalar(secret),
  pointCompress: (point: Uint8Array, compressed = true): Uint8Array =>
    secp256k1.Point.fromBytes(point).toBytes(compressed),
  xOnlyPointAddTweak: (key: Uint8Array, tweak: Uint8Array) => library.xOnlyPointAddTweak(key, tweak),
  privateAdd(secret: Uint8Array, tweak: Uint8Array): Uint8Array | null {
    const sum = scalar.add(scalar.reduce(secret), scalar.reduce(tweak));
    return sum === 0n ? null : scalar.toBytes(sum);
  },
  privateNegate: (secret: Uint8Array): Uint8Array => scalar.toBytes(scalar.negate(scalar.reduce(secret))),
  sign: (digest: Uint8Array, secret: Uint8Array): Uint8Array => library.signEcdsa(digest, secret).signature,
  signSchnorr: (digest: Uint8Array, secret: Uint8Array, aux?: Uint8Array): Uint8Array =>
    library.signSchnorr(digest, secret, aux),
  verify: (digest: Uint8Array, point: Uint8Array, signature: Uint8Array): boolean =>
    library.verifyEcdsa(digest, point, signature),
  verifySchnorr: (digest: Uint8Array, key: Uint8Array, signature: Uint8Array): boolean =>
    library.verifySchnorr(digest, key, signature),
});

/** The curve of this environment. */
export const bitcoinjsCurve = forBitcoinJs(curve);
