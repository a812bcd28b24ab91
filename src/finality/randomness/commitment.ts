import { assertInteger, u64be } from "../../core/bytes.js";
import { publicKeyOf } from "../../core/keys.js";
import { merkle, type MerkleProof } from "../../crypto/merkle.js";
import { commitmentDigest } from "../../vote/messages.js";
import { schnorr } from "../../crypto/schnorr.js";
import { BlockDeriver, xOnly } from "../../derivation/block.js";
import type { MultiplesReport } from "../../derivation/multiples.js";
import type { Commitment } from "../../vote/commitment.js";

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
