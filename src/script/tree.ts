/** A binary tree: what Taproot commits to (BIP-341) and what descriptors write in braces (BIP-386). */
export type Tree<T> = T | readonly [Tree<T>, Tree<T>];

/** The same tree of other leaves. */
export function mapTree<T extends object, U>(tree: Tree<T>, map: (leaf: T) => U): Tree<U> {
  return isBranch(tree) ? [mapTree(tree[0], map), mapTree(tree[1], map)] : map(tree);
}

/** The leaves from left to right. */
export function leavesOf<T extends object>(tree: Tree<T>): T[] {
  return isBranch(tree) ? [...leavesOf(tree[0]), ...leavesOf(tree[1])] : [tree];
}

/** Whether a tree is a pair of trees: leaves are never arrays. */
export function isBranch<T>(tree: Tree<T>): tree is readonly [Tree<T>, Tree<T>] {
  return Array.isArray(tree);
}
