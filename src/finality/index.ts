/** A finality provider: its keys, its randomness, and its votes with their protection (`tapstake/finality`). */
export { chainConfig, loadChains } from "./chains.js";
export { removeChain, setChain, type ChainEntry } from "./chains.js";
export { commitRandomness, type CommitmentRequest, type CommittedRandomness } from "./randomness/commit.js";
export {
  commitStored,
  proveCommitted,
  proveIn,
  type CommitRequest,
  type CommittedHeight,
  type Committing,
} from "./randomness/commit.js";
export type { DerivedBlock, HeightRange } from "../derivation/block.js";
export { deriveRange, type DerivationOptions, type DerivationReport } from "../derivation/derive.js";
export type { MultiplesReport } from "../derivation/multiples.js";
export {
  decide,
  type Decision,
  type DecisionInput,
  type Watermarks,
  type Refusal,
  type VoteRecord,
} from "./protection/decide.js";
export type { RefusalCode } from "../vote/vote.js";
export { interchangeText } from "./protection/export.js";
export { readInterchange } from "./protection/stream.js";
export { findHome, openHome, type Home } from "./home.js";
export { previewImport, type ImportPreview } from "./protection/import.js";
export type {
  ReadInterchange,
  ImportedKeyChain,
  ImportOptions,
  ImportReport,
  Interchange,
  InterchangeCommitment,
  InterchangeKeyChain,
  InterchangeVote,
} from "./protection/interchange.js";
export { DEFAULT_SCRYPT, type Passphrase, type ScryptCost } from "./keys/keyfile.js";
export { deleteKey } from "./keys/keystore.js";
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
} from "./keys/keystore.js";
export { DEFAULT_PATH, newMnemonic, secretFromMnemonic } from "./keys/mnemonic.js";
export {
  initProtection,
  openProtection,
  type InitReport,
  type InitRequest,
  type Protection,
  type ProtectionOptions,
  type ProtectionStore,
  type StoredCommitment,
  type StoredKeyChain,
  type VoteEntry,
} from "./protection/protection.js";
export { RandomnessCache, type RandomnessPair } from "./randomness/cache.js";
export { hideFromCoreDumps } from "./keys/core-dumps.js";
export type { BlockVote, MessageVote } from "./vote-requests.js";
export { Voter, type VoteOptions, type VoteResult, type VoterOptions } from "./voter.js";
export { Arbiter, type Claimed } from "./arbiter/arbiter.js";
export type { ClaimedVote } from "./arbiter/claim.js";
export type { EtcdClient, EtcdTls, MemberStatus } from "./arbiter/client.js";
export { connectArbiter, openArbiter, type ArbiterOptions } from "./arbiter/open.js";
export {
  arbiterReport,
  endHalt,
  enrolSigner,
  haltArbiter,
  initArbiter,
  pruneArbiter,
  renewArbiter,
  retireSigner,
  type ArbiterReport,
  type ArbiterStart,
} from "./arbiter/store.js";
export { bindKey } from "./keys/keystore.js";
