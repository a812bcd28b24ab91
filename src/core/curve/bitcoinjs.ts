import { secp256k1 } from "@noble/curves/secp256k1.js";
import { scalar } from "../scalar.js";
import { curve } from "./index.js";

/**
 * The curve of this environment in the shape that the libraries of bitcoinjs ask for (ecpair's `TinySecp256k1Interface`).
 * tiny-secp256k1 itself is not handed out: see libsecp.ts.
 */
export const bitcoinjsCurve = {
  isPoint: (bytes: Uint8Array): boolean => curve.isPoint(bytes),
  isPrivate: (bytes: Uint8Array): boolean => curve.isPrivate(bytes),
  pointFromScalar: (secret: Uint8Array): Uint8Array | null => curve.pointFromScalar(secret),
  pointCompress: (point: Uint8Array, compressed = true): Uint8Array =>
    secp256k1.Point.fromBytes(point).toBytes(compressed),
  xOnlyPointAddTweak: (key: Uint8Array, tweak: Uint8Array) => curve.xOnlyPointAddTweak(key, tweak),
  privateAdd(secret: Uint8Array, tweak: Uint8Array): Uint8Array | null {
    const sum = scalar.add(scalar.reduce(secret), scalar.reduce(tweak));
    return sum === 0n ? null : scalar.toBytes(sum);
  },
  privateNegate: (secret: Uint8Array): Uint8Array => scalar.toBytes(scalar.negate(scalar.reduce(secret))),
  sign: (digest: Uint8Array, secret: Uint8Array): Uint8Array => curve.signEcdsa(digest, secret).signature,
  signSchnorr: (digest: Uint8Array, secret: Uint8Array, aux?: Uint8Array): Uint8Array =>
    curve.signSchnorr(digest, secret, aux),
  verify: (digest: Uint8Array, point: Uint8Array, signature: Uint8Array): boolean =>
    curve.verifyEcdsa(digest, point, signature),
  verifySchnorr: (digest: Uint8Array, key: Uint8Array, signature: Uint8Array): boolean =>
    curve.verifySchnorr(digest, key, signature),
};
