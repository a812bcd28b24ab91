import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as noble from "../../src/core/hashing/noble.js";
import * as node from "../../src/core/hashing/node.js";

const expected = (prefix: number, items: Uint8Array, length: number) =>
  Array.from({ length: items.length / length }, (_, i) =>
    createHash("sha256")
      .update(Uint8Array.of(prefix))
      .update(items.subarray(i * length, (i + 1) * length))
      .digest("hex"),
  ).join("");

const got = (hashes: Uint8Array) => Buffer.from(hashes).toString("hex");

/** Items of every length and number up to some more than a call of the kernel takes. */
const items = (most: number) =>
  fc
    .tuple(fc.constantFrom(32 as const, 64 as const), fc.integer({ min: 0, max: most }))
    .chain(([length, count]) =>
      fc.record({
        length: fc.constant(length),
        prefix: fc.integer({ min: 0, max: 255 }),
        bytes: fc.uint8Array({ minLength: length * count, maxLength: length * count, size: "max" }),
      }),
    );

describe.each([
  ["the kernel", node],
  ["@noble/hashes", noble],
])("hash many: by %s", (_name, { hashMany }) => {
  it("equals OpenSSL's hashes for any items", () => {
    fc.assert(
      fc.property(items(40), ({ length, prefix, bytes }) => {
        expect(got(hashMany(prefix, bytes, length))).toBe(expected(prefix, bytes, length));
      }),
    );
  });

  it.each([0, 1, 2, 3, 4, 5, 1_023, 1_024, 1_025, 2_047, 2_049])("hashes %i items", (count) => {
    for (const length of [32, 64] as const) {
      const bytes = Uint8Array.from({ length: count * length }, (_, i) => (i * 151) >> 3);
      expect(got(hashMany(1, bytes, length))).toBe(expected(1, bytes, length));
    }
  });

  it("hashes zeros and ones in all bits", () => {
    for (const byte of [0, 0xff]) {
      for (const length of [32, 64] as const) {
        const bytes = new Uint8Array(5 * length).fill(byte);
        expect(got(hashMany(byte, bytes, length))).toBe(expected(byte, bytes, length));
      }
    }
  });

  it("changes neither its items nor earlier results", () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const first = hashMany(0, bytes, 64);
    const before = got(first);
    hashMany(1, bytes, 32);
    expect(got(first)).toBe(before);
    expect(bytes).toEqual(Uint8Array.from({ length: 256 }, (_, i) => i));
  });
});
