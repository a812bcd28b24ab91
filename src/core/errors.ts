/**
 * Every code that a {@link TapstakeError} can carry, and what it says about the input.
 * Callers switch on the code; people read the message.
 */
export const ERROR_CODES = {
  // core
  "invalid-bytes": "not a Uint8Array, or not of the required length",
  "invalid-hex": "text that is not hexadecimal, or of the wrong length",
  "invalid-number": "an integer outside its permitted range",
  "invalid-argument": "a choice that is not one of the documented ones",
  "invalid-amount": "not a whole number of satoshi between 0 and 21,000,000 BTC",
  "invalid-rate": "a rate that is not a decimal number in its permitted range and precision",
  "invalid-json": "JSON that cannot be parsed, or does not have the documented form",
  "invalid-message": "bytes that are not a protobuf message of the expected form",
  "invalid-network": "a network name that is not known",
  "invalid-public-key": "32 bytes that are not the x coordinate of a point, or not 32 bytes",
  "invalid-secret-key": "a secret that is not a scalar between 1 and n - 1",
  // crypto
  "invalid-signature": "a signature that is malformed or does not verify",
  "invalid-randomness": "public randomness that is no point, or secret randomness that is no scalar",
  "invalid-encryption-key": "an adaptor encryption key that is neither 32 nor 33 bytes of a point",
  "self-check-failed": "a signature made here did not verify and was withheld: a faulty machine or library",
  "same-message": "two signatures of one message reveal no key",
  "same-signature": "one signature given twice reveals no key",
  "different-randomness": "the two signatures were not made under the given randomness",
  "key-mismatch": "the extracted key is not the expected one",
  "invalid-proof": "a Merkle proof that is malformed or does not lead to the root",
  "index-out-of-range": "an index beyond the end of the list",
  // script
  "no-keys": "a key set without keys",
  "too-many-keys": "more keys than one leaf can hold",
  "duplicate-key": "one key in two places of the same stake",
  "invalid-quorum": "a quorum of 0, or above the number of keys",
  "invalid-timelock": "a time lock outside 1 to 65535 blocks",
  "invalid-script": "a script that is not one of the protocol's",
  "invalid-descriptor": "text that is not a descriptor",
  "invalid-checksum": "a descriptor and a checksum that do not fit each other",
  "wrong-internal-key": "a descriptor of an output that a key could spend without the scripts",
  "wrong-script-tree":
    "a descriptor of other scripts than those of an output of a stake, or elsewhere in the tree",
  "underived-key": "an extended or private key in a descriptor, where only plain public keys are read",
  "unsorted-keys": "keys of a multi_a that are not ascending",
  "leaves-disagree": "leaves of one descriptor that name different stakers or committees",
  "invalid-key-expression": "a key of a descriptor that is malformed, or stands for no single key",
  "invalid-path": "a text that is not a BIP-32 derivation path",
  "invalid-address": "an address that is malformed or of another network, or not a host and a port",
  "invalid-op-return": "a malformed phase-1 OP_RETURN",
  "multiple-op-returns": "more than one phase-1 OP_RETURN in a transaction",
  // params
  "invalid-params": "protocol parameters that break a rule of their own",
  "unknown-params": "no such parameter set or version",
  "not-active": "no parameter version is active at this height",
  "unsupported-by-release": "a form of stake that the named release of the protocol does not accept",
  // tx
  "invalid-transaction": "bytes that are not a Bitcoin transaction",
  "invalid-psbt": "bytes that are not a PSBT of the expected form",
  "psbt-mismatch": "a PSBT that came back describing another transaction, or other coins or scripts of it",
  "output-not-found": "the transaction has no such output",
  "not-a-stake": "a transaction that neither stakes nor spends a stake, as far as can be told",
  "multiple-staking-outputs": "the transaction has the staking output more than once",
  "invalid-coin": "a coin that cannot be spent as described",
  "timelock-running": "a time lock that has not run out yet",
  "insufficient-funds": "the given coins do not cover the amount and the fee",
  "transaction-too-large": "a transaction of more than the 400,000 weight units that nodes relay",
  "fee-rate-too-low": "a fee rate below what the node relays",
  "fee-rate-too-high": "a fee rate above what anybody is likely to mean",
  "size-above-estimate":
    "a signed transaction larger than its fee was reckoned for, as signatures are longer than was stated",
  "txid-not-final":
    "a transaction whose txid changes when it is signed, so that nothing can be built upon it before",
  "dust-output": "an output too small to be relayed",
  "missing-signature": "fewer signatures than the quorum",
  "unexpected-signer": "a signature by a key that the leaf does not name, or named twice",
  "unsupported-sighash": "a signature hash type other than DEFAULT or ALL",
  "witness-mismatch": "a witness that does not open the expected leaf",
  "signer-failed": "an external signer failed, or returned what is no signature",
  // the rules of a delegation (PROTOCOL 7)
  "unknown-version": "a document version that this release does not know",
  "wrong-network": "a document or parameters of another network",
  "delegation-mismatch": "a copy of a delegation that describes another stake",
  "covenant-mismatch": "the committee of the terms is not the committee of the parameters",
  "params-mismatch": "parameters other than those that the caller trusts",
  "params-not-in-force":
    "parameters of a version that does not hold at this height, or of a set that has ended",
  "unsupported-params": "parameters without the slashing fields that a delegation needs",
  "not-a-member": "the signing key is not in the committee",
  "quorum-reached": "the committee has already signed",
  "staking-value-out-of-range": "a stake below the minimum or above the maximum value",
  "staking-time-out-of-range": "a stake shorter than the minimum or longer than the maximum time",
  "unbonding-time-mismatch": "an unbonding time other than the parameters'",
  "staking-output-mismatch": "the staking output is not the one that the terms describe",
  "wrong-version": "a transaction version that the protocol does not allow",
  "wrong-locktime": "a lock time other than 0",
  "wrong-sequence": "an input sequence that the protocol does not allow",
  "wrong-script-sig": "an input script where a Taproot spend has none",
  "wrong-witness": "a witness in a transaction that must be unsigned",
  "wrong-input-count": "too few or too many inputs",
  "wrong-output-count": "too few or too many outputs",
  "wrong-outpoint": "an input that spends another output",
  "unbonding-output-mismatch": "the unbonding output is not the one that the terms describe",
  "unbonding-fee-mismatch": "an unbonding fee other than the parameters'",
  "slashing-script-mismatch": "the slashed coins do not go to the slashing script",
  "slashing-amount-too-low": "less than value times rate goes to the slashing script",
  "slashing-fee-too-low": "a slashing transaction that pays less than the minimum fee",
  "refund-output-mismatch": "the refund is not locked as the terms describe",
  "invalid-staker-signature": "a slashing signature by the staker that is missing or does not verify",
  "invalid-covenant-signature": "a signature by a committee member that does not verify",
  "not-an-expansion": "a delegation that expands no other",
  "staker-mismatch": "an expansion by other stakers than those of the stake that it expands",
  "expansion-value-too-low": "an expansion that stakes less than the stake that it expands",
  "expansion-fee-too-low": "an expansion that pays no fee",
  "duplicate-signature": "two signatures by one key of the same transaction",
  // registration
  "invalid-possession": "a proof of possession that does not show a key and an account to belong together",
  "unsupported-message": "what the chain's messages have no field for",
  "message-mismatch": "a message whose fields contradict each other, or the record it is about",
  // extract
  "not-a-slashing": "the transaction does not spend a slashing leaf of this delegation",
  "no-evidence": "none of the adaptor signatures yields a finality provider's key",
  "unknown-finality-provider": "the key is not one of the stake's finality providers",
  // the finality provider's home and keys
  "insecure-permissions":
    "a secret file or folder that others than its owner can reach, or that another user owns",
  "home-not-found": "no home in the folder that should be one",
  "invalid-key-name": "a name that a key cannot have",
  "key-exists": "a key of this name, or the same key under another name",
  "key-not-found": "no such key in the home",
  "invalid-key-file": "a key file that is damaged, or not as this software writes it",
  "wrong-passphrase": "the passphrase does not open the key, or its file was tampered with",
  "invalid-passphrase": "a passphrase that is empty or not text, or a new one that is too short",
  "invalid-mnemonic": "words that are not a BIP-39 mnemonic",
  // the signer over the network
  "insecure-address":
    "an address that others can reach, without the authentication or encryption that it needs",
  "listen-failed": "an address that is malformed, taken, or not of this machine",
  "invalid-certificate": "a TLS certificate or key that is malformed, or that do not belong together",
  "signer-unreachable": "no signer answers at the address",
  "signer-unhealthy": "the signer answers and says that it signs nothing: it stops, or its store has failed",
  "signer-stopping": "the signer is shutting down and begins nothing new",
  "signer-error": "the signer failed, or answered what this software does not know",
  unauthenticated: "a request without the right authentication code",
  "not-permitted": "what this signer does for nobody, or not for this caller",
  "key-locked": "a key whose passphrase the signer was not given yet",
  "too-many-attempts": "wrong passphrases came too fast; the key cannot be tried for a while",
  "backup-running": "a copy of the votes is being written already",
  "disk-nearly-full": "a disk whose last space is kept for votes",
  "invalid-request": "a request that is malformed, or of the wrong form",
  "message-too-large": "a request or an answer above the size limit",
  // votes and their protection
  "double-vote": "another message was signed at this height",
  "unlisted-refusal":
    "a height of a batch that the signer refused, for a reason that its log says and its answer does not",
  "unknown-earlier-vote": "this height was signed, and which message or signature is not known",
  "below-watermark": "a height below the lowest at which this signer still signs",
  "not-a-vote": "a message that is no vote for its height, which the signer does not sign",
  "context-mismatch": "a signing context that is not the one that the chain, or what was signed before, has",
  "at-or-below-chain-height": "a height that is not above the last vote known on the chain",
  "duplicate-height": "one height twice in a batch",
  "unknown-chain": "no such chain in chains.json",
  "invalid-chain-id": "a chain identifier that is not 1 to 128 printable ASCII characters without spaces",
  "signer-running": "another process is the signer of this home",
  "protection-missing": "the store of votes or its watermark log is gone",
  "protection-empty": "the file of the store of votes holds no store",
  "protection-behind": "the store of votes is older than its watermark log, or another one",
  "protection-corrupt": "the store of votes or its watermark log is damaged",
  "protection-uninitialised": "a key that may have signed before, without watermarks on this chain",
  "too-many-chains": "a new key that would begin by itself on more chains than anybody votes on",
  "protection-replaced": "the store of votes or its watermark log was replaced under a running signer",
  "protection-unwritable": "a vote could not be recorded durably",
  "protection-closed": "the store of votes was closed",
  "would-lower-mark": "an attempt to lower a watermark, which is only ever raised",
  "commitment-overlap": "heights whose randomness is committed already",
  "count-too-small": "fewer heights than the chain asks of a commitment",
  "no-commitment": "a height in no remembered commitment",
  // chain and regtest
  "node-unreachable": "no node answers at the address",
  "node-error": "the node answered with an error",
  "node-refused": "the node refused the transaction",
  "no-fee-estimate": "the node cannot say what to pay, as it has seen too few transactions",
  "node-start-failed": "bitcoind did not start",
  "bitcoind-not-found": "no bitcoind on this machine",
  "unexpected-verdict": "what should be accepted was refused, or what should be refused was accepted",
  "wait-timeout": "a condition was not met before its deadline",
  // command line
  "file-error": "a file that cannot be read or written",
  cancelled: "stopped by whoever began it, or not confirmed: nothing was done",
} as const;

/** One of {@link ERROR_CODES}. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** What an error is about, as data. Never holds a secret. */
export type ErrorDetails = Readonly<Record<string, string | number | bigint | boolean | readonly string[]>>;

/**
 * The one error that tapstake throws at what a caller can act on.
 * The message says what was expected and what came; `details` says the same as data.
 */
export class TapstakeError extends Error {
  override readonly name = "TapstakeError";
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = details;
  }
}

/** A short description of a value of the wrong type, for messages. Never shows its content. */
export function describeType(value: unknown): string {
  if (value === null) return "null";
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value;
}
