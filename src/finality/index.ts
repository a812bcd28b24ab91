/** The finality provider: its keys, randomness that it commits to, and votes under it (`tapstake/finality`). */
export { chainConfig, loadChains, type ChainConfig } from "./chains.js";
export { createEotsClient, type BatchAnswer, type EotsClient, type EotsClientOptions } from "./client.js";
export { removeChain, setChain, type ChainEntry } from "./chains-file.js";
export {
  commitRandomness,
  verifyCommitment,
  verifyRandomness,
  type Commitment,
  type CommitmentRequest,
  type CommittedRandomness,
} from "./commitment.js";
export {
  blockVotesFromJson,
  commitmentFromJson,
  commitmentToJson,
  merkleProofFromJson,
  merkleProofToJson,
  voteFromJson,
  voteToJson,
  type BlockVoteJson,
  type CommitmentJson,
  type FinalityVoteJson,
  type MerkleProofJson,
} from "./json.js";
export { openHome, type Home } from "./home.js";
export { DEFAULT_SCRYPT, type Passphrase, type ScryptCost } from "./keyfile.js";
export {
  changePassphrase,
  createKey,
  deleteKey,
  exportKey,
  listKeys,
  showKey,
  unlockKey,
  unlockKeyAsync,
  type KeyInfo,
  type NewKey,
  type UnlockedKey,
} from "./keystore.js";
export { DEFAULT_PATH, newMnemonic, secretFromMnemonic } from "./mnemonic.js";
export { proofOfPossession, proofOfPossessionDigest, verifyProofOfPossession } from "./pop.js";
export { hideFromCoreDumps } from "./secrecy.js";
export { signVoteUnprotected, verifyVote, type FinalityVote, type VoteRequest } from "./vote.js";
