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
export { ERROR_CODES, TapstakeError, type ErrorCode, type ErrorDetails } from "./core/errors.js";
export { publicKeyOf } from "./core/keys.js";
export { NETWORKS, type Network } from "./core/network.js";

// crypto
export { adaptor } from "./crypto/adaptor.js";
export { eots, type SignedMessage } from "./crypto/eots.js";
export { merkle, type MerkleProof } from "./crypto/merkle.js";
export {
  commitmentDigest,
  commitmentMessage,
  signingContext,
  voteMessage,
  type ContextKind,
  type RandomnessCommitment,
  type Vote,
} from "./crypto/messages.js";
export { randomness, type Randomness } from "./crypto/randomness.js";
export { schnorr } from "./crypto/schnorr.js";

// script
export { checkTerms, type KeySet, type StakeTerms } from "./script/terms.js";
