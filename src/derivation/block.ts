import { joinBytes } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { isRootOfLeaves, merkle } from "../crypto/merkle.js";
import { SecretRandomness } from "../crypto/randomness.js";
import { Multiples, type MultiplesOptions, type MultiplesReport } from "./multiples.js";

/** The heights to derive: `start`, `start + interval`, …. */
export interface HeightRange {
  /** The finality provider's secret, 32 bytes. */
  readonly secretKey: Uint8Array;
  readonly chainId: string;
  readonly start: bigint;
  readonly count: number;
  /** 1 by default. */
  readonly interval?: bigint | undefined;
}

/** The results for neighbouring heights of a range. */
export interface DerivedBlock {
  /** The place of the first height in the range. */
  readonly first: number;
  /** 33 bytes each, compressed. */
  readonly points: Uint8Array;
  /** Merkle hashes, 32 bytes each, of every {@link SUBTREE} of them. */
  readonly subtrees: Uint8Array;
}

/** Leaves in a subtree whose hash is kept. A power of two, so that these hashes are one level of the tree. */
export const SUBTREE = 256;

/** Derives a range block by block, in this thread. */
export class BlockDeriver {
  readonly #range: HeightRange;
  readonly #secrets: SecretRandomness;
  readonly #multiples: Multiples;

  /** @throws TapstakeError `invalid-secret-key` */
  constructor(range: HeightRange, options?: Omit<MultiplesOptions, "count">) {
    this.#range = range;
    this.#secrets = new SecretRandomness(range.secretKey, range.chainId);
    this.#multiples = new Multiples({ count: range.count, ...options });
  }

  get report(): MultiplesReport {
    return this.#multiples.report;
  }

  /** @param first a multiple of {@link SUBTREE} */
  block(first: number, count: number): DerivedBlock {
    const { start, interval = 1n } = this.#range;
    const scalars = new Uint8Array(32 * count);
    for (let i = 0; i < count; i++) {
      const secret = this.#secrets.at(start + BigInt(first + i) * interval);
      scalars.set(secret, 32 * i);
      secret.fill(0);
    }
    const points = this.#multiples.of(scalars);
    scalars.fill(0);
    return { first, points, subtrees: subtreesOf(points) };
  }

  /** Forgets the key and everything that was derived. */
  wipe(): void {
    this.#secrets.wipe();
    this.#multiples.wipe();
  }
}

/** The x-only points among points of 33 bytes each. */
export const xOnly = (points: Uint8Array): Uint8Array[] =>
  Array.from({ length: points.length / 33 }, (_, i) => points.slice(33 * i + 1, 33 * (i + 1)));

/** Hashes of 32 bytes, one after another, as a list. */
export const hashesIn = (bytes: Uint8Array): Uint8Array[] =>
  Array.from({ length: bytes.length / 32 }, (_, i) => bytes.slice(32 * i, 32 * (i + 1)));

/** The hashes of the subtrees above the x-only points among points of 33 bytes each. */
function subtreesOf(points: Uint8Array): Uint8Array {
  const leaves = xOnly(points);
  const count = Math.ceil(leaves.length / SUBTREE);
  return joinBytes(
    Array.from({ length: count }, (_, i) => checkedRoot(leaves.slice(i * SUBTREE, (i + 1) * SUBTREE))),
  );
}

/** @throws TapstakeError `self-check-failed` if two ways give two roots: the chain would take no proof of such a tree */
function checkedRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const root = merkle.root(leaves);
  if (isRootOfLeaves(root, leaves)) return root;
  const text =
    "two ways to hash the randomness give two results: this machine computes wrongly; have its memory tested";
  throw new TapstakeError("self-check-failed", text);
}
