import { schnorr, secp256k1 } from "@noble/curves/secp256k1.js";
import type { Curve } from "./index.js";

const { Point } = secp256k1;

/** @noble/curves: pure JavaScript, for browsers and other places without Node's file system. */
export const backend: Curve = {
  name: "noble",
  isPoint: (bytes) => bytes.length === 33 && attempt(() => Point.fromBytes(bytes)) !== null,
  isXOnlyPoint: (bytes) => bytes.length === 32 && attempt(() => liftX(bytes)) !== null,
  isPrivate: (bytes) => secp256k1.utils.isValidSecretKey(bytes),
  pointFromScalar: (scalar) => attempt(() => Point.BASE.multiply(toScalar(scalar)).toBytes(true)),
  pointAdd: (a, b) => attempt(() => Point.fromBytes(a).add(Point.fromBytes(b)).toBytes(true)),
  pointMultiply: (point, scalar) =>
    attempt(() => Point.fromBytes(point).multiply(toScalar(scalar)).toBytes(true)),
  xOnlyPointAddTweak: (key, tweak) =>
    attempt(() => {
      const t = Point.Fn.fromBytes(tweak);
      const sum = t === 0n ? liftX(key) : liftX(key).add(Point.BASE.multiply(t));
      const bytes = sum.toBytes(true);
      return { parity: bytes[0] === 3 ? 1 : 0, xOnlyPubkey: bytes.slice(1) };
    }),
  signSchnorr: (digest, secretKey, aux = new Uint8Array(32)) => schnorr.sign(digest, secretKey, aux),
  verifySchnorr: (digest, publicKey, signature) =>
    attempt(() => schnorr.verify(signature, digest, publicKey)) ?? false,
};

function liftX(x: Uint8Array) {
  const compressed = new Uint8Array(33);
  compressed[0] = 2;
  compressed.set(x, 1);
  return Point.fromBytes(compressed);
}

/** Strictly 1 to n - 1: `multiply` itself refuses zero. */
function toScalar(bytes: Uint8Array): bigint {
  return Point.Fn.fromBytes(bytes);
}

/** The library throws at bad points and scalars, and at infinity when serialised; the interface answers null. */
function attempt<T>(compute: () => T): T | null {
  try {
    return compute();
  } catch {
    return null;
  }
}
