import { assertBytes, concatBytes, equalBytes, isBytes, joinBytes } from "../core/bytes.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { hashMany, sha256 } from "../core/hashes.js";

/** Proves that a leaf is at `index` in a tree of `total` leaves. */
export interface MerkleProof {
  readonly total: number;
  readonly index: number;
  /** 32 bytes. */
  readonly leafHash: Uint8Array;
  /** The hashes beside the path from the leaf to the root, bottom-up; 32 bytes each. */
  readonly aunts: readonly Uint8Array[];
}

/**
 * Merkle trees as in RFC 6962 and CometBFT (PROTOCOL 6): a leaf is hashed after 00, two hashes after 01, and the
 * leaves are split at the largest power of two below their number.
 */
export const merkle = {
  /**
   * The root of a list of leaves, 32 bytes; of no leaves, SHA256 of nothing.
   * @param leaves byte strings of any length
   * @throws TapstakeError `invalid-bytes`
   */
  root(leaves: readonly Uint8Array[]): Uint8Array {
    return rootOf(hashLeaves(leaves));
  },

  /**
   * The proof of one leaf. For many proofs of one tree use `proofs`, which hashes the leaves once.
   * @throws TapstakeError `invalid-bytes`, `index-out-of-range`
   */
  proof: (leaves: readonly Uint8Array[], index: number): MerkleProof => merkle.proofs(leaves)(index),

  /**
   * Hashes a tree once, and returns a function that makes the proof of each leaf.
   * @throws TapstakeError `invalid-bytes`; the returned function throws `index-out-of-range`
   */
  proofs(leaves: readonly Uint8Array[]): (index: number) => MerkleProof {
    const levels = levelsAbove(hashLeaves(leaves));
    return (index) => proofFrom(levels, index);
  },

  /**
   * Whether `proof` shows that `leaf` is at `proof.index` of the `proof.total` leaves under `root` (32 bytes). False
   * for malformed input. Compare index and total too if you know them: the root does not commit to them.
   */
  verify(root: Uint8Array, leaf: Uint8Array, proof: MerkleProof): boolean {
    if (!isBytes(root, 32) || !(leaf instanceof Uint8Array) || !isProof(proof)) return false;
    let hash = hashLeaf(leaf);
    if (!equalBytes(hash, proof.leafHash)) return false;
    let { index } = proof;
    let last = proof.total - 1;
    let used = 0;
    for (; last > 0; index = Math.floor(index / 2), last = Math.floor(last / 2)) {
      // The last node of an odd level has no sibling and is its own parent.
      if (index % 2 === 0 && index === last) continue;
      const aunt = proof.aunts[used++];
      if (!aunt) return false;
      hash = index % 2 === 0 ? hashPair(hash, aunt) : hashPair(aunt, hash);
    }
    return used === proof.aunts.length && equalBytes(hash, root);
  },
};

/**
 * The root above the hashes of one level: leaves, or subtrees that each hold the same power of two of leaves. Only the
 * last subtree may hold fewer.
 */
export const rootOfHashes = (hashes: readonly Uint8Array[]): Uint8Array => rootOf(joinBytes(hashes));

/**
 * Whether {@link rootOfHashes} of some hashes is a root, by the definition of RFC 6962: recursively, and each hash by
 * itself, of the platform's SHA-256. It shares no code with the other way.
 */
export const isRootOfHashes = (root: Uint8Array, hashes: readonly Uint8Array[]): boolean =>
  equalBytes(root, rootByDefinition(hashes));

/** Whether {@link merkle.root} of some leaves is a root: see {@link isRootOfHashes}. */
export const isRootOfLeaves = (root: Uint8Array, leaves: readonly Uint8Array[]): boolean =>
  isRootOfHashes(root, leaves.map(hashLeaf));

function rootByDefinition(hashes: readonly Uint8Array[]): Uint8Array {
  const [first] = hashes;
  if (first === undefined) return sha256(new Uint8Array());
  if (hashes.length === 1) return first;
  let half = 1;
  while (2 * half < hashes.length) half *= 2;
  return hashPair(rootByDefinition(hashes.slice(0, half)), rootByDefinition(hashes.slice(half)));
}

/** The aunts, bottom-up, of one of the hashes that {@link rootOfHashes} takes. */
export const auntsAmongHashes = (hashes: readonly Uint8Array[], index: number): Uint8Array[] =>
  auntsIn(levelsAbove(joinBytes(hashes)), index);

/** A level of a tree: its hashes, 32 bytes each, one after another. */
type Level = Uint8Array;

const widthOf = (level: Level): number => level.length / 32;

const hashAt = (level: Level, index: number): Uint8Array => level.slice(32 * index, 32 * (index + 1));

function rootOf(hashes: Level): Uint8Array {
  let level = hashes;
  while (widthOf(level) > 1) level = parents(level);
  return widthOf(level) === 0 ? sha256(level) : level;
}

function levelsAbove(hashes: Level): Level[] {
  const levels = [hashes];
  while (widthOf(levels.at(-1)!) > 1) levels.push(parents(levels.at(-1)!));
  return levels;
}

/** Splitting at powers of two pairs neighbours level by level; an odd one out moves up unchanged. */
function parents(level: Level): Level {
  const paired = 64 * Math.floor(level.length / 64);
  return joinBytes([hashMany(1, level.subarray(0, paired), 64), level.subarray(paired)]);
}

function proofFrom(levels: readonly Level[], index: number): MerkleProof {
  const total = widthOf(levels[0]!);
  if (!Number.isSafeInteger(index) || index < 0 || index >= total) {
    const got = typeof index === "number" ? String(index) : describeType(index);
    const text = `the index must be that of one of ${total} leaves, not ${got}`;
    throw new TapstakeError("index-out-of-range", text, { total });
  }
  return { total, index, leafHash: hashAt(levels[0]!, index), aunts: auntsIn(levels, index) };
}

function auntsIn(levels: readonly Level[], index: number): Uint8Array[] {
  const aunts: Uint8Array[] = [];
  let at = index;
  for (const level of levels) {
    const sibling = at % 2 === 0 ? at + 1 : at - 1;
    if (sibling >= 0 && sibling < widthOf(level)) aunts.push(hashAt(level, sibling));
    at = Math.floor(at / 2);
  }
  return aunts;
}

function hashLeaves(leaves: readonly Uint8Array[]): Level {
  if (!Array.isArray(leaves)) {
    const text = `leaves must be a list of Uint8Array, not ${describeType(leaves)}`;
    throw new TapstakeError("invalid-bytes", text);
  }
  const list = Array.from(leaves as readonly Uint8Array[]);
  list.forEach((leaf, i) => assertBytes(leaf, `leaf ${i}`));
  return list.every((leaf) => leaf.length === 32)
    ? hashMany(0, joinBytes(list), 32)
    : joinBytes(list.map(hashLeaf));
}

const hashLeaf = (leaf: Uint8Array): Uint8Array => sha256(concatBytes(Uint8Array.of(0), leaf));
const hashPair = (left: Uint8Array, right: Uint8Array): Uint8Array =>
  sha256(concatBytes(Uint8Array.of(1), left, right));

function isProof(proof: MerkleProof): boolean {
  return (
    typeof proof === "object" &&
    proof !== null &&
    Number.isSafeInteger(proof.total) &&
    Number.isSafeInteger(proof.index) &&
    proof.index >= 0 &&
    proof.index < proof.total &&
    isBytes(proof.leafHash, 32) &&
    Array.isArray(proof.aunts) &&
    proof.aunts.every((aunt) => isBytes(aunt, 32))
  );
}
