import { isBytes } from "../core/bytes.js";
import { merkle, type MerkleProof } from "../crypto/merkle.js";
import { schnorr } from "../crypto/schnorr.js";
import { commitmentDigest } from "./messages.js";

/** A finality provider's signed promise of the public randomness of a range of heights (PROTOCOL 6). */
export interface Commitment {
  /** X-only EOTS key. */
  readonly finalityProvider: Uint8Array;
  readonly startHeight: bigint;
  /** How many heights, from the first. */
  readonly count: number;
  /** Merkle root of the public randomness, 32 bytes. */
  readonly root: Uint8Array;
  /** BIP-340, 64 bytes. */
  readonly signature: Uint8Array;
  /** The chain's signing context for commitments, where it uses one. */
  readonly context?: string;
}

/** Whether a commitment is signed by its finality provider. False on malformed input. */
export function verifyCommitment(commitment: Commitment): boolean {
  try {
    const { finalityProvider, count, root, signature } = commitment;
    if (!Number.isSafeInteger(count) || count < 1 || !isBytes(root, 32)) return false;
    return schnorr.verify(finalityProvider, commitmentDigest(commitment), signature);
  } catch {
    return false;
  }
}

/** Whether `publicRandomness` is what a commitment promises for a height. False on malformed input. */
export function verifyRandomness(
  commitment: Commitment,
  height: bigint,
  publicRandomness: Uint8Array,
  proof: MerkleProof,
): boolean {
  try {
    // The root alone does not say which height a leaf is for: index and total do, so they are compared first.
    return (
      isBytes(publicRandomness, 32) &&
      BigInt(proof.index) === height - commitment.startHeight &&
      proof.total === commitment.count &&
      merkle.verify(commitment.root, publicRandomness, proof)
    );
  } catch {
    return false;
  }
}
