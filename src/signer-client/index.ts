/** Asking a signer daemon for votes, commitments and randomness (`tapstake/signer-client`). */
export { createEotsClient, type BatchAnswer, type EotsClient, type EotsClientOptions } from "./client.js";
export { commitRemotely, type RemoteCommitment, type RemoteCommitRequest } from "./commit.js";
export { voteRemotely, type RemoteVoteRequest, type VoteAnswer } from "./votes.js";
