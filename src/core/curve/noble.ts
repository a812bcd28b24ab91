import { schnorr, secp256k1 } from "@noble/curves/secp256k1.js";
import { concatBytes, isBytes } from "../bytes.js";
import { assertSigningArguments } from "./guards.js";
import type { Curve } from "./index.js";
import { attempt, pointsBy } from "./noble-points.js";

const points = pointsBy(secp256k1.Point);
const { isPrivate } = points;

/** @noble/curves: pure JavaScript, for browsers and other places without Node's file system. */
export const backend: Curve = {
  name: "noble",
  ...points,
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
