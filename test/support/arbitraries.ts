import fc from "fast-check";
import { GROUP_ORDER, scalar } from "../../src/core/scalar.js";

/** Scalars from 1 to n - 1, edges included, as 32 bytes. */
export const secrets = fc
  .oneof(
    { weight: 8, arbitrary: fc.bigInt({ min: 1n, max: GROUP_ORDER - 1n }) },
    fc.constantFrom(1n, 2n, 3n, GROUP_ORDER / 2n, GROUP_ORDER - 2n, GROUP_ORDER - 1n),
  )
  .map(scalar.toBytes);

export const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });

/** A copy with one bit changed. */
export function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  const at = bit % (8 * bytes.length);
  copy[at >> 3]! ^= 1 << (at & 7);
  return copy;
}

/** A value of no right type or length for bytes, as an untyped caller could pass it. */
export const NOT_BYTES: readonly unknown[] = [
  undefined,
  null,
  0,
  1n,
  "00",
  "0".repeat(64),
  {},
  [],
  Array.from({ length: 32 }, () => 1),
  new Uint8Array(0),
  new Uint8Array(31).fill(1),
  new Uint8Array(34).fill(1),
  new ArrayBuffer(32),
  new Uint16Array(32).fill(1),
];
