import * as libsecp from "tiny-secp256k1";
import type { Curve } from "./index.js";

/** libsecp256k1, compiled to WebAssembly. */
export const backend: Curve = {
  name: "libsecp256k1",
  isPoint: (bytes) => bytes.length === 33 && libsecp.isPoint(bytes),
  isXOnlyPoint: (bytes) => bytes.length === 32 && libsecp.isXOnlyPoint(bytes),
  isPrivate: (bytes) => libsecp.isPrivate(bytes),
  pointFromScalar: (scalar) => orNull(() => libsecp.pointFromScalar(scalar, true)),
  pointAdd: (a, b) => orNull(() => libsecp.pointAdd(a, b, true)),
  pointMultiply: (point, scalar) => orNull(() => libsecp.pointMultiply(point, scalar, true)),
  xOnlyPointAddTweak: (key, tweak) => orNull(() => libsecp.xOnlyPointAddTweak(key, tweak)),
  signSchnorr: (digest, secretKey, aux) => libsecp.signSchnorr(digest, secretKey, aux),
  verifySchnorr: (digest, publicKey, signature) =>
    orNull(() => libsecp.verifySchnorr(digest, publicKey, signature)) ?? false,
};

/** The library throws at arguments that are no points or scalars; the interface answers null. */
function orNull<T>(compute: () => T | null): T | null {
  try {
    return compute();
  } catch {
    return null;
  }
}
