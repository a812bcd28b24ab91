import { createRequire } from "node:module";
import type * as Library from "tiny-secp256k1";
import { equalBytes, isBytes } from "../bytes.js";
import { loadPackage } from "../optional.js";
import { assertSigningArguments } from "./guards.js";
import type { Curve } from "./index.js";

/**
 * libsecp256k1, compiled to WebAssembly.
 *
 * Every argument is checked before it enters the module. For a point that is not on the curve, tiny-secp256k1 throws
 * from inside WebAssembly, which never frees the stack it used. After about 3,400 such calls the module fails for good,
 * even for valid input: signatures by impossible keys could stop a verifier.
 *
 * The first operation loads it: compiling takes longer than a command that needs no curve.
 */
export const backend: Curve = {
  name: "libsecp256k1",
  isPoint,
  isXOnlyPoint,
  isPrivate,
  pointFromScalar: (scalar) => (isPrivate(scalar) ? libsecp().pointFromScalar(scalar, true) : null),
  pointAdd: (a, b) => (isPoint(a) && isPoint(b) ? libsecp().pointAdd(a, b, true) : null),
  pointMultiply: (point, scalar) =>
    isPoint(point) && isPrivate(scalar) ? libsecp().pointMultiply(point, scalar, true) : null,
  xOnlyPointAddTweak: (key, tweak) =>
    isXOnlyPoint(key) && isBelowOrder(tweak) ? libsecp().xOnlyPointAddTweak(key, tweak) : null,
  signSchnorr(digest, secretKey, aux) {
    assertSigningArguments(digest, secretKey, aux, isPrivate);
    return libsecp().signSchnorr(digest, secretKey, aux);
  },
  verifySchnorr: (digest, publicKey, signature) =>
    isBytes(digest, 32) &&
    isXOnlyPoint(publicKey) &&
    isBytes(signature, 64) &&
    isBelowOrder(signature.subarray(0, 32)) &&
    isBelowOrder(signature.subarray(32)) &&
    libsecp().verifySchnorr(digest, publicKey, signature),
  verifyEcdsa: (digest, point, signature) =>
    isBytes(digest, 32) &&
    isPoint(point) &&
    isBytes(signature, 64) &&
    isPrivate(signature.subarray(0, 32)) &&
    isPrivate(signature.subarray(32)) &&
    libsecp().verify(digest, point, signature, true),
  signEcdsa(digest, secretKey) {
    assertSigningArguments(digest, secretKey, undefined, isPrivate);
    const { signature, recoveryId } = libsecp().signRecoverable(digest, secretKey);
    return { signature, parity: recoveryId === 1 ? 1 : 0 };
  },
  recoverEcdsa: (digest, signature, parity) =>
    isBytes(digest, 32) &&
    isBytes(signature, 64) &&
    isPrivate(signature.subarray(0, 32)) &&
    isPrivate(signature.subarray(32)) &&
    isXOnlyPoint(signature.subarray(0, 32)) &&
    (parity === 0 || parity === 1)
      ? libsecp().recover(digest, signature, parity, true)
      : null,
};

/** An optional package. */
export const LIBRARY = "tiny-secp256k1";

let loaded: typeof Library | undefined;

const libsecp = (): typeof Library =>
  (loaded ??= loadPackage<typeof Library>(createRequire(import.meta.url), LIBRARY));

function isPoint(bytes: Uint8Array): boolean {
  return isBytes(bytes, 33) && libsecp().isPoint(bytes);
}

/**
 * X-only keys that were found to be points, by their last bits. The check costs a square root, and the keys of a signer
 * and of a committee occur in every stake.
 */
const judged: (Uint8Array | undefined)[] = Array.from({ length: 1024 });

function isXOnlyPoint(bytes: Uint8Array): boolean {
  if (!isBytes(bytes, 32)) return false;
  const slot = ((bytes[30]! << 8) | bytes[31]!) % judged.length;
  const known = judged[slot];
  if (known && equalBytes(bytes, known)) return true;
  if (!libsecp().isXOnlyPoint(bytes)) return false;
  judged[slot] = Uint8Array.from(bytes);
  return true;
}

function isPrivate(bytes: Uint8Array): boolean {
  return libsecp().isPrivate(bytes);
}

/** 0 to n - 1. For a larger tweak or half of a signature, the module throws in JavaScript. */
function isBelowOrder(bytes: Uint8Array): boolean {
  return isPrivate(bytes) || (isBytes(bytes, 32) && bytes.every((byte) => byte === 0));
}
