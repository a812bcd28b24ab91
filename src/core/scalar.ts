import { Field } from "@noble/curves/abstract/modular.js";

/** The order n of the group of secp256k1. */
export const GROUP_ORDER: bigint = 0xffffffff_ffffffff_ffffffff_fffffffe_baaedce6_af48a03b_bfd25e8c_d0364141n;

/**
 * Arithmetic modulo the group order n, which libsecp256k1 does not export. BigInt is not constant time: a program on
 * the same machine that times single operations could learn from it.
 */
const Fn = /* @__PURE__ */ Field(GROUP_ORDER);

export const scalar = {
  /** 32 bytes big-endian as a number below n, or null when it is n or more. */
  parse(bytes: Uint8Array): bigint | null {
    const value = toNumber(bytes);
    return value < GROUP_ORDER ? value : null;
  },
  /** 32 bytes big-endian, reduced modulo n. */
  reduce: (bytes: Uint8Array): bigint => toNumber(bytes) % GROUP_ORDER,
  toBytes: (value: bigint): Uint8Array => Fn.toBytes(value),
  add: (a: bigint, b: bigint): bigint => Fn.add(a, b),
  subtract: (a: bigint, b: bigint): bigint => Fn.sub(a, b),
  multiply: (a: bigint, b: bigint): bigint => Fn.mul(a, b),
  negate: (a: bigint): bigint => Fn.neg(a),
  /** a⁻¹ mod n; `a` must not be 0. */
  invert: (a: bigint): bigint => Fn.inv(a),
};

function toNumber(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 32);
  let value = 0n;
  for (let at = 0; at < 32; at += 8) value = (value << 64n) | view.getBigUint64(at);
  return value;
}
