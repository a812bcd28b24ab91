/** `tapstake/babylon`: the staking chain, asked and written to. Runs in browsers too. */
export { chainError, readErrorText, type ChainError, type Retry, type SaidError } from "../babylon/errors.js";
export type { Release } from "../params/rules.js";
export {
  accountOfKey,
  decodeAuthInfo,
  decodeTxBody,
  decodeTxRaw,
  encodeAuthInfo,
  encodeSignDoc,
  encodeTxBody,
  encodeTxRaw,
  signDoc,
  txHash,
  verifySignDoc,
  type AuthInfo,
  type ChainCoin,
  type SignDoc,
  type TxBody,
  type TxFee,
  type TxRaw,
  type TxSigner,
} from "../babylon/transaction.js";
export { chainState, type ChainStateOptions, type MessageRecords } from "./chain-state.js";
export {
  babylonChain,
  type BabylonChain,
  type BabylonOptions,
  type BabylonQueries,
  type DelegationsOf,
  type RawQueries,
} from "./client.js";
export type { ParamsChoice } from "./typed.js";
export type {
  ChainBlock,
  LightClientHeader,
  RawCommit,
  RawDelegation,
  RawEvidence,
  RawParamsVersion,
  RawProvider,
  SigningInfo,
} from "./forms.js";
export type { Clock } from "./lcd.js";
export type { ChainAccount, ChainEvent, ChainTransaction, NodeInfo } from "./node.js";
export type { Paging } from "./pages.js";
export type {
  BlockStatus,
  CheckpointParams,
  DelegationStatus,
  FinalityParams,
  RawCheckpoint,
  Submission,
} from "./queries.js";
export type { SendOptions, SendWarning, SentTransaction, SignedTransaction } from "./send.js";
export { accountSigner, type AccountSigner, type DirectAnswer, type DirectSigner } from "./signer.js";
