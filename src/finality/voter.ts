import { equalBytes, hex, u64be } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { sha256 } from "../core/hashes.js";
import { eots } from "../crypto/eots.js";
import { assertChainConfig, type ChainConfig } from "../vote/chain.js";
import type { RefusalCode } from "../vote/vote.js";
import type { Arbiter, Claimed } from "./arbiter/arbiter.js";
import { otherArbiter, unclear } from "./arbiter/errors.js";
import { arbiterOf } from "./arbiter/state.js";
import type { UnlockedKey } from "./keys/keystore.js";
import {
  assertHeight,
  decide,
  type Decision,
  floorOf,
  UNCOMMITTED_LEAP,
  type Watermarks,
} from "./protection/decide.js";
import { locked, uninitialised } from "./protection/errors.js";
import { covers, type ProtectionStore, type VoteEntry } from "./protection/store.js";
import { pointOf, RandomnessCache } from "./randomness/cache.js";
import { type BlockVote, checkedRequests, type MessageVote, type RequestRules } from "./vote-requests.js";

/** What a `Voter` signs with. */
export interface VoterOptions {
  readonly key: UnlockedKey;
  readonly protection: ProtectionStore;
  readonly chain: ChainConfig;
  /** The last vote known on the chain: nothing at or below it is signed anew. */
  readonly chainHeight?: bigint | undefined;
  readonly cache?: RandomnessCache | undefined;
  /**
   * Signs other messages than votes too, and votes with another context. A caller that can name the message can then
   * have a transaction signed.
   */
  readonly anyMessage?: boolean | undefined;
  /**
   * Votes at heights whose commitment has another signing context than the chain, for a chain that changed its release
   * between commitment and vote. Otherwise the chain does not count such a vote, and the height cannot be voted for
   * again.
   */
  readonly otherContext?: boolean | undefined;
  /**
   * The reason for votes at heights that no known commitment covers, in words, such as "committed by another signer".
   * They may then be up to 100,000 heights above the last vote. Without a reason they are refused.
   */
  readonly uncommitted?: string | undefined;
  /**
   * Claims each vote before it is signed, for a key that several machines have. It must be the arbiter that the key is
   * bound to; the voter then answers {@link Voter.batchAsync} alone.
   */
  readonly arbiter?: Pick<Arbiter, "store" | "claim"> | undefined;
}

/** What a caller knows, for one call. */
export interface VoteOptions {
  /** The last vote known on the chain; it applies if it is higher than what the voter knows. */
  readonly chainHeight?: bigint | undefined;
  /**
   * Whether the caller no longer waits. A call that waits for its turn at the arbiter then claims nothing; a claim that
   * has begun is finished.
   */
  readonly isGivenUp?: (() => boolean) | undefined;
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
 * Votes of one key on one chain. Each vote is recorded before its signature is returned.
 *
 * Calls are synchronous, and the store belongs to one process, so nothing else runs in between the steps of a call:
 * prepare, sign, record, release (see docs/protection.md). A signature is verified before it is recorded.
 */
export class Voter {
  readonly #publicKey: Uint8Array;
  readonly chain: ChainConfig;
  readonly #key: UnlockedKey;
  readonly #keyPoint: Uint8Array;
  readonly #protection: ProtectionStore;
  readonly #cache: RandomnessCache;
  readonly #rules: Omit<RequestRules, "committed">;
  readonly #uncommitted: boolean;
  readonly #arbiter: VoterOptions["arbiter"];
  #chainHeight: bigint | undefined;
  #claiming: Promise<unknown> = Promise.resolve();

  /**
   * @throws TapstakeError `invalid-chain-id`, `invalid-argument`, `invalid-hex` for a chain configuration that breaks a
   * rule of {@link ChainConfig}; `key-mismatch` if the secret is not that of the public key; `arbiter-required` for a
   * key that is bound to an arbiter, and for an arbiter that the key is not bound to
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
      uncommitted,
      arbiter,
    } = options;
    const bound = arbiterOf(protection.home, key);
    if (bound !== arbiter?.store) throw otherArbiter(key.name, bound, arbiter?.store);
    if (uncommitted !== undefined) assertReason(uncommitted);
    assertChainConfig(chain);
    const keyPoint = pointOf(key.secretKey);
    if (!equalBytes(keyPoint.subarray(1), key.publicKey)) {
      const [expected, actual] = [key.publicKey, keyPoint.subarray(1)].map(hex.encode);
      throw new TapstakeError(
        "key-mismatch",
        `the secret key must be that of ${expected}, not that of ${actual}`,
      );
    }
    this.#publicKey = keyPoint.slice(1);
    this.chain = chain;
    this.#key = key;
    this.#keyPoint = keyPoint;
    this.#protection = protection;
    this.#cache = cache;
    this.#rules = { chain, anyMessage, otherContext };
    this.#uncommitted = uncommitted !== undefined;
    this.#arbiter = arbiter;
    if (chainHeight !== undefined) this.noteChainHeight(chainHeight);
  }

  /** X-only, 32 bytes: a copy. */
  get publicKey(): Uint8Array {
    return this.#publicKey.slice();
  }

  /**
   * Notes a vote known on the chain: from then on, nothing at or below its height is signed anew. A lower height has no
   * effect.
   */
  noteChainHeight(height: bigint): void {
    this.#chainHeight = higher(this.#chainHeight, height);
  }

  /**
   * Votes for a block. A refusal is an answer, not an error.
   * @throws TapstakeError `invalid-number`, `invalid-bytes`; `context-mismatch`; `protection-uninitialised`,
   * `protection-unwritable`, `protection-corrupt`, `protection-closed`; `self-check-failed`. Then no signature is
   * returned.
   */
  vote(vote: BlockVote, options?: VoteOptions): VoteResult {
    return this.batch([vote], options)[0]!;
  }

  /**
   * {@link Voter.vote} for a message in bytes.
   * @throws TapstakeError as `Voter.vote`, and `not-a-vote`
   */
  voteMessage(vote: MessageVote, options?: VoteOptions): VoteResult {
    return this.batch([vote], options)[0]!;
  }

  /**
   * Votes at many heights, recorded in one transaction. There is an answer for every vote, in the order of the list.
   * @throws TapstakeError `duplicate-height`, `not-a-vote`, `context-mismatch` before anything is signed, and as
   *   {@link Voter.vote}; `arbiter-required` for a voter with an arbiter
   */
  batch(votes: readonly (BlockVote | MessageVote)[], options: VoteOptions = {}): VoteResult[] {
    // Without an arbiter, this home is the only one that votes with the key.
    if (this.#arbiter) throw asksArbiter();
    return this.#release(this.#prepare(votes, options));
  }

  /**
   * {@link Voter.batch} for a voter with an arbiter or without one. Each vote that this home does not know is claimed
   * first, one call after the other. Votes that it knows need no arbiter, and wait for no claim.
   * @throws TapstakeError as `Voter.batch`, and as `Arbiter.claim`: an unclear answer of the arbiter releases nothing;
   *   `signer-stopping` for a call that was given up before its turn
   */
  async batchAsync(
    votes: readonly (BlockVote | MessageVote)[],
    options: VoteOptions = {},
  ): Promise<VoteResult[]> {
    const arbiter = this.#arbiter;
    if (!arbiter) return this.batch(votes, options);
    const requests = this.check(votes);
    const prepared = this.#prepare(requests, options);
    if (!prepared.some(isNew)) return this.#release(prepared);
    const work = this.#claiming.then(() => this.#batchClaimed(arbiter, requests, options));
    this.#claiming = work.catch(() => undefined);
    return work;
  }

  async #batchClaimed(
    arbiter: NonNullable<VoterOptions["arbiter"]>,
    requests: readonly MessageVote[],
    options: VoteOptions,
  ): Promise<VoteResult[]> {
    if (options.isGivenUp?.() === true) throw givenUp();
    const wanted = this.#prepare(requests, options).filter(isNew);
    const keyChain = { key: this.#publicKey, chainId: this.chain.id };
    const claimed = wanted.length === 0 ? [] : await arbiter.claim(keyChain, wanted);
    const found = new Map(wanted.map(({ height }, i) => [height, claimed[i]]));
    // Other calls may have changed what this home knows meanwhile, so it decides again. From here on, nothing waits.
    const prepared = this.#prepare(requests, options);
    return this.#release(prepared.map((vote) => afterClaim(vote, found.get(vote.height))));
  }

  /** Steps 2 to 4: sign, record, release. */
  #release(prepared: readonly PreparedVote[]): VoteResult[] {
    const signed = prepared.map((vote) => this.#sign(vote));
    this.#record(signed);
    return signed.map(release);
  }

  /** Step 1: the messages, and what is decided of each by what this home knows. Nothing is signed or written. */
  #prepare(
    votes: readonly (BlockVote | MessageVote)[],
    { chainHeight: stated }: VoteOptions,
  ): PreparedVote[] {
    const chainHeight = higher(this.#chainHeight, stated);
    const requests = this.check(votes);
    if (requests.length === 0) return [];
    const watermarks = this.#watermarks();
    const uncommittedUpTo = this.#uncommitted ? reachOf(watermarks) : undefined;
    const committed = this.#protection.committed(this.#publicKey, this.chain.id);
    const heights = requests.map(({ height }) => height);
    const records = this.#protection.recordsAt(this.#publicKey, this.chain.id, heights);
    return requests.map(({ height, message }) => {
      const digest = sha256(message);
      const record = records.get(height) ?? null;
      const isCommitted = committed.some((range) => covers(range, height));
      const known = { height, digest, record, watermarks, chainHeight, isCommitted, uncommittedUpTo };
      return { height, message, digest, decision: decide(known) };
    });
  }

  /** Step 2: the signature of a vote that may be signed, in memory alone, and verified. */
  #sign({ height, message, digest, decision }: PreparedVote): SignedVote {
    if (decision.kind === "refused") return { result: { height, ...decision } };
    const { secret, point } = this.#cache.pair(this.#key, this.chain.id, height);
    const publicRandomness = point.slice(1);
    try {
      if (decision.kind === "same") {
        return { result: this.#again(height, message, decision.signature, publicRandomness) };
      }
      const points = { keyPoint: this.#keyPoint, randomnessPoint: point };
      const signature = eots.signKnown(this.#key.secretKey, secret, message, points);
      const result = { height, kind: "new", signature: signature.slice(), publicRandomness } as const;
      return { result, entry: { height, digest, signature } };
    } finally {
      secret.fill(0);
    }
  }

  /** Step 3: what was signed now is on the disk, in one write, before anything is released. */
  #record(signed: readonly SignedVote[]): void {
    const entries = signed.flatMap(({ entry }) => entry ?? []);
    if (entries.length > 0) this.#protection.append(this.#publicKey, this.chain.id, entries);
  }

  /**
   * Checks the messages of some votes, for a caller that signs a long list in parts and wants it refused as a whole.
   * @throws TapstakeError the errors of {@link Voter.batch} that do not depend on earlier votes
   */
  check(votes: readonly (BlockVote | MessageVote)[]): MessageVote[] {
    const committed = () => this.#protection.committed(this.#publicKey, this.chain.id);
    return checkedRequests(votes, { ...this.#rules, committed });
  }

  #watermarks(): Watermarks {
    const { id } = this.chain;
    const { home } = this.#protection;
    const watermarks = this.#protection.watermarks(this.#publicKey, id);
    if (!watermarks) throw uninitialised(home, this.#publicKey, id);
    if (!watermarks.locked) return watermarks;
    throw locked(home, { key: this.#publicKey, chainId: id }, watermarks.retired === true);
  }

  /**
   * The remembered signature, if it verifies under this key's randomness. An imported one may not, and a faulty machine
   * may have recorded a signature that its check then withheld.
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

/** A vote, and what may be done with it. */
interface PreparedVote extends MessageVote {
  /** SHA-256 of the message. */
  readonly digest: Uint8Array;
  readonly decision: Decision;
}

/** What a vote's answer will be once it is recorded. */
interface SignedVote {
  readonly result: VoteResult;
  /** What to record: for a vote that was signed now. */
  readonly entry?: VoteEntry;
}

const isNew = ({ decision }: PreparedVote): boolean => decision.kind === "new";

/** What may be done with a vote once the arbiter has answered: both must allow a new one. */
function afterClaim(vote: PreparedVote, claimed: Claimed | undefined): PreparedVote {
  if (vote.decision.kind !== "new") return vote;
  if (claimed?.kind === "refused") return { ...vote, decision: claimed };
  if (claimed?.kind === "new" || claimed?.kind === "same") return vote;
  throw unclear(`height ${vote.height} was not claimed`);
}

/** Step 4: the answer leaves. */
const release = ({ result }: SignedVote): VoteResult => result;

/** The highest height for a vote without a known commitment. */
const reachOf = (watermarks: Watermarks): bigint => floorOf(watermarks) + UNCOMMITTED_LEAP;

function assertReason(reason: string): void {
  if (typeof reason === "string" && reason.trim() !== "") return;
  const text = "the reason for votes without a known commitment must be given in words: it is empty";
  throw new TapstakeError("invalid-argument", text);
}

const asksArbiter = (): TapstakeError =>
  new TapstakeError("arbiter-required", "this voter asks an arbiter first: call batchAsync");

const givenUp = (): TapstakeError =>
  new TapstakeError("signer-stopping", "the request was given up before its turn at the arbiter");

/** The higher of two chain heights, or the one that is known. */
function higher(known: bigint | undefined, stated: bigint | undefined): bigint | undefined {
  if (stated === undefined) return known;
  u64be(stated, "chain height");
  assertHeight(stated, "chain height");
  return known === undefined || stated > known ? stated : known;
}
