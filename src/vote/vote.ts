import { equalBytes } from "../core/bytes.js";
import { publicKeyOf } from "../core/keys.js";
import { eots } from "../crypto/eots.js";
import type { MerkleProof } from "../crypto/merkle.js";
import { voteMessage } from "./messages.js";
import { randomness } from "../crypto/randomness.js";
import { type Commitment, verifyCommitment, verifyRandomness } from "./commitment.js";

/** A vote for a block, with the randomness that it was made under (PROTOCOL 6). */
export interface FinalityVote {
  /** X-only EOTS key. */
  readonly finalityProvider: Uint8Array;
  readonly height: bigint;
  /** 32 bytes. */
  readonly appHash: Uint8Array;
  /** X-only. */
  readonly publicRandomness: Uint8Array;
  /** EOTS signature, 32 bytes. */
  readonly signature: Uint8Array;
  /** The chain's signing context for votes, where it uses one. */
  readonly context?: string;
}

export interface VoteRequest {
  readonly secretKey: Uint8Array;
  readonly chainId: string;
  readonly height: bigint;
  readonly appHash: Uint8Array;
  readonly context?: string;
}

/**
 * A vote, with nothing that remembers it: called twice for one height with two hashes, it gives the secret key
 * away. For tests, demonstrations and callers with a protection of their own.
 * @throws TapstakeError `invalid-secret-key`, `invalid-number`, `invalid-bytes`
 */
export function signVoteUnprotected(request: VoteRequest): FinalityVote {
  const { secretKey, chainId, ...vote } = request;
  const { secret, public: publicRandomness } = randomness.derive(secretKey, chainId, vote.height);
  const signature = eots.sign(secretKey, secret, voteMessage(vote));
  return { ...vote, finalityProvider: publicKeyOf(secretKey), publicRandomness, signature };
}

/**
 * Whether a vote counts: signed by its finality provider under the randomness that the commitment promises for
 * its height. False on malformed input.
 *
 * The vote names its own signing context; whoever knows which one the chain is using compares it.
 */
export function verifyVote(commitment: Commitment, vote: FinalityVote, proof: MerkleProof): boolean {
  try {
    const { finalityProvider, height, publicRandomness, signature } = vote;
    return (
      equalBytes(finalityProvider, commitment.finalityProvider) &&
      verifyCommitment(commitment) &&
      verifyRandomness(commitment, height, publicRandomness, proof) &&
      eots.verify(finalityProvider, publicRandomness, voteMessage(vote), signature)
    );
  } catch {
    return false;
  }
}
