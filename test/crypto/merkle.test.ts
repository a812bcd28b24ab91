import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { merkle, type MerkleProof } from "../../src/crypto/merkle.js";
import { flipBit, NOT_BYTES } from "../support/arbitraries.js";
import { refusal } from "../support/refusal.js";
import { runs, some } from "../support/runs.js";
import { bytes } from "../support/vectors.js";

// Certificate Transparency's reference tree: RFC 6962 test data, used by its logs and by CometBFT's ancestors.
const CT_LEAVES = [
  "",
  "00",
  "10",
  "2021",
  "3031",
  "40414243",
  "5051525354555657",
  "606162636465666768696a6b6c6d6e6f",
].map(bytes);
const CT_ROOTS = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];
const CT_PROOFS = [
  [
    0,
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
  ],
  [
    5,
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  ],
] as const;

const leavesOf = (count: number) =>
  Array.from({ length: count }, (_, i) => bytes(i.toString(16).padStart(64, "0")));

describe("merkle: RFC 6962", () => {
  it("has the roots of the reference tree for every size from 0 to 8", () => {
    expect(CT_ROOTS.map((_, size) => hex.encode(merkle.root(CT_LEAVES.slice(0, size))))).toEqual(CT_ROOTS);
  });

  it("has the proofs of the reference tree", () => {
    for (const [index, ...aunts] of CT_PROOFS) {
      expect(merkle.proof(CT_LEAVES, index).aunts.map(hex.encode)).toEqual(aunts);
    }
  });

  it("splits at the largest power of two below the number of leaves (RFC 6962)", () => {
    for (const count of some([...Array(71).keys()], 20)) {
      const leaves = leavesOf(count);
      const root = merkle.root(leaves);
      expect(hex.encode(root)).toBe(definedRoot(leaves).toString("hex"));
      const proofs = merkle.proofs(leaves);
      for (const [index, leaf] of leaves.entries()) {
        const proof = proofs(index);
        expect(proof).toMatchObject({ total: count, index });
        expect(proof.aunts.map(hex.encode)).toEqual(definedPath(leaves, index).map((h) => h.toString("hex")));
        expect(merkle.verify(root, leaf, proof)).toBe(true);
      }
    }
  });

  it("hashes more leaves than the largest commitment has", () => {
    const leaves = leavesOf(60_001);
    const root = merkle.root(leaves);
    expect(hex.encode(root)).toBe(definedRoot(leaves).toString("hex"));
    const proofs = merkle.proofs(leaves);
    for (const index of [0, 1, 32_767, 32_768, 59_999, 60_000]) {
      expect(merkle.verify(root, leaves[index]!, proofs(index))).toBe(true);
    }
  });
});

describe("merkle.verify", () => {
  const trees = fc
    .integer({ min: 1, max: 40 })
    .chain((total) => fc.tuple(fc.constant(total), fc.nat(total - 1)));

  it("refuses a proof with any one thing changed", () => {
    fc.assert(
      fc.property(trees, fc.nat(), ([total, index], seed) => {
        const leaves = leavesOf(total);
        const [root, leaf, proof] = [merkle.root(leaves), leaves[index]!, merkle.proof(leaves, index)];
        const { aunts } = proof;
        const at = seed % Math.max(1, aunts.length);
        const wrong: [string, Uint8Array, Uint8Array, MerkleProof][] = [
          ["root", flipBit(root, seed), leaf, proof],
          ["leaf", root, flipBit(leaf, seed), proof],
          ["leaf hash", root, leaf, { ...proof, leafHash: flipBit(proof.leafHash, seed) }],
          ["an aunt more", root, leaf, { ...proof, aunts: [...aunts, root] }],
          ["index at the end", root, leaf, { ...proof, index: total }],
          ["negative index", root, leaf, { ...proof, index: -1 }],
          ["fraction", root, leaf, { ...proof, index: index + 0.5 }],
          ["no leaves", root, leaf, { ...proof, total: 0 }],
          ["four times the leaves", root, leaf, { ...proof, total: 4 * total }],
        ];
        if (aunts.length > 0) {
          wrong.push(
            ["an aunt less", root, leaf, { ...proof, aunts: aunts.slice(1) }],
            ["last aunt less", root, leaf, { ...proof, aunts: aunts.slice(0, -1) }],
            ["aunt", root, leaf, { ...proof, aunts: aunts.map((a, i) => (i === at ? flipBit(a, seed) : a)) }],
            ["short aunt", root, leaf, { ...proof, aunts: aunts.map((a) => a.slice(1)) }],
            ["neighbour", root, leaf, { ...proof, index: index % 2 === 0 ? index + 1 : index - 1 }],
          );
        }
        for (const [what, ...args] of wrong) expect(merkle.verify(...args), what).toBe(false);
        expect(merkle.verify(root, leaf, proof)).toBe(true);
      }),
      { numRuns: runs(60) },
    );
  });

  it("refuses an inner node as a leaf", () => {
    const leaves = leavesOf(4);
    const [left, right] = [merkle.proof(leaves, 0), merkle.proof(leaves, 1)];
    const inner = new Uint8Array([...left.leafHash, ...right.leafHash]);
    const forged = {
      total: 2,
      index: 0,
      leafHash: bytes(digestOf(0, inner).toString("hex")),
      aunts: [left.aunts[1]!],
    };
    expect(merkle.verify(merkle.root(leaves), inner, forged)).toBe(false);
  });

  it("is false on malformed input of any type", () => {
    const leaves = leavesOf(3);
    const [root, leaf, proof] = [merkle.root(leaves), leaves[1]!, merkle.proof(leaves, 1)];
    for (const bad of NOT_BYTES as never[]) {
      expect(merkle.verify(bad, leaf, proof)).toBe(false);
      expect(merkle.verify(root, bad, proof)).toBe(false);
      expect(merkle.verify(root, leaf, bad)).toBe(false);
      for (const field of ["total", "index", "leafHash", "aunts"]) {
        if (field === "index" && (bad as unknown) === 0) continue;
        expect(merkle.verify(root, leaf, { ...proof, [field]: bad }), field).toBe(false);
      }
      expect(merkle.verify(root, leaf, { ...proof, aunts: [bad, ...proof.aunts.slice(1)] })).toBe(false);
    }
    expect(merkle.verify(root, leaf, { ...proof, total: Number.MAX_SAFE_INTEGER })).toBe(false);
  });
});

describe("merkle on malformed input", () => {
  it("refuses leaves that are not bytes", () => {
    for (const bad of ["00", null, undefined, [1]] as never[]) {
      refusal("invalid-bytes", () => merkle.root([new Uint8Array(), bad]));
      refusal("invalid-bytes", () => merkle.proof([bad], 0));
      refusal("invalid-bytes", () => merkle.root(bad));
    }
    // oxlint-disable-next-line unicorn/no-new-array -- a hole in a list is what is tested
    refusal("invalid-bytes", () => merkle.root(new Array<Uint8Array>(2)));
  });

  it("refuses an index beyond the leaves", () => {
    for (const bad of [-1, 3, 0.5, NaN, Infinity, 2 ** 53, "0", 0n, undefined] as never[]) {
      refusal("index-out-of-range", () => merkle.proof(leavesOf(3), bad));
    }
    refusal("index-out-of-range", () => merkle.proof([], 0));
  });

  it("a changed proof changes neither leaves nor tree", () => {
    const leaves = leavesOf(5);
    const proofs = merkle.proofs(leaves);
    proofs(0).leafHash.fill(0);
    proofs(0).aunts[0]!.fill(0);
    expect(merkle.verify(merkle.root(leaves), leaves[1]!, proofs(1))).toBe(true);
    expect(leaves).toEqual(leavesOf(5));
  });
});

/** The definition of RFC 6962 section 2.1, with Node's hash. */
function definedRoot(leaves: readonly Uint8Array[]): Buffer {
  if (leaves.length === 0) return createHash("sha256").digest();
  if (leaves.length === 1) return digestOf(0, leaves[0]!);
  const k = split(leaves.length);
  return digestOf(1, definedRoot(leaves.slice(0, k)), definedRoot(leaves.slice(k)));
}

function definedPath(leaves: readonly Uint8Array[], index: number): Buffer[] {
  if (leaves.length === 1) return [];
  const k = split(leaves.length);
  return index < k
    ? [...definedPath(leaves.slice(0, k), index), definedRoot(leaves.slice(k))]
    : [...definedPath(leaves.slice(k), index - k), definedRoot(leaves.slice(0, k))];
}

function split(count: number): number {
  let k = 1;
  while (2 * k < count) k *= 2;
  return k;
}

function digestOf(prefix: number, ...parts: Uint8Array[]): Buffer {
  const hash = createHash("sha256").update(Uint8Array.of(prefix));
  for (const part of parts) hash.update(part);
  return hash.digest();
}
