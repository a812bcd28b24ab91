/** The finality provider: randomness that it commits to, and votes under it (`tapstake/finality`). */
export {
  commitRandomness,
  verifyCommitment,
  verifyRandomness,
  type Commitment,
  type CommitmentRequest,
  type CommittedRandomness,
} from "./commitment.js";
export { signVoteUnprotected, verifyVote, type FinalityVote, type VoteRequest } from "./vote.js";
