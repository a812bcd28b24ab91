import { assertBytes, encodeHex, equalBytes, isBytes } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { publicKeyOf } from "../core/keys.js";
import { assertObject } from "../core/objects.js";
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
  /** The chain's signing context for commitments, if it has one. */
  readonly context?: string;
}

/** A vote for a block, with its public randomness (PROTOCOL 6). */
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
  /** The chain's signing context for votes, if it has one. */
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
 * Signs a vote without any memory of earlier votes: two calls for one height with two hashes reveal the secret key. For
 * tests, demonstrations and callers with their own slashing protection.
 * @throws TapstakeError `invalid-secret-key`, `invalid-number`, `invalid-bytes`
 */
export function signVoteUnprotected(request: VoteRequest): FinalityVote {
  assertObject(request, "request");
  const { secretKey, chainId, ...vote } = request;
  const { secret, public: publicRandomness } = randomness.derive(secretKey, chainId, vote.height);
  const signature = eots.sign(secretKey, secret, voteMessage(vote));
  return { ...vote, finalityProvider: publicKeyOf(secretKey), publicRandomness, signature };
}

/**
 * Whether a vote counts: its finality provider signed it under the randomness that the commitment promises for its
 * height. False for malformed input.
 *
 * The vote names its own signing context. If you know the chain's context, compare the two.
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
 * Like {@link verifyVote}, but throws the first error, in the order from the commitment to the vote.
 * @throws TapstakeError `key-mismatch`, `invalid-signature`, `index-out-of-range`, `invalid-proof`; `invalid-argument`,
 * `invalid-bytes` for what is no commitment or vote
 */
export function checkVote(commitment: Commitment, vote: FinalityVote, proof: MerkleProof): void {
  assertObject(commitment, "commitment");
  assertObject(vote, "vote");
  const { startHeight, count } = commitment;
  const { finalityProvider, height, publicRandomness, signature } = vote;
  assertBytes(commitment.finalityProvider, "commitment.finalityProvider", 32);
  assertBytes(finalityProvider, "vote.finalityProvider", 32);
  if (!equalBytes(finalityProvider, commitment.finalityProvider)) {
    const [of, got] = [commitment.finalityProvider, finalityProvider].map(encodeHex);
    throw new TapstakeError("key-mismatch", `the commitment is of ${of}, and the vote of ${got}`);
  }
  if (!verifyCommitment(commitment)) {
    const provider = encodeHex(commitment.finalityProvider);
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

/** Whether a commitment promises `publicRandomness` for a height. False for malformed input. */
export function verifyRandomness(
  commitment: Commitment,
  height: bigint,
  publicRandomness: Uint8Array,
  proof: MerkleProof,
): boolean {
  try {
    // The root alone does not say which height a leaf is for. Index and total do, so they are compared first.
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

/** The reasons for which a signer refuses one height and goes on with the others. */
export type RefusalCode = (typeof REFUSAL_CODES)[number];

/** The codes by which a signer refuses a vote. */
export const REFUSAL_CODES = [
  "double-vote",
  "unknown-earlier-vote",
  "below-watermark",
  "at-or-below-chain-height",
  "no-commitment",
  "height-too-high",
] as const;

/** Whether a code is a signer's refusal of one height, and not a failure. */
export const isRefusal = (code: string): code is RefusalCode =>
  (REFUSAL_CODES as readonly string[]).includes(code);
