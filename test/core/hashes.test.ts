import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { taggedHash } from "../../src/core/hashes.js";
import * as noble from "../../src/core/hashing/noble.js";
import * as openssl from "../../src/core/hashing/node.js";

const node = (...parts: readonly Uint8Array[]) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

describe.each([
  ["OpenSSL", openssl],
  ["@noble/hashes", noble],
])("hashes of %s", (_name, { sha256 }) => {
  it("equal Node's sha256, as plain arrays with separate memory", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (data) => {
        const hash = sha256(data);
        expect(hash).toEqual(Uint8Array.from(node(data)));
        expect(hash.constructor).toBe(Uint8Array);
        expect(hash.buffer.byteLength).toBe(32);
      }),
    );
  });
});

describe("hashes", () => {
  it("a tagged hash is SHA256 of the tag's hash twice and the data, in one part or several (BIP-340)", () => {
    fc.assert(
      fc.property(fc.string(), fc.uint8Array(), fc.uint8Array(), (tag, a, b) => {
        const hashedTag = node(Buffer.from(tag));
        expect(hex.encode(taggedHash(tag, a, b))).toBe(node(hashedTag, hashedTag, a, b).toString("hex"));
        expect(taggedHash(tag, a, b)).toEqual(taggedHash(tag, new Uint8Array([...a, ...b])));
      }),
    );
  });
});
