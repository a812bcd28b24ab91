import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes, equalBytes, hex } from "../../src/core/bytes.js";
import { taggedHash } from "../../src/core/hashes.js";
import { stakingOutput } from "../../src/script/outputs.js";
import { NUMS_KEY, outputKeyOf, tapleafHash, taproot } from "../../src/script/taproot.js";
import { runs } from "../support/runs.js";
import { keyOf, termsOf } from "../support/stakes.js";

type Tree = { script: string; leafVersion: number } | [Tree, Tree];
interface Bip341Case {
  scriptTree: Tree;
  leafHashes: string[];
  scriptPubKey: string;
  scriptPathControlBlocks: string[];
}

const flatten = (tree: Tree): { script: string; leafVersion: number }[] =>
  Array.isArray(tree) ? tree.flatMap(flatten) : [tree];

describe("the script paths of BIP-341's vectors", () => {
  const { vectors } = JSON.parse(
    readFileSync(new URL("../vectors/bip341-script-paths.json", import.meta.url), "utf8"),
  ) as { vectors: Bip341Case[] };

  it.each(vectors)("lead to $scriptPubKey", (vector) => {
    const leaves = flatten(vector.scriptTree);
    expect(vector.scriptPathControlBlocks).toHaveLength(leaves.length);
    const found = leaves.map(({ script, leafVersion }, i) => {
      const bytes = hex.decode(script);
      const outputKey = outputKeyOf(bytes, hex.decode(vector.scriptPathControlBlocks[i]!));
      // A leaf of another version is no tapscript: what it needs to be spent is not ours to say.
      if (leafVersion !== 0xc0) return outputKey;
      return { hash: hex.encode(tapleafHash(bytes)), script: `5120${hex.encode(outputKey!)}` };
    });
    expect(found).toEqual(
      leaves.map(({ leafVersion }, i) =>
        leafVersion === 0xc0 ? { hash: vector.leafHashes[i], script: vector.scriptPubKey } : null,
      ),
    );
  });
});

describe("outputKeyOf", () => {
  const { script, leaves } = stakingOutput(termsOf(1, 2, 3, 2), "regtest");
  const outputKey = script.slice(2);

  it("gives another key with any one bit of the control block flipped", () => {
    for (const { script: leaf, controlBlock } of Object.values(leaves)) {
      for (let bit = 0; bit < 8 * controlBlock.length; bit++) {
        const key = outputKeyOf(leaf, flip(controlBlock, bit));
        expect(key !== null && equalBytes(key, outputKey)).toBe(false);
      }
    }
  });

  it("gives another key with any one bit of the script flipped", () => {
    for (const { script: leaf, controlBlock } of Object.values(leaves)) {
      for (let bit = 0; bit < 8 * leaf.length; bit++) {
        const key = outputKeyOf(flip(leaf, bit), controlBlock);
        expect(key !== null && equalBytes(key, outputKey)).toBe(false);
      }
    }
  });

  it("is null for a control block of no possible length", () => {
    const { script: leaf, controlBlock } = leaves.slashing;
    const root = controlBlock.slice(0, 33);
    for (const length of [0, 1, 32, 34, 64, 66]) {
      expect(
        outputKeyOf(leaf, concatBytes(root, controlBlock.slice(33), keyOf(1)).slice(0, length)),
      ).toBeNull();
    }
    const steps = (count: number) => concatBytes(root, new Uint8Array(32 * count));
    const either = [steps(128), flip(steps(128), 0)].map((block) => outputKeyOf(leaf, block));
    expect(either.filter((key) => key !== null)).toHaveLength(1);
    expect(outputKeyOf(leaf, steps(129))).toBeNull();
    expect(outputKeyOf(leaf, flip(steps(129), 0))).toBeNull();
  });

  it("is null for an internal key that is not on the curve", () => {
    const { script: leaf, controlBlock } = leaves.slashing;
    const block = concatBytes(controlBlock.slice(0, 1), new Uint8Array(32), controlBlock.slice(33));
    expect(outputKeyOf(leaf, block)).toBeNull();
    expect(outputKeyOf(leaf, flip(block, 0))).toBeNull();
  });

  it("gives a key or null for any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 200 }), (a, b) => {
        const key = outputKeyOf(a, b);
        expect(key === null || key.length === 32).toBe(true);
      }),
      { numRuns: runs(500) },
    );
  });
});

describe("a tapleaf hash", () => {
  it.each([
    [0, "00"],
    [252, "fc"],
    [253, "fdfd00"],
    [65_535, "fdffff"],
    [65_536, "fe00000100"],
    [4_000_000, "fe00093d00"],
  ])("encodes the length of a script of %s bytes as Bitcoin does", (length, size) => {
    const script = new Uint8Array(length);
    expect(tapleafHash(script)).toEqual(taggedHash("TapLeaf", Uint8Array.of(0xc0), hex.decode(size), script));
  });
});

describe("the internal key", () => {
  it("is the x of BIP-341: the hash of the generator", async () => {
    const generator = hex.decode(
      "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798" +
        "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8",
    );
    expect(NUMS_KEY).toEqual(
      new Uint8Array(await crypto.subtle.digest("SHA-256", Uint8Array.from(generator))),
    );
  });
});

describe("a script tree", () => {
  it("has the same key with its branches swapped, and lists its paths from left to right", () => {
    const [a, b, c] = [[1], [2], [3]].map((bytes) => Uint8Array.from(bytes)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    const one = taproot([[a, b], c]);
    const other = taproot([c, [b, a]]);
    expect(other.outputKey).toEqual(one.outputKey);
    expect(one.paths.map((path) => path.script)).toEqual([a, b, c]);
    expect(other.paths.toReversed()).toEqual(one.paths);
  });
});

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
}
