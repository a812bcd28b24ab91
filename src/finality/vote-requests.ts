import { assertBytes, equalBytes, u64be } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import type { ChainConfig } from "../vote/chain.js";
import { contextBytes, isVoteMessage, voteMessage } from "../vote/messages.js";
import { type CommittedContext, covers, lastOf } from "./protection/store.js";

/** A vote for a block: the voter makes the message, with the chain's signing context. */
export interface BlockVote {
  readonly height: bigint;
  /** 32 bytes. */
  readonly appHash: Uint8Array;
}

/**
 * A vote whose message the caller has made. If the chain is configured with a context, the message has that context.
 */
export interface MessageVote {
  readonly height: bigint;
  /** All of it, signing context included: `[context] ‖ u64be(height) ‖ 32 bytes` (PROTOCOL 6). */
  readonly message: Uint8Array;
}

/** What may be asked for, whatever was signed before. */
export interface RequestRules {
  readonly chain: ChainConfig;
  /** Whether messages may be other ones than votes, and votes with another context. */
  readonly anyMessage: boolean;
  /** Whether a commitment may have another signing context than the chain. */
  readonly otherContext: boolean;
  /** The commitments of the key on the chain. */
  readonly committed: () => readonly CommittedContext[];
}

/**
 * The messages of some votes, copied and checked: nothing is decided about them yet.
 * @throws TapstakeError `invalid-number`, `invalid-bytes`, `not-a-vote`, `context-mismatch`, `duplicate-height`
 */
export function checkedRequests(
  votes: readonly (BlockVote | MessageVote)[],
  rules: RequestRules,
): MessageVote[] {
  const read = votes.map((vote) => readRequest(vote, rules));
  refuseDuplicates(read);
  if (!rules.otherContext && read.length > 0) refuseOtherCommitment(read, rules);
  return read;
}

function readRequest(vote: BlockVote | MessageVote, { chain, anyMessage }: RequestRules): MessageVote {
  const { height } = vote;
  u64be(height, "height");
  // A copy: the caller could change its own bytes between the digest and the signature.
  const message =
    "message" in vote
      ? copyOf(vote.message)
      : voteMessage({
          height,
          appHash: vote.appHash,
          ...(chain.voteContext !== undefined && { context: chain.voteContext }),
        });
  if (anyMessage) return { height, message };
  if (!isVoteMessage(message, height)) throw notAVote(height, message);
  const { id, voteContext } = chain;
  if (voteContext !== undefined && !equalBytes(message.subarray(0, 64), contextBytes(voteContext))) {
    throw otherMessage(id, voteContext, { height, message });
  }
  return { height, message };
}

/** The chain accepts votes of one release. A vote that it does not count still uses the height up. */
function refuseOtherCommitment(
  votes: readonly MessageVote[],
  { chain, anyMessage, committed }: RequestRules,
): void {
  for (const range of committed()) {
    if (range.context !== chain.commitContext) {
      if (votes.some(({ height }) => covers(range, height))) throw otherCommitment(chain, range);
    } else if (range.context === undefined && !anyMessage) {
      // For a chain without contexts, a message with a context is accepted only if nothing says which form counts:
      // here the commitment does.
      const other = votes.find(({ height, message }) => message.length > BARE_VOTE && covers(range, height));
      if (other) throw contextBesideNone(chain, range, other);
    }
  }
}

/** The length in bytes of a vote's message without a signing context (PROTOCOL 6). */
const BARE_VOTE = 40;

function refuseDuplicates(requests: readonly { readonly height: bigint }[]): void {
  const seen = new Set<bigint>();
  for (const { height } of requests) {
    if (seen.has(height)) {
      throw new TapstakeError(
        "duplicate-height",
        `height ${height} is in the batch more than once, so tapstake signed nothing of it`,
        { height },
      );
    }
    seen.add(height);
  }
}

/** Names the height that a whole message is for too: it is the likeliest mistake. */
function notAVote(height: bigint, message: Uint8Array): TapstakeError {
  const other = heightIn(message);
  if (other !== undefined) {
    return new TapstakeError(
      "not-a-vote",
      `the message that came for height ${height} is a vote for height ${other}. tapstake signed nothing: send each message with its own height`,
      { height, messageHeight: other },
    );
  }
  const { length } = message;
  return new TapstakeError(
    "not-a-vote",
    `the message for height ${height} must be a vote at that height, not ${length} other bytes: an optional signing context of 64 lower-case hexadecimal characters, the height in 8 bytes and a hash of 32 bytes. tapstake signed nothing: another message could be a transaction`,
    { height },
  );
}

/** The height that a message votes for; undefined if it is no vote. */
function heightIn(message: Uint8Array): bigint | undefined {
  if (message.length < BARE_VOTE) return undefined;
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  const height = view.getBigUint64(message.length - BARE_VOTE);
  return isVoteMessage(message, height) ? height : undefined;
}

function otherMessage(chain: string, expected: string, { height, message }: MessageVote): TapstakeError {
  const actual = message.length > 64 ? new TextDecoder().decode(message.subarray(0, 64)) : "none";
  return new TapstakeError(
    "context-mismatch",
    `the message for height ${height} must have the signing context ${expected}, which this signer has configured for votes on ${chain}, not ${actual}. tapstake signed nothing: the chain would not count the vote, and the height would have no other. Configure the chain alike where the message is made (tapstake fp chains set)`,
    { height, chain },
  );
}

function otherCommitment({ id, commitContext }: ChainConfig, range: CommittedContext): TapstakeError {
  const { startHeight, context } = range;
  const set = context === undefined ? "" : ` ${id} --contexts v3 --module-address …`;
  return new TapstakeError(
    "context-mismatch",
    `the commitment to heights ${startHeight} to ${lastOf(range)} has ${contextText(context)}, and ${id} has ${contextText(commitContext)} here. tapstake signed nothing: the chain would not count the vote, and the height would have no other. Configure the chain by its release (tapstake fp chains set${set}), or give --other-context if the release changed after the commitment`,
    { chain: id },
  );
}

function contextBesideNone(
  { id }: ChainConfig,
  range: CommittedContext,
  { height }: MessageVote,
): TapstakeError {
  return new TapstakeError(
    "context-mismatch",
    `the message for height ${height} must have no signing context, as the commitment to heights ${range.startHeight} to ${lastOf(range)} on ${id} has none. tapstake signed nothing: the chain would not count the vote, and the height would have no other. Make the message without a context, or give --other-context if the release changed after the commitment`,
    { height, chain: id },
  );
}

const contextText = (context: string | undefined): string =>
  context === undefined ? "no signing context" : `the signing context ${context} for commitments`;

function copyOf(message: unknown): Uint8Array {
  assertBytes(message, "message");
  // Not `slice`: for a Node Buffer, it shares the memory.
  return Uint8Array.from(message);
}
