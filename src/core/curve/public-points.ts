import { hexToBytes } from "@noble/hashes/utils.js";
import { encodeHex, isBytes } from "../bytes.js";
import type { Points } from "./points.js";

// For public keys and tweaks only. The time that this code takes depends on its arguments, which secrets do not allow.
// A page that shows a stake's address needs nothing else, and @noble/curves would be more than half of what it loads.

/** secp256k1 (SEC 2, 2.4.1): y² = x³ + 7 modulo P, and the base point of order N. */
const P = 0xffffffff_ffffffff_ffffffff_ffffffff_ffffffff_ffffffff_fffffffe_fffffc2fn;
const N = 0xffffffff_ffffffff_ffffffff_fffffffe_baaedce6_af48a03b_bfd25e8c_d0364141n;
const G: Point = {
  x: 0x79be667e_f9dcbbac_55a06295_ce870b07_029bfcdb_2dce28d9_59f2815b_16f81798n,
  y: 0x483ada77_26a3c465_5da4fbfc_0e1108a8_fd17b448_a6855419_9c47d08f_fb10d4b8n,
};

interface Point {
  readonly x: bigint;
  readonly y: bigint;
}

/** The point (x / z², y / z³); at infinity where z is 0. */
interface Jacobian extends Point {
  readonly z: bigint;
}

export const isXOnlyPoint: Points["isXOnlyPoint"] = (bytes) => liftX(bytes) !== null;

export const xOnlyPointAddTweak: Points["xOnlyPointAddTweak"] = (key, tweak) => {
  const point = liftX(key);
  const factor = isBytes(tweak, 32) ? toNumber(tweak) : N;
  if (!point || factor >= N) return null;
  let sum: Jacobian = { x: 1n, y: 1n, z: 0n };
  for (const bit of factor.toString(2)) {
    sum = double(sum);
    if (bit === "1") sum = add(sum, G);
  }
  const { x, y, z } = add(sum, point);
  if (z === 0n) return null;
  const inverse = power(z, P - 2n);
  const square = mod(inverse * inverse);
  const xOnlyPubkey = hexToBytes(
    mod(x * square)
      .toString(16)
      .padStart(64, "0"),
  );
  return { parity: mod(y * square * inverse) % 2n === 0n ? 0 : 1, xOnlyPubkey };
};

/** The point with this x and an even y (BIP-340); null where there is none. */
function liftX(bytes: Uint8Array): Point | null {
  const x = isBytes(bytes, 32) ? toNumber(bytes) : P;
  if (x >= P) return null;
  const square = mod(x * x * x + 7n);
  // P is 3 modulo 4.
  const root = power(square, (P + 1n) / 4n);
  if (mod(root * root) !== square) return null;
  return { x, y: root % 2n === 0n ? root : P - root };
}

/** There is no point with a y of 0: the order is odd. */
function double({ x, y, z }: Jacobian): Jacobian {
  const yy = mod(y * y);
  const d = mod(4n * x * yy);
  const e = mod(3n * x * x);
  const x3 = mod(e * e - 2n * d);
  return { x: x3, y: mod(e * (d - x3) - 8n * yy * yy), z: mod(2n * y * z) };
}

function add(a: Jacobian, b: Point): Jacobian {
  if (a.z === 0n) return { ...b, z: 1n };
  const zz = mod(a.z * a.z);
  const h = mod(b.x * zz - a.x);
  const r = mod(b.y * zz * a.z - a.y);
  // The same x: the same point, or its negative.
  if (h === 0n) return r === 0n ? double(a) : { x: 1n, y: 1n, z: 0n };
  const hh = mod(h * h);
  const hhh = mod(h * hh);
  const v = mod(a.x * hh);
  const x = mod(r * r - hhh - 2n * v);
  return { x, y: mod(r * (v - x) - a.y * hhh), z: mod(a.z * h) };
}

function mod(value: bigint): bigint {
  const rest = value % P;
  return rest < 0n ? rest + P : rest;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) {
    result = mod(result * result);
    if (bit === "1") result = mod(result * base);
  }
  return result;
}

const toNumber = (bytes: Uint8Array): bigint => BigInt(`0x${encodeHex(bytes)}`);
