import { assertBytes, assertInteger, concatBytes, equalBytes, hex, u64be, utf8 } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { sha256 } from "../core/hashes.js";
import { assertObject } from "../core/objects.js";

/** The purposes of signing contexts. */
export type ContextKind = "fp_pop" | "fp_rand_commit" | "fp_fin_vote" | "staker_pop";

/** A vote of a finality provider for one block. */
export interface Vote {
  readonly height: bigint;
  /** 32 bytes. */
  readonly appHash: Uint8Array;
  /** The chain's {@link signingContext} for `fp_fin_vote`, if it has one. */
  readonly context?: string;
}

/** A finality provider's promise of the randomness for `count` heights from `startHeight`; a `Commitment` is one. */
export interface RandomnessCommitment {
  readonly startHeight: bigint;
  readonly count: number | bigint;
  /** The Merkle root of the public randomness, 32 bytes. */
  readonly root: Uint8Array;
  /** The chain's {@link signingContext} for `fp_rand_commit`, if it has one. */
  readonly context?: string;
}

/**
 * The bytes that a vote signs with `eots.sign`: `[context] ‖ u64be(height) ‖ appHash` (PROTOCOL 6). Signing one
 * height both with and without a context is a double sign.
 * @throws TapstakeError `invalid-number`, `invalid-bytes`, `invalid-hex` (context)
 */
export function voteMessage(vote: Vote): Uint8Array {
  assertObject(vote, "vote");
  const { height, appHash, context } = vote;
  assertBytes(appHash, "app hash", 32);
  return concatBytes(contextBytes(context), u64be(height, "height"), appHash);
}

/**
 * Whether bytes are a {@link voteMessage} for this height, with any signing context or without one. An EOTS signature
 * is a BIP-340 signature of the message's SHA256: a signer that signs other bytes may sign a transaction.
 * @throws TapstakeError `invalid-bytes`, `invalid-number`
 */
export function isVoteMessage(message: Uint8Array, height: bigint): boolean {
  assertBytes(message, "message");
  const context = message.subarray(0, -VOTE_LENGTH);
  return (
    (message.length === VOTE_LENGTH || (message.length === 64 + VOTE_LENGTH && context.every(isHexDigit))) &&
    equalBytes(message.subarray(context.length, context.length + 8), u64be(height, "height"))
  );
}

/**
 * The bytes of a randomness commitment: `[context] ‖ u64be(startHeight) ‖ u64be(count) ‖ root` (PROTOCOL 6).
 * @throws TapstakeError `invalid-number`, `invalid-bytes`, `invalid-hex` (context)
 */
export function commitmentMessage(commitment: RandomnessCommitment): Uint8Array {
  assertObject(commitment, "commitment");
  const { startHeight, count, root, context } = commitment;
  assertBytes(root, "root", 32);
  assertCommitmentRange({ startHeight, count });
  return concatBytes(
    contextBytes(context),
    u64be(startHeight, "start height"),
    u64be(heightsOf(count), "number of heights"),
    root,
  );
}

/**
 * The chain adds start and number of heights in 64 bits, and refuses a commitment whose sum does not fit.
 * @throws TapstakeError `invalid-number`
 */
export function assertCommitmentRange({
  startHeight,
  count,
}: Pick<RandomnessCommitment, "startHeight" | "count">): void {
  u64be(startHeight, "start height");
  u64be(startHeight + heightsOf(count), "start height + number of heights");
}

/**
 * What a commitment signs with `schnorr.sign`: the SHA256 of {@link commitmentMessage}.
 * @throws TapstakeError as {@link commitmentMessage}
 */
export function commitmentDigest(commitment: RandomnessCommitment): Uint8Array {
  return sha256(commitmentMessage(commitment));
}

/**
 * The text before every signed message on chains of the v3 release line: 64 ASCII characters. The v4 line has none.
 * @param moduleAddress the chain module's address in bech32
 */
export function signingContext(kind: ContextKind, chainId: string, moduleAddress: string): string {
  return hex.encode(sha256(utf8(`btcstaking/0/${kind}/${chainId}/${moduleAddress}`)));
}

/** @throws TapstakeError `invalid-hex` */
export function contextBytes(context: string | undefined): Uint8Array {
  if (context === undefined) return new Uint8Array();
  // The text itself is signed, so its case matters.
  if (hex.encode(hex.decode(context, 32, "signing context")) !== context) {
    throw new TapstakeError("invalid-hex", "the signing context has upper-case digits: give lower-case ones");
  }
  return utf8(context);
}

function heightsOf(count: number | bigint): bigint {
  if (typeof count === "bigint") return count;
  assertInteger(count, "number of heights", 0, Number.MAX_SAFE_INTEGER);
  return BigInt(count);
}

/** The 8 bytes of the height and the 32 bytes of a hash. */
const VOTE_LENGTH = 40;

const isHexDigit = (byte: number): boolean => "0123456789abcdef".includes(String.fromCharCode(byte));
