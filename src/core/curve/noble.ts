import { schnorr, secp256k1 } from "@noble/curves/secp256k1.js";
import { concatBytes, isBytes } from "../bytes.js";
import { assertSigningArguments } from "./guards.js";
import type { Curve } from "./index.js";

/** @noble/curves: pure JavaScript, for browsers and other places without Node's file system. */
export const backend: Curve = {
  name: "noble",
  isPoint: (bytes) => attempt(() => parsePoint(bytes)) !== null,
  isXOnlyPoint: (bytes) => attempt(() => liftX(bytes)) !== null,
  isPrivate: (bytes) => isPrivate(bytes),
  pointFromScalar: (scalar) => attempt(() => secp256k1.Point.BASE.multiply(toScalar(scalar)).toBytes(true)),
  pointAdd: (a, b) => attempt(() => parsePoint(a).add(parsePoint(b)).toBytes(true)),
  pointMultiply: (point, scalar) => attempt(() => parsePoint(point).multiply(toScalar(scalar)).toBytes(true)),
  xOnlyPointAddTweak: (key, tweak) =>
    attempt(() => {
      const t = toScalar(tweak);
      const sum = t === 0n ? liftX(key) : liftX(key).add(secp256k1.Point.BASE.multiply(t));
      const bytes = sum.toBytes(true);
      return { parity: bytes[0] === 3 ? 1 : 0, xOnlyPubkey: bytes.slice(1) };
    }),
  signSchnorr(digest, secretKey, aux = new Uint8Array(32)) {
    assertSigningArguments(digest, secretKey, aux, isPrivate);
    return schnorr.sign(digest, secretKey, aux);
  },
  verifySchnorr: (digest, publicKey, signature) =>
    isBytes(digest, 32) &&
    isBytes(publicKey, 32) &&
    isBytes(signature, 64) &&
    (attempt(() => schnorr.verify(signature, digest, publicKey)) ?? false),
  verifyEcdsa: (digest, point, signature) =>
    isBytes(digest, 32) &&
    isBytes(point, 33) &&
    isBytes(signature, 64) &&
    (attempt(() => secp256k1.verify(signature, digest, point, { prehash: false, lowS: true })) ?? false),
  signEcdsa(digest, secretKey) {
    assertSigningArguments(digest, secretKey, undefined, isPrivate);
    const signed = secp256k1.sign(digest, secretKey, { prehash: false, lowS: true, format: "recovered" });
    return { signature: signed.slice(1), parity: signed[0] === 1 ? 1 : 0 };
  },
  recoverEcdsa: (digest, signature, parity) =>
    isBytes(digest, 32) && isBytes(signature, 64) && (parity === 0 || parity === 1)
      ? attempt(() => {
          const recoverable = concatBytes(Uint8Array.of(parity), signature);
          return secp256k1.recoverPublicKey(recoverable, digest, { prehash: false });
        })
      : null,
};

/** Compressed points only: the library would take 65 bytes too. */
function parsePoint(bytes: Uint8Array) {
  if (!isBytes(bytes, 33)) throw new RangeError("expected 33 bytes");
  return secp256k1.Point.fromBytes(bytes);
}

function liftX(x: Uint8Array) {
  if (!isBytes(x, 32)) throw new RangeError("expected 32 bytes");
  return secp256k1.Point.fromBytes(concatBytes(Uint8Array.of(2), x));
}

/** 0 to n - 1; `multiply` itself refuses zero. */
const toScalar = (bytes: Uint8Array): bigint => secp256k1.Point.Fn.fromBytes(bytes);

const isPrivate = (bytes: Uint8Array): boolean =>
  isBytes(bytes, 32) && (attempt(() => toScalar(bytes)) ?? 0n) !== 0n;

/** The library throws at bad points and scalars, and at infinity when serialised; the interface answers null. */
function attempt<T>(compute: () => T): T | null {
  try {
    return compute();
  } catch {
    return null;
  }
}
