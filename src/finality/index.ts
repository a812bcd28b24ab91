/** The finality provider: its keys, randomness that it commits to, and votes under it (`tapstake/finality`). */
export {
  addFinalitySignatureMessage,
  commitRandomnessMessage,
  readAddFinalitySignature,
  readCommitRandomness,
} from "./chain-messages.js";
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
export {
  commitStored,
  proveCommitted,
  proveIn,
  type CommitRequest,
  type CommittedHeight,
  type Committing,
} from "./commitments.js";
export type { DerivedBlock, HeightRange } from "../derivation/block.js";
export { deriveRange, type DerivationOptions, type DerivationReport } from "../derivation/derive.js";
export type { MultiplesReport } from "../derivation/multiples.js";
export {
  decide,
  type Decision,
  type DecisionInput,
  type Marks,
  type Refusal,
  type RefusalCode,
  type VoteRecord,
} from "./decision.js";
export { checkedMessage, type MessageSources } from "./message-check.js";
export { historyText } from "./history.js";
export { readHistory } from "./history-reader.js";
export { findHome, openHome, type Home } from "./home.js";
export { previewImport, type ImportPreview } from "./import-preview.js";
export type {
  History,
  ImportedSubject,
  ImportReport,
  Interchange,
  InterchangeCommitment,
  InterchangeSubject,
  InterchangeVote,
} from "./interchange.js";
export { DEFAULT_SCRYPT, type Passphrase, type ScryptCost } from "./keyfile.js";
export { deleteKey } from "./key-deletion.js";
export { exportKey } from "./key-export.js";
export {
  changePassphrase,
  createKey,
  listKeys,
  showKey,
  unlockKey,
  unlockKeyAsync,
  type DamagedKey,
  type KeyInfo,
  type KeyList,
  type NewKey,
  type UnlockedKey,
} from "./keystore.js";
export { DEFAULT_PATH, newMnemonic, secretFromMnemonic } from "./mnemonic.js";
export {
  initProtection,
  openProtection,
  type InitReport,
  type InitRequest,
  type Protection,
  type ProtectionOptions,
  type ProtectionStore,
  type StoredCommitment,
  type Subject,
  type VoteEntry,
} from "./protection.js";
export { RandomnessCache, type RandomnessPair } from "./randomness-cache.js";
export { CheckThread, checksAtOnce, type SelfChecks } from "./self-checks.js";
export { commitRemotely, type RemoteCommitment, type RemoteCommitRequest } from "./remote.js";
export { hideFromCoreDumps } from "./secrecy.js";
export { signVoteUnprotected, verifyVote, type FinalityVote, type VoteRequest } from "./vote.js";
export {
  Voter,
  type BlockVote,
  type MessageVote,
  type VoteOptions,
  type VoteResult,
  type VoterOptions,
} from "./voter.js";
