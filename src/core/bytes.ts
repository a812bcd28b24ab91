import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { describeType, TapstakeError } from "./errors.js";

/** Strict hexadecimal: lower case out, either case in, never truncated or padded. */
export const hex = {
  /** Bytes as lower-case hexadecimal. @throws TapstakeError `invalid-bytes` */
  encode(bytes: Uint8Array): string {
    try {
      return encodeHex(bytes);
    } catch (cause) {
      assertBytes(bytes, "value");
      throw cause;
    }
  },

  /**
   * Hexadecimal as bytes. Unlike `Buffer.from(text, "hex")` it never stops silently at a bad digit.
   * @param length the required number of bytes, when there is one
   * @throws TapstakeError `invalid-hex`
   */
  decode(text: string, length?: number, name = "value"): Uint8Array {
    if (typeof text !== "string") {
      throw new TapstakeError("invalid-hex", `${name} must be hexadecimal text, not ${describeType(text)}`);
    }
    if (text.length % 2 !== 0) {
      throw new TapstakeError(
        "invalid-hex",
        `${name}: hexadecimal has an odd number of digits (${text.length})`,
      );
    }
    const bad = /[^0-9a-fA-F]/.exec(text);
    if (bad) {
      throw new TapstakeError("invalid-hex", `${name}: not a hexadecimal digit at position ${bad.index}`, {
        position: bad.index,
      });
    }
    if (length !== undefined && text.length !== 2 * length) {
      throw new TapstakeError("invalid-hex", `${name} must be ${length} bytes, not ${text.length / 2}`, {
        expected: length,
        actual: text.length / 2,
      });
    }
    return hexToBytes(text);
  },
};

/** `hex.encode` alone: a program that shows a stake's address only loads no decoder. */
export const encodeHex = (bytes: Uint8Array): string => bytesToHex(bytes);

/** @throws TapstakeError `invalid-bytes` unless `value` is a Uint8Array (of `length` bytes, when given) */
export function assertBytes(value: unknown, name: string, length?: number): asserts value is Uint8Array {
  if (!(value instanceof Uint8Array) || (length !== undefined && value.length !== length)) {
    const expected = length === undefined ? "a Uint8Array" : `a Uint8Array of ${length} bytes`;
    throw new TapstakeError("invalid-bytes", `${name} must be ${expected}, not ${describeType(value)}`);
  }
}

/** Whether `value` is a Uint8Array of `length` bytes: for `verify` functions, which return false and do not throw. */
export function isBytes(value: unknown, length: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length === length;
}

/** Whether two byte strings are the same. Not constant time: not for secrets. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Whether a list has these bytes. */
export const containsBytes = (list: readonly Uint8Array[], bytes: Uint8Array): boolean =>
  list.some((other) => equalBytes(other, bytes));

/** Lexicographic order of bytes, as Bitcoin scripts sort keys. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Byte strings one after the other. */
export const concatBytes = (...parts: readonly Uint8Array[]): Uint8Array => joinBytes(parts);

/** Joins a list of byte strings. The list can be longer than a call's arguments, whose number is limited. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) {
    assertBytes(part, "part");
    length += part.length;
  }
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** ASCII text as bytes: for tags and chain identifiers. */
export function utf8(text: string): Uint8Array {
  // If the encoder comes from another realm (as in jsdom), so do its bytes, and `instanceof` would refuse them.
  return Uint8Array.from(new TextEncoder().encode(text));
}

/**
 * 8 bytes, big-endian.
 * @throws TapstakeError `invalid-number` outside 0 to 2^64 - 1
 */
export function u64be(value: bigint, name = "value"): Uint8Array {
  if (typeof value !== "bigint" || value < 0n || value > 0xffff_ffff_ffff_ffffn) {
    const got = typeof value === "bigint" ? String(value) : describeType(value);
    throw new TapstakeError("invalid-number", `${name} must be a bigint from 0 to 2^64 - 1, not ${got}`);
  }
  wordView.setBigUint64(0, value);
  return word.slice();
}

/** Written over and copied: a buffer apart for a view of each eight bytes would cost more than they do. */
const word = /* @__PURE__ */ new Uint8Array(8);
const wordView = /* @__PURE__ */ new DataView(word.buffer);

/** Bitcoin's variable-length size, up to 2^32 - 1: 1, 3 or 5 bytes. */
export function compactSize(length: number): Uint8Array {
  if (length < 0xfd) return Uint8Array.of(length);
  const bytes = [length & 0xff, (length >> 8) & 0xff, (length >> 16) & 0xff, length >>> 24];
  return length < 0x10000 ? Uint8Array.of(0xfd, ...bytes.slice(0, 2)) : Uint8Array.of(0xfe, ...bytes);
}

/** @throws TapstakeError `invalid-number` unless `value` is an integer from `min` to `max` */
export function assertInteger(
  value: unknown,
  name: string,
  min: number,
  max: number,
): asserts value is number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < min || value > max) {
    const got = typeof value === "number" ? String(value) : describeType(value);
    throw new TapstakeError("invalid-number", `${name} must be an integer from ${min} to ${max}, not ${got}`);
  }
}
