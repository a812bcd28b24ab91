import { NEWEST_RELEASE, type Release } from "../params/rules.js";

/**
 * When a message that the chain refused can be sent again:
 * `done`: what it asks for is so already, and sending it again changes nothing;
 * `again`: now, signed anew (another sequence or timeout height);
 * `later`: unchanged, once the chain's state is another one;
 * `changed`: only with other content, gas or fee;
 * `never`.
 */
export type Retry = "done" | "again" | "later" | "changed" | "never";

/** One of the chain's errors, by the module that registers it (`codespace`) and its number there. */
export interface ChainError {
  readonly codespace: string;
  readonly code: number;
  /** As the chain's source calls it. */
  readonly name: string;
  /** What the chain says. */
  readonly meaning: string;
  readonly retry: Retry;
}

/**
 * The error of a codespace and number; undefined for one that the release does not have. Some numbers of `v3` mean
 * something else; all other releases agree.
 */
export function chainError(
  codespace: string,
  code: number,
  release: Release = NEWEST_RELEASE,
): ChainError | undefined {
  return errorsOf(release).find((error) => error.codespace === codespace && error.code === code);
}

/** What a node's text says about an error: whose it is, and which message of a transaction it is about. */
export interface SaidError {
  readonly error?: ChainError;
  readonly codespace?: string;
  readonly code?: number;
  /** The place of the message in its transaction, from 0. */
  readonly messageIndex?: number;
}

/** What a node writes behind the error of a simulation: where in its source it was, and the gas that was used. */
const SIMULATED = /(?: \[[^[\]]{1,300}\.go:\d{1,9}\]){0,9}(?: with gas used: '\d{1,20}')?$/;

/**
 * Reads the text of an error: queries name codespace and number, simulations only what the error means, at the end.
 * A text that says neither has neither.
 */
export function readErrorText(text: string, release: Release = NEWEST_RELEASE): SaidError {
  const said = text.replace(SIMULATED, "");
  const index = /message index: (\d{1,9}):/.exec(said)?.[1];
  const messageIndex = index === undefined ? {} : { messageIndex: Number(index) };
  const numbered = /codespace (\w{1,32}) code (\d{1,9}):/.exec(said);
  if (numbered) {
    const [codespace, code] = [numbered[1]!, Number(numbered[2])];
    const error = chainError(codespace, code, release);
    return { ...(error && { error }), codespace, code, ...messageIndex };
  }
  const error = errorAtEnd(said, release);
  return error ? { error, codespace: error.codespace, code: error.code, ...messageIndex } : messageIndex;
}

/** The sequence that the chain expects, where it refuses another one (sdk 32); undefined in any other text. */
export function expectedSequence(text: string): bigint | undefined {
  const expected = /account sequence mismatch, expected (\d{1,20}), got \d{1,20}/.exec(text)?.[1];
  return expected === undefined ? undefined : BigInt(expected);
}

/** Of several that a text ends with, the longest is meant: "not found" ends many. */
function errorAtEnd(said: string, release: Release): ChainError | undefined {
  const text = said.toLowerCase();
  const ends = errorsOf(release).filter(({ meaning }) => `: ${text}`.endsWith(`: ${meaning.toLowerCase()}`));
  return ends.sort((a, b) => b.meaning.length - a.meaning.length)[0];
}

const errorsOf = (release: Release): readonly ChainError[] =>
  release === "v3" ? [...listOf(V3), ...listOf(ERRORS)] : listOf(ERRORS);

type Row = readonly [code: number, name: string, meaning: string, retry: Retry];

const listOf = (table: Readonly<Record<string, readonly Row[]>>): ChainError[] =>
  Object.entries(table).flatMap(([codespace, rows]) =>
    rows.map(([code, name, meaning, retry]) => ({ codespace, code, name, meaning, retry })),
  );

/**
 * From the sources, read on 2026-11-30: babylonlabs-io/babylon v4.3.1 (commit a93eadc9, 2026-07-21),
 * `x/<codespace>/types/errors.go`; v1 and v2 have the same numbers for what they have. cosmos-sdk v0.53,
 * `types/errors/errors.go`. The texts are the chain's own: a simulation says nothing else.
 */
const ERRORS = {
  btcstaking: [
    [1100, "ErrFpNotFound", "the finality provider is not found", "later"],
    [1101, "ErrBTCDelegatorNotFound", "the BTC delegator is not found", "changed"],
    [1102, "ErrBTCDelegationNotFound", "the BTC delegation is not found", "changed"],
    [1103, "ErrFpRegistered", "the finality provider has already been registered", "changed"],
    [1104, "ErrFpAlreadySlashed", "the finality provider has already been slashed", "never"],
    [1105, "ErrBTCHeightNotFound", "the BTC height is not found", "later"],
    [1106, "ErrReusedStakingTx", "the BTC staking tx is already used", "done"],
    [1107, "ErrInvalidCovenantPK", "the BTC staking tx specifies a wrong covenant PK", "changed"],
    [1108, "ErrInvalidStakingTx", "the BTC staking tx is not valid", "changed"],
    [1109, "ErrInvalidSlashingTx", "the BTC slashing tx is not valid", "changed"],
    [1110, "ErrInvalidCovenantSig", "the covenant signature is not valid", "changed"],
    [1111, "ErrCommissionLTMinRate", "commission cannot be less than min rate", "changed"],
    [1112, "ErrCommissionGTMaxRate", "commission cannot be more than one", "changed"],
    [1113, "ErrInvalidDelegationState", "Unexpected delegation state", "later"],
    [1114, "ErrInvalidUnbondingTx", "the BTC unbonding tx is not valid", "changed"],
    [1115, "ErrEmptyFpList", "the finality provider list is empty", "changed"],
    [
      1116,
      "ErrTooManyFpKeys",
      "the finality provider list contains too many public keys, it must contain exactly one",
      "changed",
    ],
    [1117, "ErrInvalidProofOfPossession", "the proof of possession is not valid", "changed"],
    [
      1118,
      "ErrDuplicatedFp",
      "the staking request contains duplicated finality provider public key",
      "changed",
    ],
    [1119, "ErrInvalidBTCUndelegateReq", "invalid undelegation request", "changed"],
    [1120, "ErrParamsNotFound", "the parameters are not found", "later"],
    [1121, "ErrFpAlreadyJailed", "the finality provider has already been jailed", "later"],
    [1122, "ErrFpNotJailed", "the finality provider is not jailed", "done"],
    [1123, "ErrDuplicatedCovenantSig", "the covenant signature is already submitted", "done"],
    [
      1124,
      "ErrStakingTxIncludedTooEarly",
      "the staking transaction is included too early in BTC chain",
      "never",
    ],
    [1125, "ErrEmptyCommissionRates", "empty commission", "changed"],
    [1128, "ErrLargestBtcReorgNotFound", "there is no BTC reorg currently set", "later"],
    [1129, "ErrInvalidStakeExpansion", "invalid stake expansion", "changed"],
    // The main branch has it (2026-07-01), no release up to v4.3.1.
    [1130, "ErrFinalityProviderIsDeleted", "the finality provider has been deleted", "never"],
  ],
  finality: [
    [1100, "ErrBlockNotFound", "Block is not found", "later"],
    [1101, "ErrVoteNotFound", "vote is not found", "changed"],
    [1102, "ErrHeightTooHigh", "the chain has not reached the given height yet", "later"],
    [1103, "ErrPubRandNotFound", "public randomness is not found", "changed"],
    [1104, "ErrNoPubRandYet", "the finality provider has not committed any public randomness yet", "changed"],
    [1105, "ErrTooFewPubRand", "the request contains too few public randomness", "changed"],
    [1106, "ErrInvalidPubRand", "the public randomness list is invalid", "changed"],
    [1107, "ErrEvidenceNotFound", "evidence is not found", "changed"],
    [1108, "ErrInvalidFinalitySig", "finality signature is not valid", "changed"],
    [1109, "ErrDuplicatedFinalitySig", "duplicated finality vote", "done"],
    [1110, "ErrNoSlashableEvidence", "there is no slashable evidence", "changed"],
    [
      1111,
      "ErrPubRandCommitNotBTCTimestamped",
      "the public randomness commit is not BTC timestamped yet",
      "later",
    ],
    [1112, "ErrJailingPeriodNotPassed", "the jailing period is not passed", "later"],
    [1113, "ErrVotingPowerTableNotUpdated", "voting power table has not been updated", "later"],
    [1114, "ErrBTCStakingNotActivated", "the BTC staking protocol is not activated yet", "later"],
    [1115, "ErrFinalityNotActivated", "finality is not active yet", "later"],
    [1116, "ErrSigHeightOutdated", "the voting block is already finalized and timestamped", "done"],
    [1117, "ErrOverflowInBlockHeight", "overflow in block height calculation", "changed"],
    [1118, "ErrInvalidPubRandCommit", "the public randomness commitment is invalid", "changed"],
    [1121, "ErrInvalidResumeFinality", "resume finality proposal message is not valid", "changed"],
    [1122, "ErrFinalityProviderIsDeleted", "finality provider is deleted", "never"],
    [1123, "ErrInvalidSats", "invalid satoshi amount", "changed"],
    [1124, "ErrVotingPowerTableNotFound", "voting power table was not found", "later"],
  ],
  btclightclient: [
    [1100, "ErrHeaderDoesNotExist", "header does not exist", "later"],
    [1101, "ErrHeaderParentDoesNotExist", "parent for provided hash is not maintained", "changed"],
    [1102, "ErrEmptyMessage", "empty message provided", "changed"],
    [1103, "ErrInvalidProofOfWOrk", "provided header has invalid proof of work", "changed"],
    [1104, "ErrInvalidHeader", "provided header does not satisfy header validation rules", "changed"],
    [1105, "ErrChainWithNotEnoughWork", "provided chain has not enough work", "later"],
    [1106, "ErrUnauthorizedReporter", "unauthorized reporter", "never"],
    [1107, "ErrInvalidMessageFormat", "invalid message format", "changed"],
    [1108, "ErrForkStartWithKnownHeader", "fork start with known header", "changed"],
  ],
  btccheckpoint: [
    [1100, "ErrInvalidCheckpointProof", "Invalid checkpoint proof", "changed"],
    [1101, "ErrDuplicatedSubmission", "Duplicated submission", "done"],
    [1102, "ErrNoCheckpointsForPreviousEpoch", "No checkpoints for previous epoch", "later"],
    [1103, "ErrInvalidHeader", "Proof headers are invalid", "later"],
    [
      1104,
      "ErrProvidedHeaderDoesNotHaveAncestor",
      "Proof header does not have ancestor in previous epoch",
      "never",
    ],
    [1105, "ErrEpochAlreadyFinalized", "Submission denied. Epoch already finalized", "done"],
  ],
  sdk: [
    [2, "ErrTxDecode", "tx parse error", "changed"],
    [3, "ErrInvalidSequence", "invalid sequence", "again"],
    [4, "ErrUnauthorized", "unauthorized", "changed"],
    [5, "ErrInsufficientFunds", "insufficient funds", "later"],
    [6, "ErrUnknownRequest", "unknown request", "changed"],
    [7, "ErrInvalidAddress", "invalid address", "changed"],
    [8, "ErrInvalidPubKey", "invalid pubkey", "changed"],
    [9, "ErrUnknownAddress", "unknown address", "later"],
    [10, "ErrInvalidCoins", "invalid coins", "changed"],
    [11, "ErrOutOfGas", "out of gas", "changed"],
    [12, "ErrMemoTooLarge", "memo too large", "changed"],
    [13, "ErrInsufficientFee", "insufficient fee", "changed"],
    [14, "ErrTooManySignatures", "maximum number of signatures exceeded", "changed"],
    [15, "ErrNoSignatures", "no signatures supplied", "changed"],
    [16, "ErrJSONMarshal", "failed to marshal JSON bytes", "changed"],
    [17, "ErrJSONUnmarshal", "failed to unmarshal JSON bytes", "changed"],
    [18, "ErrInvalidRequest", "invalid request", "changed"],
    [19, "ErrTxInMempoolCache", "tx already in mempool", "done"],
    [20, "ErrMempoolIsFull", "mempool is full", "later"],
    [21, "ErrTxTooLarge", "tx too large", "changed"],
    [22, "ErrKeyNotFound", "key not found", "changed"],
    [23, "ErrWrongPassword", "invalid account password", "changed"],
    [24, "ErrorInvalidSigner", "tx intended signer does not match the given signer", "changed"],
    [25, "ErrorInvalidGasAdjustment", "invalid gas adjustment", "changed"],
    [26, "ErrInvalidHeight", "invalid height", "changed"],
    [27, "ErrInvalidVersion", "invalid version", "changed"],
    [28, "ErrInvalidChainID", "invalid chain-id", "changed"],
    [29, "ErrInvalidType", "invalid type", "changed"],
    [30, "ErrTxTimeoutHeight", "tx timeout height", "again"],
    [31, "ErrUnknownExtensionOptions", "unknown extension options", "changed"],
    [32, "ErrWrongSequence", "incorrect account sequence", "again"],
    [33, "ErrPackAny", "failed packing protobuf message to Any", "changed"],
    [34, "ErrUnpackAny", "failed unpacking protobuf message from Any", "changed"],
    [35, "ErrLogic", "internal logic error", "never"],
    [36, "ErrConflict", "conflict", "again"],
    [37, "ErrNotSupported", "feature not supported", "changed"],
    [38, "ErrNotFound", "not found", "later"],
    [39, "ErrIO", "Internal IO error", "later"],
    [40, "ErrAppConfig", "error in app.toml", "never"],
    [41, "ErrInvalidGasLimit", "invalid gas limit", "changed"],
    [42, "ErrTxTimeout", "tx timeout", "again"],
  ],
} as const satisfies Readonly<Record<string, readonly Row[]>>;

/** Numbers that mean something else in v3 (v3.0.0-rc.3, commit b0dc34da, 2025-09-01). */
const V3 = {
  btcstaking: [
    [1125, "ErrConsumerIDNotRegistered", "consumer is not registered", "changed"],
    [
      1126,
      "ErrNoBabylonFPMultiStaked",
      "BTC delegation must include exactly one Babylon Genesis finality provider in its multi-staking selection",
      "changed",
    ],
    [1127, "ErrEmptyCommissionRates", "empty commission", "changed"],
    [1129, "ErrFpBSNIdNotRegistered", "the BSN id selected is not registered", "changed"],
    [1130, "ErrInvalidStakeExpansion", "invalid stake expansion", "changed"],
    [
      1131,
      "ErrInvalidMultiStakingFPs",
      "every multi staked Finality provider must come from a different BSN",
      "changed",
    ],
    [1132, "ErrUnableToSendCoins", "unable to send coins", "changed"],
    [1133, "ErrUnableToDistributeBsnRewards", "unable to distribute BSN rewards", "changed"],
    [1134, "ErrFpInvalidBsnID", "finality provider has a different BSN ID", "changed"],
    [1135, "ErrUnableToAllocateBtcRewards", "unable to allocate BTC rewards", "changed"],
    [1136, "ErrInvalidCallbackAddBsnRewards", "invalid callback add bsn rewards", "changed"],
    [1137, "ErrFpConsumerNoIBCChannelOpen", "consumer does not have an open IBC channel", "changed"],
  ],
  finality: [
    [1119, "ErrInvalidUnjailFinalityProvider", "unjail finality provider message is not valid", "changed"],
    [1120, "ErrInvalidEquivocationEvidence", "equivocation evindence message is not valid", "changed"],
  ],
} as const satisfies Readonly<Record<string, readonly Row[]>>;
