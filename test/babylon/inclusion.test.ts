import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import {
  checkInclusionProof,
  inclusionProof,
  type InclusionProof,
  inclusionProofFromMerkle,
  inclusionProofFromMerkleBlock,
  inclusionProofFromTxids,
  verifyInclusionProof,
} from "../../src/babylon/inclusion.js";
import { Transaction } from "../../src/bitcoin/transaction-class.js";
import { concatBytes, equalBytes, hex } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { flipBit, NOT_BYTES } from "../support/arbitraries.js";
import { loadPublished } from "../support/babylon.js";
import { refusal } from "../support/refusal.js";
import { runs } from "../support/runs.js";

/**
 * Mainnet's block 100,000: four transactions, known to everyone. The header is the one whose hash is
 * 000000000003ba27aa200b1cecaad478d2b00432346c3f1f3986da1afd33e506.
 */
const HEADER_100000 = hex.decode(
  "0100000050120119172a610421a6c3011dd330d9df07b63616c2cc1f1cd00200000000006657a9252aacd5c0b2940996ecff952228c3067cc38d4885efb5a4ac4247e9f337221b4d4c86041b0f2b5710",
);
const TXIDS_100000 = [
  "8c14f0db3df150123e6f3dbbf30f8b955a8249b62ac1d1ff16284aefa3d06d87",
  "fff2525b8931402dd09222c50775608f75787bd2b87e56995a7bdd30f79702c4",
  "6359f0868171b1d194cbee1af2f16ea598ae8fad666d9b012c8ed2b79a236ec4",
  "e9a66845e05d5abc0ad04ec80f774a7e585c6e8db975962d069a522137b80c1d",
];

const doubleHash = (...parts: Uint8Array[]): Uint8Array => sha256(sha256(concatBytes(...parts)));
const txidOf = (hash: Uint8Array): string => hex.encode(hash.toReversed());

/** Distinct transactions, with nothing but their place in them. */
function transactions(count: number): Transaction[] {
  return Array.from({ length: count }, (_, i) => {
    const transaction = new Transaction();
    transaction.addInput(new Uint8Array(32).fill(1), i);
    transaction.addOutput(Uint8Array.of(0x51, 3, i & 255, i >> 8, 0), 1_000n);
    return transaction;
  });
}

/** The root by recursion: pairs of halves of a list that is filled up with its last. */
function rootOf(hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length === 1) return hashes[0]!;
  const even = hashes.length % 2 === 0 ? hashes : [...hashes, hashes.at(-1)!];
  const pairs = Array.from({ length: even.length / 2 }, (_, i) => doubleHash(even[2 * i]!, even[2 * i + 1]!));
  return rootOf(pairs);
}

const headerOf = (root: Uint8Array): Uint8Array =>
  concatBytes(new Uint8Array(36).fill(3), root, new Uint8Array(12));

function blockOf(count: number) {
  const all = transactions(count);
  const header = headerOf(rootOf(all.map((each) => each.getHash())));
  const size = count < 0xfd ? Uint8Array.of(count) : Uint8Array.of(0xfd, count & 255, count >> 8);
  const raw = concatBytes(header, size, ...all.map((each) => Uint8Array.from(each.toBuffer())));
  return { all, header, raw, txids: all.map((each) => each.getId()) };
}

describe("an inclusion proof", () => {
  it("has the block's hash and its branch in internal byte order: mainnet's block 100,000", () => {
    const { key, proof } = inclusionProofFromTxids(HEADER_100000, TXIDS_100000, 2);
    expect(txidOf(key.hash)).toBe("000000000003ba27aa200b1cecaad478d2b00432346c3f1f3986da1afd33e506");
    expect(key.index).toBe(2);
    const [beside, above] = [proof.slice(0, 32), proof.slice(32)];
    expect(txidOf(beside)).toBe(TXIDS_100000[3]);
    const [a, b] = TXIDS_100000.map((txid) => hex.decode(txid).toReversed());
    expect(above).toEqual(doubleHash(a!, b!));
  });

  it("verifies for every transaction of blocks of any size, from the block, the txids, and a server's branch", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(), (count, seed) => {
        const { all, header, raw, txids } = blockOf(count);
        const index = seed % count;
        const proof = inclusionProof(raw, txids[index]!);
        expect(proof.key.index).toBe(index);
        expect(proof.proof).toHaveLength(32 * Math.ceil(Math.log2(count)));
        expect(verifyInclusionProof(proof, all[index]!, header)).toBe(true);
        expect(inclusionProofFromTxids(header, txids, index)).toEqual(proof);
        const branch = Array.from({ length: proof.proof.length / 32 }, (_, i) =>
          txidOf(proof.proof.slice(32 * i, 32 * i + 32)),
        );
        expect(inclusionProofFromMerkle(txidOf(proof.key.hash), branch, index)).toEqual(proof);
      }),
      { numRuns: runs(150) },
    );
  });

  it("does not verify with another index, transaction, header, depth, or any bit changed", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 40 }), fc.nat(), fc.nat(), (count, seed, bit) => {
        const { all, header, txids } = blockOf(count);
        const index = seed % count;
        const proof = inclusionProofFromTxids(header, txids, index);
        const fails = (change: Partial<InclusionProof>, transaction = all[index]!, of = header) =>
          expect(verifyInclusionProof({ ...proof, ...change }, transaction, of)).toBe(false);
        for (let other = 0; other < 130; other++) {
          if (other !== index) fails({ key: { ...proof.key, index: other } });
        }
        fails({ proof: flipBit(proof.proof, bit) });
        fails({ key: { index, hash: flipBit(proof.key.hash, bit) } });
        fails({ proof: proof.proof.slice(32) });
        fails({ proof: proof.proof.slice(1) });
        fails({ proof: concatBytes(proof.proof, new Uint8Array(32)) });
        fails({}, all[(index + 1) % count]!);
        fails({}, all[index]!, flipBit(header, bit));
      }),
      { numRuns: runs(60) },
    );
  });

  it("does not verify with an index of the right low bits, which the chain itself accepts", () => {
    const { all, header, txids } = blockOf(5);
    const proof = inclusionProofFromTxids(header, txids, 1);
    for (const index of [9, 17, 2 ** 31 + 1, 2 ** 32 + 1]) {
      expect(verifyInclusionProof({ ...proof, key: { ...proof.key, index } }, all[1]!, header)).toBe(false);
    }
  });

  it("does not verify for the duplicates that complete a level (CVE-2012-2459)", () => {
    for (const count of [1, 3, 5, 6, 7, 11]) {
      const { all, header, txids } = blockOf(count);
      const proof = inclusionProofFromTxids(header, txids, count - 1);
      for (let copy = count; copy < 2 ** (proof.proof.length / 32); copy++) {
        const moved = { ...proof, key: { ...proof.key, index: copy } };
        for (const transaction of all) expect(verifyInclusionProof(moved, transaction, header)).toBe(false);
      }
    }
    // Of six, the copy of the last pair: index 6 and 7 with branches of their own.
    const { all, header, txids } = blockOf(6);
    const five = inclusionProofFromTxids(header, txids, 4);
    const copied = { ...five, key: { ...five.key, index: 6 } };
    expect(verifyInclusionProof(copied, all[4]!, header)).toBe(false);
  });

  it("is refused for a list that repeats its end, though the root is the same", () => {
    const { header, txids } = blockOf(3);
    const repeated = [...txids, txids[2]!];
    expect(rootOf(repeated.map((txid) => hex.decode(txid).toReversed()))).toEqual(header.slice(36, 68));
    expect(refusal("invalid-proof", () => inclusionProofFromTxids(header, repeated, 3)).message).toContain(
      "twice",
    );
  });

  it("is refused for another list than the header's, or an index beyond it", () => {
    const { header, txids } = blockOf(4);
    refusal("invalid-proof", () => inclusionProofFromTxids(header, txids.toReversed(), 0));
    refusal("invalid-proof", () => inclusionProofFromTxids(header, txids.slice(1), 0));
    for (const index of [-1, 4, 0.5, Number.NaN, "0" as never]) {
      refusal("index-out-of-range", () => inclusionProofFromTxids(header, txids, index));
    }
    refusal("index-out-of-range", () => inclusionProofFromTxids(header, [], 0));
    refusal("invalid-hex", () => inclusionProofFromTxids(header, ["00"], 0));
    refusal("invalid-hex", () => inclusionProofFromTxids(header, null as never, 0));
    refusal("invalid-bytes", () => inclusionProofFromTxids(header.slice(1), txids, 0));
  });

  it("is refused for what is not a block, for more than one, or for a transaction elsewhere", () => {
    const { raw, txids } = blockOf(4);
    for (const wrong of [
      raw.slice(0, -1),
      raw.slice(0, 80),
      concatBytes(raw, Uint8Array.of(0)),
      concatBytes(raw.slice(0, 80), Uint8Array.of(0)),
      new Uint8Array(),
    ]) {
      refusal("invalid-transaction", () => inclusionProof(wrong, txids[0]!));
    }
    refusal("invalid-proof", () => inclusionProof(raw, "00".repeat(32)));
    refusal("invalid-hex", () => inclusionProof(raw, "00"));
    expect(inclusionProof(raw, txids[1]!.toUpperCase()).key.index).toBe(1);
  });

  it("is neither made nor verified for 64 bytes, which could be two hashes of the tree", () => {
    const inner = new Transaction();
    inner.addInput(new Uint8Array(32).fill(9), 0);
    inner.addOutput(Uint8Array.of(0x51, 0x51, 0x51, 0x51), 0n);
    expect(inner.byteLength(false)).toBe(64);
    const [first] = transactions(1);
    const hashes = [first!.getHash(), inner.getHash()];
    const header = headerOf(doubleHash(hashes[0]!, hashes[1]!));
    const raw = concatBytes(
      header,
      Uint8Array.of(2),
      ...[first!, inner].map((each) => Uint8Array.from(each.toBuffer())),
    );
    expect(refusal("invalid-proof", () => inclusionProof(raw, inner.getId())).message).toContain("64 bytes");
    const proof = inclusionProofFromTxids(header, [first!.getId(), inner.getId()], 1);
    expect(verifyInclusionProof(proof, inner, header)).toBe(false);
    expect(verifyInclusionProof(inclusionProof(raw, first!.getId()), first!, header)).toBe(true);
  });

  it("is false for malformed input, and its making is refused with a code", () => {
    const { all, header, txids } = blockOf(4);
    const proof = inclusionProofFromTxids(header, txids, 0);
    for (const wrong of NOT_BYTES) {
      expect(verifyInclusionProof({ ...proof, proof: wrong as Uint8Array }, all[0]!, header)).toBe(false);
      expect(verifyInclusionProof(proof, all[0]!, wrong as Uint8Array)).toBe(false);
      expect(verifyInclusionProof(wrong as never, all[0]!, header)).toBe(false);
      expect(verifyInclusionProof(proof, wrong as never, header)).toBe(false);
    }
    for (const index of [-1, 0.5, Number.NaN, "0" as never]) {
      expect(verifyInclusionProof({ ...proof, key: { ...proof.key, index } }, all[0]!, header)).toBe(false);
    }
    refusal("invalid-proof", () => checkInclusionProof(proof, all[1]!, header));
    expect(() => checkInclusionProof(proof, all[0]!, header)).not.toThrow();
    refusal("invalid-number", () => inclusionProofFromMerkle("00".repeat(32), [], -1));
    refusal("invalid-hex", () => inclusionProofFromMerkle("00".repeat(32), ["zz"], 0));
    refusal("invalid-hex", () => inclusionProofFromMerkle("00".repeat(32), "00" as never, 0));
  });
});

describe("a server's inclusion proof", () => {
  it("is refused while the transaction is in no block: the server gives null", () => {
    const transaction = new Transaction();
    const txid = transaction.getId();
    const { message, details } = refusal("output-not-found", () =>
      inclusionProofFromMerkleBlock(null, transaction),
    );
    expect(message).toBe(`${txid} is not in a block yet; wait until it is`);
    expect(details).toEqual({ txid });
  });
});

describe("the published package", () => {
  let published: Awaited<ReturnType<typeof loadPublished>>;
  beforeAll(async () => {
    published = await loadPublished();
  });

  it("accepts an inclusion proof unchanged", () => {
    const proof = inclusionProofFromTxids(HEADER_100000, TXIDS_100000, 3);
    const read = published.InclusionProof.decode(
      published.InclusionProof.encode(published.InclusionProof.fromPartial(proof)).finish(),
    );
    expect(read.key!.index).toBe(3);
    expect(equalBytes(read.key!.hash, proof.key.hash)).toBe(true);
    expect(equalBytes(read.proof, proof.proof)).toBe(true);
  });
});
