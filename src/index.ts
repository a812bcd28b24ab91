/** The pure part of tapstake: no Node, so it runs in browsers too. */

// core
export {
  applyRate,
  applyRateUp,
  assertSatoshi,
  formatBtc,
  formatRate,
  MAX_MONEY,
  parseBtc,
  parseRate,
  SATOSHI_PER_BTC,
  type Rate,
} from "./core/amount.js";
export { hex } from "./core/bytes.js";
export type { ErrorAdvice } from "./core/error-codes/advice.js";
export { ERROR_CODES } from "./core/error-codes.js";
export { TapstakeError, type ErrorCode, type ErrorDetails } from "./core/errors.js";
export { publicKeyOf } from "./core/keys.js";
export { NETWORKS, type Network } from "./core/network.js";

// crypto
export { adaptor } from "./crypto/adaptor.js";
export { bitcoinMessage } from "./crypto/bitcoin-message.js";
export { eots, type SignedMessage } from "./crypto/eots.js";
export { merkle, type MerkleProof } from "./crypto/merkle.js";
export { randomness, type Randomness } from "./crypto/randomness.js";
export { schnorr } from "./crypto/schnorr.js";

// bitcoin
export { addressOfScript, scriptOfAddress } from "./bitcoin/address.js";
export type { Transaction } from "./bitcoin/transaction-class.js";
export {
  formatOutpoint,
  outpointOf,
  parseOutpoint,
  parseTransaction,
  spentBy,
  toOutpoint,
  toTransaction,
  type Outpoint,
  type OutpointLike,
  type Prevout,
  type TransactionLike,
  type UnspentOutput,
} from "./bitcoin/transaction.js";

// script
export { importableDescriptor, parseDescriptor, type DescribedOutput } from "./script/descriptor-parse.js";
export { parseKeyOrigin, secretOfExpression } from "./script/key-expression.js";
export type { KeyOrigin } from "./script/key-origin.js";
export { parseLeaf, type LeafKind, type LeafTerms } from "./script/leaf.js";
export { secretOfMnemonic } from "./script/mnemonic.js";
export { decodeOpReturn, encodeOpReturn, findOpReturn, type StakeOpReturn } from "./script/op-return.js";
export {
  slashingChangeOutput,
  stakingOutput,
  unbondingOutput,
  type Leaf,
  type SlashingChangeOutput,
  type StakingOutput,
  type TaprootOutput,
  type TimelockLeaf,
  type UnbondingOutput,
} from "./script/outputs.js";
export { checkTerms, type KeySet, type StakeTerms } from "./script/terms.js";

// params
export { checkParams, checkParamSet, checkStake } from "./params/check.js";
export { bbnTest5 } from "./params/data/bbn-test-5.js";
export { mainnet, mainnetPhase1 } from "./params/data/mainnet.js";
export { regtest } from "./params/data/regtest.js";
export { testnet } from "./params/data/testnet.js";
export { checkInForce, checkSameParams, paramsAt, paramsVersion, type OwnParams } from "./params/in-force.js";
export { paramsFromJson, paramsToJson, type ProtocolParamsJson } from "./params/json.js";
export { parseParamSet, readParamSet } from "./params/read.js";
export {
  ANY_RELEASE,
  checkForm,
  currentRules,
  NEWEST_RELEASE,
  RELEASES,
  ruleSet,
  ruleSets,
  type Release,
  type RuleContext,
  type RuleName,
  type RuleSet,
} from "./params/rules.js";
export { identifyParams, paramSet, paramSets } from "./params/sets.js";
export type { ParamSet, Phase1Params, ProtocolParams, SlashingParams } from "./params/types.js";
export { paramsWarnings, type ParamsWarning } from "./params/warnings.js";

// funding
export type { Coin, CoinKeyOrigin, CoinKind, CoinLeaf } from "./funding/coin.js";
export type { Funding, SelectionReason, Spending } from "./funding/selection.js";

// spending
export {
  checkLeafSignature,
  finishSpend,
  keySigner,
  leafSighash,
  signLeaf,
  verifyLeafSignature,
  withWitness,
  type LeafSignature,
  type LeafSpend,
  type Signer,
} from "./spending/spend.js";
export { fromBitcoinJs, hdSigner, type BitcoinJsSigner, type HdRoot } from "./spending/signers.js";
export { assembleWitness, leafWitness, readWitness } from "./spending/witness.js";

// psbt
export type { Psbt } from "./psbt/psbt.js";
export type { PsbtInput, PsbtOutput } from "./psbt/fields.js";
export { parsePsbt, type PsbtLike } from "./psbt/read.js";
export { signaturesFromPsbt, signaturesFromPsbts } from "./psbt/signatures.js";
export { spendPsbt } from "./psbt/write.js";

// stake
export {
  decodeSpends,
  decodeStaking,
  type DecodedSpend,
  type DecodedStaking,
  type DecodeOptions,
} from "./stake/decode.js";
export {
  buildExpansion,
  fundExpansion,
  type Expansion,
  type ExpansionFunding,
  type ExpansionReason,
  type ExpansionRequest,
  type PreviousStake,
} from "./stake/expansion.js";
export { shownPsbt, type ShownInput, type ShownPsbt } from "./stake/explain-psbt.js";
export {
  explainSpends,
  identifyStaking,
  type ExplainedSpend,
  type IdentifiedStaking,
  type SpendRole,
  type VersionOf,
} from "./stake/explain.js";
export { checkPhase1Stake, type Phase1Observation, type Phase1Stake } from "./stake/phase1.js";
export { buildSlashing, type Slashable, type Slashing } from "./stake/slashing.js";
export {
  buildStaking,
  finishStaking,
  transactionFromPsbt,
  type Staking,
  type StakingRequest,
} from "./stake/staking.js";
export { buildUnbonding, type Unbonding } from "./stake/unbonding.js";
export {
  buildWithdrawal,
  type Withdrawable,
  type Withdrawal,
  type WithdrawalRequest,
} from "./stake/withdrawal.js";

// delegation
export { checkDelegation, checkSoFar, checkTransactions } from "./delegation/check.js";
export { combineDelegations } from "./delegation/combine.js";
export {
  createDelegation,
  stakeCoin,
  unbondedCoin,
  type AdaptorSignature,
  type Delegation,
  type ExpandedStake,
  type Expands,
  type FundingOutput,
  type PresignedSlashing,
  type PresignedUnbonding,
} from "./delegation/delegation.js";
export { DELEGATION_VERSION, delegationFromJson, delegationToJson } from "./delegation/json.js";
export { stakeOutputs, type StakeOutput, type StakeOutputName } from "./delegation/outputs.js";
export {
  addStakerPsbts,
  delegationFromSigned,
  finishStakeFunding,
  stakerPsbts,
  type SignedStake,
  type StakerPsbts,
} from "./delegation/psbt.js";
export { recognise, type Recognised, type RecognisedSpend } from "./delegation/recognise.js";
export {
  finishExpansion,
  finishUnbonding,
  signExpansion,
  signSlashings,
  signUnbonding,
} from "./delegation/sign.js";
export { expansionSpend, slashingSpend, unbondingSpend, type SignedName } from "./delegation/spends.js";
export { checkReady, signatureStatus, type SignatureStatus, type Signed } from "./delegation/status.js";

// covenant
export {
  addCovenantSignatures,
  checkForMember,
  covenantSigner,
  hasQuorum,
  signAsMember,
  signaturesOfMember,
  type CovenantSignatures,
  type CovenantSigner,
  type MemberOptions,
} from "./covenant/member.js";

// vote
export type { ChainConfig } from "./vote/chain.js";
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
} from "./vote/json.js";
export {
  commitmentDigest,
  commitmentMessage,
  isVoteMessage,
  signingContext,
  voteMessage,
  type ContextKind,
  type RandomnessCommitment,
  type Vote,
} from "./vote/messages.js";
export {
  checkVote,
  REFUSAL_CODES,
  signVoteUnprotected,
  verifyCommitment,
  verifyRandomness,
  verifyVote,
  type Commitment,
  type FinalityVote,
  type RefusalCode,
  type VoteRequest,
} from "./vote/vote.js";

// extract
export {
  evidenceFromJson,
  evidenceToJson,
  extractFromVotes,
  type CastVote,
  type Evidence,
  type EvidenceJson,
} from "./extract/evidence.js";
export { extractFromSlashing, finishSlashing, type ExtractedKey } from "./extract/slashing.js";

// babylon
export { bip322, type SigningOutput } from "./babylon/bip322.js";
export {
  checkInclusionProof,
  inclusionProof,
  inclusionProofFromMerkle,
  inclusionProofFromMerkleBlock,
  inclusionProofFromTxids,
  verifyInclusionProof,
  type InclusionProof,
} from "./babylon/inclusion.js";
export { readChainDelegation, readChainStake, expandedTxid } from "./babylon/lcd/delegation.js";
export type { ChainDelegation, ChainSources } from "./babylon/lcd/delegation.js";
export {
  readChainCommits,
  readChainEvidence,
  readChainProvider,
  readChainVotes,
  type ChainCommit,
  type ChainEvidence,
  type ChainProvider,
} from "./babylon/lcd/finality.js";
export { addMemberMessages, memberMessage, readMemberMessages } from "./babylon/lcd/member.js";
export {
  addInclusionProofMessage,
  covenantSignaturesMessage,
  readAddInclusionProof,
  readCovenantSignatures,
  readSelectiveSlashing,
  selectiveSlashingMessage,
  type CovenantSubmission,
} from "./babylon/lifecycle.js";
export {
  checkedMessage,
  decodeMessage,
  encodeMessage,
  messageFromJson,
  messageToJson,
  TYPE_URLS,
  type AnyMessage,
  type MessageName,
  type MessageSources,
  type NamedMessage,
} from "./babylon/messages.js";
export {
  acceptProof,
  checkProofOfPossession,
  PROOF_KINDS,
  proofFromJson,
  proofOfPossession,
  proofOfPossessionDigest,
  proofOfPossessionText,
  proofToJson,
  proofToSign,
  signPossession,
  verifyProofOfPossession,
  type Bip322Form,
  type PossessionOf,
  type ProofForm,
  type ProofKind,
  type ProofOfPossession,
  type ProofRecord,
  type ProofToSign,
} from "./babylon/pop.js";
export {
  addFinalitySignatureMessage,
  commitRandomnessMessage,
  createFinalityProviderMessage,
  DESCRIPTION_LIMITS,
  editFinalityProviderMessage,
  equivocationMessage,
  readAddFinalitySignature,
  readCommitRandomness,
  readCreateFinalityProvider,
  readEditFinalityProvider,
  readEquivocation,
  readUnjailFinalityProvider,
  unjailFinalityProviderMessage,
  type Commission,
  type ProviderDescription,
  type ProviderEdit,
  type ProviderOptions,
  type ProviderRegistration,
} from "./babylon/provider.js";
export {
  insertHeadersMessage,
  insertSpvProofMessage,
  readInsertHeaders,
  readInsertSpvProof,
  type CheckpointPart,
  type CheckpointReport,
} from "./babylon/reports.js";
export {
  checkpointDataOf,
  encodeCheckpoint,
  parseCheckpoint,
  parseCheckpointData,
  type Checkpoint,
  type CheckpointData,
} from "./babylon/checkpoint.js";
export {
  contextOf,
  moduleAddress,
  releaseFacts,
  releasesOf,
  unknownTo,
  type ReleaseFacts,
} from "./babylon/releases.js";
export { checkRules, RULES } from "./babylon/rules/check.js";
export type {
  AwaitedState,
  BrokenRule,
  ChainState,
  CheckpointState,
  CommitmentState,
  DelegationState,
  DelegationStatus,
  Fact,
  HeaderState,
  PreviousState,
  ProviderState,
  Rule,
  RuleError,
  UncheckedRule,
  Until,
  Verdict,
  VotedBlock,
} from "./babylon/rules/types.js";
export type { MessageOf } from "./babylon/schema.js";
export {
  createDelegationMessage,
  expandMessage,
  readCreateDelegation,
  readExpand,
  type ExpansionRegistration,
  type ReadOptions,
  type Registrant,
  type StakeRegistration,
} from "./babylon/stake.js";
export { readUndelegate, undelegateMessage, type Undelegation } from "./babylon/undelegation.js";
