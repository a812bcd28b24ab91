import { assertBytes, equalBytes, hex, u64be } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { sha256 } from "../core/hashes.js";
import { eots } from "../crypto/eots.js";
import { assertChainConfig, type ChainConfig } from "../vote/chain.js";
import { contextBytes, isVoteMessage, voteMessage } from "../vote/messages.js";
import type { RefusalCode } from "../vote/vote.js";
import type { UnlockedKey } from "./keys/keystore.js";
import { decide, type Watermarks } from "./protection/decide.js";
import { locked, tooManyChains, uninitialised } from "./protection/errors.js";
import {
  type CommittedContext,
  covers,
  lastOf,
  type ProtectionStore,
  type VoteEntry,
} from "./protection/store.js";
import { pointOf, RandomnessCache } from "./randomness/cache.js";

/** What a `Voter` signs with. */
export interface VoterOptions {
  readonly key: UnlockedKey;
  readonly protection: ProtectionStore;
  readonly chain: ChainConfig;
  /** The last vote known on the chain: nothing at or below it is signed anew. */
  readonly chainHeight?: bigint | undefined;
  readonly cache?: RandomnessCache | undefined;
  /** Signs messages that are no votes too, or have another context: whoever may name the message can then have a transaction signed. */
  readonly anyMessage?: boolean | undefined;
  /**
   * Votes at heights whose commitment has another signing context than the chain: for a chain that changed its release
   * between the commitment and the vote. The chain counts no such vote otherwise, and the height is used up.
   */
  readonly otherContext?: boolean | undefined;
}

/** What a caller knows, for one call. */
export interface VoteOptions {
  /** The last vote known on the chain; it counts where it is higher than what the voter knows itself. */
  readonly chainHeight?: bigint | undefined;
}

/** A vote for a block: the message is made here, with the chain's signing context. */
export interface BlockVote {
  readonly height: bigint;
  /** 32 bytes. */
  readonly appHash: Uint8Array;
}

/** A vote whose message somebody else has made. Where the chain is configured with a context, it has that one. */
export interface MessageVote {
  readonly height: bigint;
  /** All of it, signing context included: `[context] ‖ u64be(height) ‖ 32 bytes` (PROTOCOL 6). */
  readonly message: Uint8Array;
}

/** What became of one vote: signed now, signed before, or refused. */
export type VoteResult =
  | {
      readonly height: bigint;
      readonly kind: "new" | "same";
      /** 32 bytes. */
      readonly signature: Uint8Array;
      /** X-only. */
      readonly publicRandomness: Uint8Array;
    }
  | {
      readonly height: bigint;
      readonly kind: "refused";
      readonly code: RefusalCode;
      readonly message: string;
    };

/**
 * Votes of one key on one chain, each recorded before its signature is handed out.
 *
 * Calls are synchronous, and the store belongs to one process, so that from the look-up to the record nothing else
 * runs: look up, decide, sign in memory, write to the store, write to the watermark log, hand out (see
 * docs/protection.md). A signature is verified before it is recorded.
 */
export class Voter {
  readonly #publicKey: Uint8Array;
  readonly chain: ChainConfig;
  readonly #key: UnlockedKey;
  readonly #keyPoint: Uint8Array;
  readonly #protection: ProtectionStore;
  readonly #cache: RandomnessCache;
  readonly #anyMessage: boolean;
  readonly #otherContext: boolean;
  #chainHeight: bigint | undefined;

  /**
   * @throws TapstakeError `invalid-chain-id`, `invalid-argument`, `invalid-hex` for a chain configuration that breaks a
   *   rule of {@link ChainConfig}; `key-mismatch` when the secret is not that of the public key
   */
  constructor(options: VoterOptions) {
    const {
      key,
      protection,
      chain,
      chainHeight,
      cache = new RandomnessCache(),
      anyMessage = false,
      otherContext = false,
    } = options;
    assertChainConfig(chain);
    const keyPoint = pointOf(key.secretKey);
    if (!equalBytes(keyPoint.subarray(1), key.publicKey)) {
      const [expected, actual] = [key.publicKey, keyPoint.subarray(1)].map(hex.encode);
      throw new TapstakeError("key-mismatch", `expected the secret of ${expected}, got that of ${actual}`);
    }
    this.#publicKey = keyPoint.slice(1);
    this.chain = chain;
    this.#key = key;
    this.#keyPoint = keyPoint;
    this.#protection = protection;
    this.#cache = cache;
    this.#anyMessage = anyMessage;
    this.#otherContext = otherContext;
    if (chainHeight !== undefined) this.noteChainHeight(chainHeight);
  }

  /** X-only, 32 bytes: a copy. */
  get publicKey(): Uint8Array {
    return this.#publicKey.slice();
  }

  /** Tells of a vote known on the chain: from now on nothing at or below its height is signed anew. Only raises. */
  noteChainHeight(height: bigint): void {
    this.#chainHeight = higher(this.#chainHeight, height);
  }

  /**
   * Votes for a block. A refusal is an answer and no error.
   * @throws TapstakeError `invalid-number`, `invalid-bytes`; `context-mismatch`; `protection-uninitialised`, `too-many-chains`,
   *   `protection-unwritable`, `protection-corrupt`, `protection-closed`; `self-check-failed`. No signature leaves then.
   */
  vote(vote: BlockVote, options?: VoteOptions): VoteResult {
    return this.batch([vote], options)[0]!;
  }

  /** {@link Voter.vote} for a message as it is. @throws TapstakeError `not-a-vote` too */
  voteMessage(vote: MessageVote, options?: VoteOptions): VoteResult {
    return this.batch([vote], options)[0]!;
  }

  /**
   * Votes at many heights, recorded in one transaction. There is an answer for every vote, in the order of the list.
   * @throws TapstakeError `duplicate-height`, `not-a-vote`, `context-mismatch` before anything is signed, and as
   *   {@link Voter.vote}
   */
  batch(votes: readonly (BlockVote | MessageVote)[], { chainHeight: told }: VoteOptions = {}): VoteResult[] {
    const chainHeight = higher(this.#chainHeight, told);
    const requests = this.check(votes).map((vote) => ({ ...vote, digest: sha256(vote.message) }));
    if (requests.length === 0) return [];
    const watermarks = this.#watermarks();
    const heights = requests.map(({ height }) => height);
    const records = this.#protection.recordsAt(this.#publicKey, this.chain.id, heights);
    const entries: VoteEntry[] = [];
    const results = requests.map(({ height, message, digest }): VoteResult => {
      const record = records.get(height) ?? null;
      const decision = decide({ height, digest, record, watermarks, chainHeight });
      if (decision.kind === "refused") return { height, ...decision };
      const { secret, point } = this.#cache.pair(this.#key, this.chain.id, height);
      const publicRandomness = point.slice(1);
      try {
        if (decision.kind === "same") {
          return this.#again(height, message, decision.signature, publicRandomness);
        }
        const points = { keyPoint: this.#keyPoint, randomnessPoint: point };
        const signature = eots.signKnown(this.#key.secretKey, secret, message, points);
        entries.push({ height, digest, signature });
        return { height, kind: "new", signature: signature.slice(), publicRandomness };
      } finally {
        secret.fill(0);
      }
    });
    if (entries.length > 0) this.#protection.append(this.#publicKey, this.chain.id, entries);
    return results;
  }

  /**
   * The messages of some votes, for a caller that signs a long list in parts and wants it refused as a whole.
   * @throws TapstakeError what {@link Voter.batch} does before it looks at what was signed
   */
  check(votes: readonly (BlockVote | MessageVote)[]): MessageVote[] {
    const read = votes.map((vote) => this.#read(vote));
    refuseDuplicates(read);
    if (!this.#otherContext && read.length > 0) this.#refuseOtherCommitment(read);
    return read;
  }

  #read(vote: BlockVote | MessageVote): MessageVote {
    const { height } = vote;
    u64be(height, "height");
    // A copy: whoever holds the caller's bytes could change them between the digest and the signature.
    const message =
      "message" in vote
        ? copyOf(vote.message)
        : voteMessage({
            height,
            appHash: vote.appHash,
            ...(this.chain.voteContext !== undefined && { context: this.chain.voteContext }),
          });
    if (this.#anyMessage) return { height, message };
    if (!isVoteMessage(message, height)) throw notAVote(height, message);
    const { id, voteContext } = this.chain;
    if (voteContext !== undefined && !equalBytes(message.subarray(0, 64), contextBytes(voteContext))) {
      throw otherMessage(id, voteContext, { height, message });
    }
    return { height, message };
  }

  /** The chain takes votes of one release, and one that it does not count uses the height up all the same. */
  #refuseOtherCommitment(votes: readonly MessageVote[]): void {
    for (const range of this.#protection.committed(this.#publicKey, this.chain.id)) {
      if (range.context !== this.chain.commitContext) {
        if (votes.some(({ height }) => covers(range, height))) throw otherCommitment(this.chain, range);
      } else if (range.context === undefined && !this.#anyMessage) {
        // A chain without contexts takes a message with one where nothing says which form counts: here something does.
        const other = votes.find(
          ({ height, message }) => message.length > BARE_VOTE && covers(range, height),
        );
        if (other) throw contextBesideNone(this.chain, range, other);
      }
    }
  }

  #watermarks(): Watermarks {
    const { id } = this.chain;
    this.#protection.applyProvenance(this.#publicKey);
    const watermarks = this.#protection.watermarks(this.#publicKey, id);
    if (watermarks?.locked) throw locked(this.#protection.home, this.#publicKey, id);
    if (watermarks) return watermarks;
    if (this.#key.origin === "generated" && this.#protection.isGeneratedHere(this.#publicKey)) {
      this.#mayBegin();
      return this.#protection.init(this.#publicKey, id, 0n);
    }
    throw uninitialised(this.#protection.home, this.#publicKey, id);
  }

  /** Whoever may ask for votes can name any number of chains, and each is remembered for good. */
  #mayBegin(): void {
    const begun = this.#protection.keyChains().filter(({ key }) => equalBytes(key, this.#publicKey)).length;
    if (begun >= MAX_BEGUN) throw tooManyChains(this.#protection.home, this.#publicKey, this.chain.id, begun);
  }

  /**
   * The remembered signature, unless it is none under this key's randomness: an import brings what it brings, and a
   * faulty machine may have recorded a signature that its check then withheld.
   */
  #again(
    height: bigint,
    message: Uint8Array,
    signature: Uint8Array,
    publicRandomness: Uint8Array,
  ): VoteResult {
    if (eots.verify(this.#publicKey, publicRandomness, message, signature)) {
      return { height, kind: "same", signature: Uint8Array.from(signature), publicRandomness };
    }
    return {
      height,
      kind: "refused",
      code: "unknown-earlier-vote",
      message: `this message is recorded as signed at height ${height}, and the recorded signature does not verify under this key's randomness: another program signed it, or this machine computed wrongly`,
    };
  }
}

/** Bytes of a vote's message without a signing context (PROTOCOL 6). */
const BARE_VOTE = 40;

/** Chains that a key has before it begins no other one by itself. */
const MAX_BEGUN = 100;

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

function notAVote(height: bigint, { length }: Uint8Array): TapstakeError {
  return new TapstakeError(
    "not-a-vote",
    `the message for height ${height} is not a vote at that height: expected an optional signing context of 64 lower-case hexadecimal characters, the height in 8 bytes and a hash of 32 bytes, got ${length} bytes. tapstake signed nothing: another message could be a transaction`,
    { height },
  );
}

function otherMessage(chain: string, expected: string, { height, message }: MessageVote): TapstakeError {
  const actual = message.length > 64 ? new TextDecoder().decode(message.subarray(0, 64)) : "none";
  return new TapstakeError(
    "context-mismatch",
    `the message for height ${height}: expected the signing context ${expected}, which this signer has configured for votes on ${chain}, got ${actual}; tapstake signed nothing: the chain would not count the vote, and the height would have no other. Configure the chain alike where the message is made (tapstake fp chains set)`,
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
    `the message for height ${height}: expected no signing context, as the commitment to heights ${range.startHeight} to ${lastOf(range)} on ${id} has none. tapstake signed nothing: the chain would not count the vote, and the height would have no other. Make the message without a context, or give --other-context if the release changed after the commitment`,
    { height, chain: id },
  );
}

const contextText = (context: string | undefined): string =>
  context === undefined ? "no signing context" : `the signing context ${context} for commitments`;

/** The higher of two chain heights, where one is known. */
function higher(known: bigint | undefined, told: bigint | undefined): bigint | undefined {
  if (told === undefined) return known;
  u64be(told, "chain height");
  return known === undefined || told > known ? told : known;
}

function copyOf(message: unknown): Uint8Array {
  assertBytes(message, "message");
  // Not `slice`, which of a Node Buffer shares its memory.
  return Uint8Array.from(message);
}
