import { hexToBytes } from "@noble/hashes/utils.js";
import { compactSize, compareBytes, concatBytes } from "../core/bytes.js";
import { xOnlyPointAddTweak } from "../core/curve/points.js";
import { TapstakeError } from "../core/errors.js";
import { taggedHash } from "../core/hashes.js";

/**
 * The point whose discrete logarithm is unknown (BIP-341). As the internal key, it leaves the scripts as the only way
 * to spend.
 */
export const NUMS_KEY: Uint8Array = hexToBytes(
  "50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0",
);

/** The leaf version of tapscript (BIP-342). */
export const LEAF_VERSION = 0xc0;

/** A script's place in a Taproot output. */
export interface ScriptPath {
  readonly script: Uint8Array;
  /** The tapleaf hash: what signatures commit to, 32 bytes. */
  readonly hash: Uint8Array;
  /** What proves at spending time that the output contains the script (BIP-341). */
  readonly controlBlock: Uint8Array;
}

/** The x-only output key of a tree under {@link NUMS_KEY}, and its scripts from left to right. */
export function taproot(tree: Tree<Uint8Array>): { outputKey: Uint8Array; paths: ScriptPath[] } {
  const { hash: root, leaves } = branch(tree);
  const tweaked = xOnlyPointAddTweak(NUMS_KEY, taggedHash("TapTweak", NUMS_KEY, root));
  if (!tweaked) throw new TapstakeError("invalid-script", "the script tree has no Taproot output key");
  const head = Uint8Array.of(LEAF_VERSION | tweaked.parity);
  return {
    outputKey: tweaked.xOnlyPubkey,
    paths: leaves.map(({ script, hash, path }) => ({
      script,
      hash,
      controlBlock: concatBytes(head, NUMS_KEY, ...path),
    })),
  };
}

/** The tapleaf hash of a script (BIP-341). */
export function tapleafHash(script: Uint8Array): Uint8Array {
  return taggedHash("TapLeaf", Uint8Array.of(LEAF_VERSION), compactSize(script.length), script);
}

/**
 * The x-only output key of a tapscript and its control block (BIP-341). Null if the control block is malformed, has
 * another leaf version, names an internal key that is not a point, or has the wrong parity.
 */
export function outputKeyOf(script: Uint8Array, controlBlock: Uint8Array): Uint8Array | null {
  const root = merkleRootOf(script, controlBlock);
  if (!root) return null;
  const internalKey = controlBlock.slice(1, 33);
  const tweaked = xOnlyPointAddTweak(internalKey, taggedHash("TapTweak", internalKey, root));
  return tweaked && tweaked.parity === (controlBlock[0]! & 1) ? tweaked.xOnlyPubkey : null;
}

/** The root of the tree that a control block (BIP-341) puts a tapscript into; null where it is malformed. */
export function merkleRootOf(script: Uint8Array, controlBlock: Uint8Array): Uint8Array | null {
  const steps = (controlBlock.length - 33) / 32;
  if (!Number.isInteger(steps) || steps < 0 || steps > 128) return null;
  if ((controlBlock[0]! & 0xfe) !== LEAF_VERSION) return null;
  let hash = tapleafHash(script);
  for (let i = 0; i < steps; i++) hash = branchHash(hash, controlBlock.slice(33 + 32 * i, 65 + 32 * i));
  return hash;
}

interface PlacedLeaf {
  readonly script: Uint8Array;
  readonly hash: Uint8Array;
  /** The hashes beside the way to the root, from the leaf up. */
  readonly path: readonly Uint8Array[];
}

function branch(tree: Tree<Uint8Array>): { hash: Uint8Array; leaves: PlacedLeaf[] } {
  if (!isBranch(tree)) {
    const hash = tapleafHash(tree);
    return { hash, leaves: [{ script: tree, hash, path: [] }] };
  }
  const [left, right] = [branch(tree[0]), branch(tree[1])];
  const beside = (leaves: PlacedLeaf[], hash: Uint8Array) =>
    leaves.map((leaf) => ({ ...leaf, path: [...leaf.path, hash] }));
  return {
    hash: branchHash(left.hash, right.hash),
    leaves: [...beside(left.leaves, right.hash), ...beside(right.leaves, left.hash)],
  };
}

function branchHash(a: Uint8Array, b: Uint8Array): Uint8Array {
  return compareBytes(a, b) < 0 ? taggedHash("TapBranch", a, b) : taggedHash("TapBranch", b, a);
}

/** A binary tree: what Taproot commits to (BIP-341) and what descriptors write in braces (BIP-386). */
export type Tree<T> = T | readonly [Tree<T>, Tree<T>];

/** The same tree of other leaves. */
export function mapTree<T, U>(tree: Tree<T>, map: (leaf: T) => U): Tree<U> {
  return isBranch(tree) ? [mapTree(tree[0], map), mapTree(tree[1], map)] : map(tree);
}

/** The leaves from left to right. */
export function leavesOf<T>(tree: Tree<T>): T[] {
  return isBranch(tree) ? [...leavesOf(tree[0]), ...leavesOf(tree[1])] : [tree];
}

/** How deep the deepest leaf is; a leaf alone is at 0. */
export function depthOf(tree: Tree<unknown>): number {
  return isBranch(tree) ? 1 + Math.max(depthOf(tree[0]), depthOf(tree[1])) : 0;
}

/** Whether a tree is a pair of trees: leaves are never arrays. */
export function isBranch<T>(tree: Tree<T>): tree is readonly [Tree<T>, Tree<T>] {
  return Array.isArray(tree);
}
