import { TapstakeError } from "../core/errors.js";
import type { MerkleProof } from "../crypto/merkle.js";
import { type Commitment, verifyCommitment } from "../vote/commitment.js";
import { type FinalityVote, verifyVote } from "../vote/vote.js";
import { account } from "./pop.js";
import type { MessageOf } from "./schema.js";
import type { ReadOptions } from "./stake.js";

/**
 * The message that commits randomness. The commitment's signature is verified first. The signing context is no part of
 * the message: the chain knows which one is in force.
 * @param signer the account that sends it, in bech32
 * @throws TapstakeError `invalid-address`, `invalid-signature`
 */
export function commitRandomnessMessage(
  commitment: Commitment,
  signer: string,
): MessageOf<"MsgCommitPubRandList"> {
  assertCommitted(commitment);
  return {
    signer: account(signer).text,
    fpBtcPk: commitment.finalityProvider,
    startHeight: commitment.startHeight,
    numPubRand: BigInt(commitment.count),
    commitment: commitment.root,
    sig: commitment.signature,
  };
}

/**
 * The inverse of {@link commitRandomnessMessage}, checked in the same way.
 * @throws TapstakeError `invalid-message` at a count beyond 2^53, and as there
 */
export function readCommitRandomness(
  message: MessageOf<"MsgCommitPubRandList">,
  { context }: ReadOptions = {},
): { readonly signer: string; readonly commitment: Commitment } {
  const commitment = {
    finalityProvider: message.fpBtcPk,
    startHeight: message.startHeight,
    count: toNumber(message.numPubRand, "number of heights"),
    root: message.commitment,
    signature: message.sig,
    ...(context !== undefined && { context }),
  };
  assertCommitted(commitment);
  return { signer: account(message.signer).text, commitment };
}

/**
 * The message that casts a vote, with the proof that its randomness was committed. Both are verified first.
 * @param signer the account that sends it, in bech32
 * @throws TapstakeError `invalid-address`, `invalid-signature` when the vote does not count under the commitment
 */
export function addFinalitySignatureMessage(
  commitment: Commitment,
  vote: FinalityVote,
  proof: MerkleProof,
  signer: string,
): MessageOf<"MsgAddFinalitySig"> {
  assertCounts(commitment, vote, proof);
  return {
    signer: account(signer).text,
    fpBtcPk: vote.finalityProvider,
    blockHeight: vote.height,
    pubRand: vote.publicRandomness,
    proof: { ...proof, total: BigInt(proof.total), index: BigInt(proof.index) },
    blockAppHash: vote.appHash,
    finalitySig: vote.signature,
  };
}

/**
 * The inverse of {@link addFinalitySignatureMessage}, checked in the same way.
 * @throws TapstakeError `invalid-message` at a proof of more than 2^53 leaves, and as there
 */
export function readAddFinalitySignature(
  message: MessageOf<"MsgAddFinalitySig">,
  commitment: Commitment,
  { context }: ReadOptions = {},
): { readonly signer: string; readonly vote: FinalityVote; readonly proof: MerkleProof } {
  const vote = {
    finalityProvider: message.fpBtcPk,
    height: message.blockHeight,
    appHash: message.blockAppHash,
    publicRandomness: message.pubRand,
    signature: message.finalitySig,
    ...(context !== undefined && { context }),
  };
  const proof = {
    ...message.proof,
    total: toNumber(message.proof.total, "total"),
    index: toNumber(message.proof.index, "index"),
  };
  assertCounts(commitment, vote, proof);
  return { signer: account(message.signer).text, vote, proof };
}

function assertCommitted(commitment: Commitment): void {
  if (verifyCommitment(commitment)) return;
  throw new TapstakeError("invalid-signature", "the commitment is not signed by its finality provider");
}

function assertCounts(commitment: Commitment, vote: FinalityVote, proof: MerkleProof): void {
  if (verifyVote(commitment, vote, proof)) return;
  const text = `the vote for height ${vote.height} does not count under the commitment`;
  throw new TapstakeError("invalid-signature", text);
}

function toNumber(value: bigint, name: string): number {
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  throw new TapstakeError("invalid-message", `${name}: expected less than 2^53, got ${value}`);
}
