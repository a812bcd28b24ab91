import { assertInteger, isBytes, u64be } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { publicKeyOf } from "../core/keys.js";
import { merkle, type MerkleProof } from "../crypto/merkle.js";
import { commitmentDigest } from "../crypto/messages.js";
import { schnorr } from "../crypto/schnorr.js";
import { BlockDeriver, xOnly } from "../derivation/block.js";
import type { MultiplesReport } from "../derivation/multiples.js";
import type { ChainConfig } from "./chains.js";

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

/** A commitment with what its owner needs to vote under it. */
export interface CommittedRandomness {
  readonly commitment: Commitment;
  /**
   * The proof that a height's public randomness is in the commitment.
   * @throws TapstakeError `index-out-of-range` for a height outside it
   */
  proof(height: bigint): MerkleProof;
  /** By what the points were computed, and whether anything was computed wrongly. */
  readonly report: MultiplesReport;
}

export interface CommitmentRequest {
  /** The finality provider's EOTS secret, 32 bytes. */
  readonly secretKey: Uint8Array;
  /** The chain that the votes are for: part of the derivation, so that chains never share randomness. */
  readonly chainId: string;
  readonly startHeight: bigint;
  /** Heights: chains ask for a minimum of thousands, and 50,000 is usual. */
  readonly count: number;
  readonly context?: string;
  /** As in `DerivationOptions`. */
  readonly constantTime?: boolean | undefined;
}

/**
 * Derives and commits the randomness of `count` heights (PROTOCOL 6).
 * @throws TapstakeError `invalid-secret-key`; `invalid-number` for a count of 0 or heights beyond 64 bits
 */
export function commitRandomness(request: CommitmentRequest): CommittedRandomness {
  const { secretKey, chainId, startHeight, count, context, constantTime } = request;
  assertInteger(count, "count", 1, 0xffff_ffff);
  u64be(startHeight, "start height");
  u64be(startHeight + BigInt(count - 1), "last height");
  const deriver = new BlockDeriver({ secretKey, chainId, start: startHeight, count }, { constantTime });
  const points = xOnly(deriver.block(0, count).points);
  const { report } = deriver;
  deriver.wipe();
  const signed = { startHeight, root: merkle.root(points), ...(context !== undefined && { context }) };
  const digest = commitmentDigest({ ...signed, count });
  const proofAt = merkle.proofs(points);
  return {
    commitment: {
      ...signed,
      count,
      finalityProvider: publicKeyOf(secretKey),
      signature: schnorr.sign(secretKey, digest),
    },
    proof: (height) => proofAt(Number(height - startHeight)),
    report,
  };
}

/** @throws TapstakeError `count-too-small` */
export function assertMinCount({ id, minCount: minimum }: ChainConfig, count: number): void {
  if (count >= minimum) return;
  const text = `chain ${id} takes commitments to ${minimum} heights or more, got ${count}`;
  throw new TapstakeError("count-too-small", text, { minimum, count });
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
