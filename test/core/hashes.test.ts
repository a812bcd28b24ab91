import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { sha256, taggedHash } from "../../src/core/hashes.js";

const node = (...parts: readonly Uint8Array[]) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

describe("hashes", () => {
  it("sha256 is Node's", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (data) => {
        expect(hex.encode(sha256(data))).toBe(node(data).toString("hex"));
      }),
    );
  });

  it("a tagged hash is SHA256 of the tag's hash twice and the data, in parts or whole (BIP-340)", () => {
    fc.assert(
      fc.property(fc.string(), fc.uint8Array(), fc.uint8Array(), (tag, a, b) => {
        const hashedTag = node(Buffer.from(tag));
        expect(hex.encode(taggedHash(tag, a, b))).toBe(node(hashedTag, hashedTag, a, b).toString("hex"));
        expect(taggedHash(tag, a, b)).toEqual(taggedHash(tag, new Uint8Array([...a, ...b])));
      }),
    );
  });
});
