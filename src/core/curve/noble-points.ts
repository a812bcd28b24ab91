import { weierstrass, type WeierstrassPointCons } from "@noble/curves/abstract/weierstrass.js";
import { isBytes } from "../bytes.js";
import type { Points } from "./points.js";

/**
 * secp256k1 by its definition (SEC 2, 2.4.1): the library's own object also brings signatures and hashing to the curve.
 */
const Secp256k1 = /* @__PURE__ */ weierstrass({
  p: 0xffffffff_ffffffff_ffffffff_ffffffff_ffffffff_ffffffff_fffffffe_fffffc2fn,
  n: 0xffffffff_ffffffff_ffffffff_fffffffe_baaedce6_af48a03b_bfd25e8c_d0364141n,
  h: 1n,
  a: 0n,
  b: 7n,
  Gx: 0x79be667e_f9dcbbac_55a06295_ce870b07_029bfcdb_2dce28d9_59f2815b_16f81798n,
  Gy: 0x483ada77_26a3c465_5da4fbfc_0e1108a8_fd17b448_a6855419_9c47d08f_fb10d4b8n,
});

/** The operations by @noble/curves on one of its classes of points. */
export function pointsBy(Point: WeierstrassPointCons<bigint>): Points {
  /** Compressed points only: the library would take 65 bytes too. */
  const parsePoint = (bytes: Uint8Array) => {
    if (!isBytes(bytes, 33)) throw new RangeError("a compressed point must be 33 bytes");
    return Point.fromBytes(bytes);
  };
  const liftX = (x: Uint8Array) => {
    const compressed = new Uint8Array(33);
    compressed[0] = 2;
    if (!isBytes(x, 32)) throw new RangeError("an x coordinate must be 32 bytes");
    compressed.set(x, 1);
    return Point.fromBytes(compressed);
  };
  /** 0 to n - 1; `multiply` itself refuses zero. */
  const toScalar = (bytes: Uint8Array): bigint => Point.Fn.fromBytes(bytes);
  return {
    isPoint: (bytes) => attempt(() => parsePoint(bytes)) !== null,
    isXOnlyPoint: (bytes) => attempt(() => liftX(bytes)) !== null,
    isPrivate: (bytes) => isBytes(bytes, 32) && (attempt(() => toScalar(bytes)) ?? 0n) !== 0n,
    pointFromScalar: (scalar) => attempt(() => Point.BASE.multiply(toScalar(scalar)).toBytes(true)),
    pointAdd: (a, b) => attempt(() => parsePoint(a).add(parsePoint(b)).toBytes(true)),
    pointMultiply: (point, scalar) =>
      attempt(() => parsePoint(point).multiply(toScalar(scalar)).toBytes(true)),
    xOnlyPointAddTweak: (key, tweak) =>
      attempt(() => {
        const t = toScalar(tweak);
        const sum = t === 0n ? liftX(key) : liftX(key).add(Point.BASE.multiply(t));
        const bytes = sum.toBytes(true);
        return { parity: bytes[0] === 3 ? 1 : 0, xOnlyPubkey: bytes.slice(1) };
      }),
  };
}

export const backend: Points = /* @__PURE__ */ pointsBy(Secp256k1);

/** The library throws for bad points and scalars, and when it serialises infinity; the interface returns null. */
export function attempt<T>(compute: () => T): T | null {
  try {
    return compute();
  } catch {
    return null;
  }
}
