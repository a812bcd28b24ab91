/** The finality provider: randomness that it commits to, and votes under it (`tapstake/finality`). */
export {
  commitRandomness,
  verifyCommitment,
  verifyRandomness,
  type Commitment,
  type CommitmentRequest,
  type CommittedRandomness,
} from "./commitment.js";
export {
  commitmentFromJson,
  commitmentToJson,
  merkleProofFromJson,
  merkleProofToJson,
  voteFromJson,
  voteToJson,
  type CommitmentJson,
  type FinalityVoteJson,
  type MerkleProofJson,
} from "./json.js";
export { signVoteUnprotected, verifyVote, type FinalityVote, type VoteRequest } from "./vote.js";
