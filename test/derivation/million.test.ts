import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { deriveRange } from "../../src/derivation/derive.js";

const count = 1_000_000;
const range = { secretKey: new Uint8Array(32).fill(9), chainId: "bsn-1", start: 1n, count };

/** A hash for each thousand points: what differs is found, and nothing else is kept. */
async function digests(constantTime: boolean) {
  const found: string[] = [];
  const report = await deriveRange(range, { constantTime }, ({ points }) => {
    found.push(hex.encode(sha256(points)));
  });
  return { found, report };
}

describe("a million points at random", () => {
  it("are by the kernel what they are by the library, every one", { timeout: 900_000 }, async () => {
    const kernel = await digests(false);
    const library = await digests(true);
    expect(kernel.report).toEqual({ kernel: count, library: 0, mismatches: 0, collisions: 0 });
    expect(library.report).toEqual({ kernel: 0, library: count, mismatches: 0, collisions: 0 });
    expect(kernel.found).toHaveLength(Math.ceil(count / 1024));
    expect(kernel.found).toEqual(library.found);
  });
});
