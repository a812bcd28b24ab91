import { equalBytes, hex, isBytes } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { publicKeyOf } from "../core/keys.js";
import { eots } from "../crypto/eots.js";
import { merkle, type MerkleProof } from "../crypto/merkle.js";
import { randomness } from "../crypto/randomness.js";
import { schnorr } from "../crypto/schnorr.js";
import { commitmentDigest, voteMessage } from "./messages.js";

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

/** What `signVoteUnprotected` takes. */
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
 * The vote names its own signing context; a caller who knows which one the chain uses compares it.
 */
export function verifyVote(commitment: Commitment, vote: FinalityVote, proof: MerkleProof): boolean {
  try {
    checkVote(commitment, vote, proof);
    return true;
  } catch {
    return false;
  }
}

/**
 * As {@link verifyVote}, and says what does not hold: the first thing, from the commitment to the vote.
 * @throws TapstakeError `key-mismatch`, `invalid-signature`, `index-out-of-range`, `invalid-proof`
 */
export function checkVote(commitment: Commitment, vote: FinalityVote, proof: MerkleProof): void {
  const { startHeight, count } = commitment;
  const { finalityProvider, height, publicRandomness, signature } = vote;
  if (!equalBytes(finalityProvider, commitment.finalityProvider)) {
    const [of, got] = [commitment.finalityProvider, finalityProvider].map(hex.encode);
    throw new TapstakeError("key-mismatch", `the commitment is of ${of}, and the vote of ${got}`);
  }
  if (!verifyCommitment(commitment)) {
    const provider = hex.encode(commitment.finalityProvider);
    throw new TapstakeError("invalid-signature", `the commitment is not signed by ${provider}`);
  }
  const last = startHeight + BigInt(count - 1);
  if (height < startHeight || height > last) {
    const text = `the vote is for height ${height}, and the commitment covers ${startHeight} to ${last}`;
    throw new TapstakeError("index-out-of-range", text);
  }
  if (!verifyRandomness(commitment, height, publicRandomness, proof)) {
    const text = `the proof does not lead from the vote's randomness, at height ${height}, to the commitment's root`;
    throw new TapstakeError("invalid-proof", text);
  }
  if (!eots.verify(finalityProvider, publicRandomness, voteMessage(vote), signature)) {
    const text = "the vote is not signed by its provider for this height and block";
    throw new TapstakeError("invalid-signature", text);
  }
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

/** Why a signer refuses a height, and goes on with others. */
export type RefusalCode = (typeof REFUSAL_CODES)[number];

/** The codes by which a signer refuses a vote. */
export const REFUSAL_CODES = [
  "double-vote",
  "unknown-earlier-vote",
  "below-watermark",
  "at-or-below-chain-height",
] as const;

/** Whether a code is a signer's answer to one height, and no failure. */
export const isRefusal = (code: string): code is RefusalCode =>
  (REFUSAL_CODES as readonly string[]).includes(code);
