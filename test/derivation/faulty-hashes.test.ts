import { describe, expect, it, vi } from "vitest";
import { BlockDeriver } from "../../src/derivation/block.js";
import { refusal } from "../support/refusal.js";

/** The prefix of the hashes that come out wrong: 0 for leaves, 1 for pairs. */
const faulty = vi.hoisted(() => ({ prefix: undefined as number | undefined }));

// A machine on which hashing in bulk goes wrong in one bit.
vi.mock("../../src/core/hashes.js", async (load) => {
  const hashes = await load<typeof import("../../src/core/hashes.js")>();
  return {
    ...hashes,
    hashMany: (...args: Parameters<typeof hashes.hashMany>) => {
      const bytes = hashes.hashMany(...args);
      if (args[0] === faulty.prefix) bytes[0]! ^= 1;
      return bytes;
    },
  };
});

describe("the Merkle root of a block of randomness", () => {
  const range = { secretKey: new Uint8Array(32).fill(1), chainId: "chain-1", start: 1n, count: 8 };

  it.each([0, 1])("is refused where it differs by the second way, with faulty hashes after %i", (prefix) => {
    const deriver = new BlockDeriver(range);
    faulty.prefix = prefix;
    const { message } = refusal("self-check-failed", () => deriver.block(0, 8));
    expect(message).toContain("two ways to hash the randomness give two results");
    faulty.prefix = undefined;
    expect(deriver.block(0, 8).subtrees).toHaveLength(32);
    deriver.wipe();
  });
});
