import { setImmediate as pause } from "node:timers/promises";
import { equalBytes, hex, u64be } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { merkle } from "../crypto/merkle.js";
import { schnorr } from "../crypto/schnorr.js";
import { hashesIn, xOnly } from "../derivation/block.js";
import { deriveRange } from "../derivation/derive.js";
import type { MultiplesReport } from "../derivation/multiples.js";
import { MAX_CLAIMED } from "../finality/arbiter/claim.js";
import { arbiterOf } from "../finality/arbiter/state.js";
import { loadChains } from "../finality/chains.js";
import type { Home } from "../finality/home.js";
import type { UnlockedKey } from "../finality/keys/keystore.js";
import type { Protection } from "../finality/protection/protection.js";
import { covers, lastOf, overlap } from "../finality/protection/store.js";
import { RandomnessCache } from "../finality/randomness/cache.js";
import type { MessageVote } from "../finality/vote-requests.js";
import { type VoteOptions, Voter, type VoterOptions, type VoteResult } from "../finality/voter.js";
import { assertChainId, type ChainConfig, chainIdOf } from "../vote/chain.js";
import { MAX_BATCH, tooManyVotes } from "./counts.js";
import type { CallContext, Facts } from "./handlers.js";
import type { KeyRing } from "./key-ring.js";
import { type Metrics, REFUSED_TOGETHER } from "./metrics.js";
import { type SignableCommitment, SignableDigests } from "./signable-digests.js";

/**
 * The most heights of one answer: 100,000 points are 3.4 MB, and gRPC clients accept 4 MB by default. No other answer
 * comes near that, so only this one has a limit.
 */
export const MAX_RANDOMNESS = 100_000;

/** Requests for so few heights do not wait for others: they take a few milliseconds. */
const DERIVED_AT_ONCE = 32;
/** So many that one write for them costs nothing beside their curve operations; an arbiter takes them in two claims. */
const SIGNED_AT_ONCE = 2 * MAX_CLAIMED;

/** The most overlaps that an answer lists: metadata is bounded. */
const OVERLAPS_TOLD = 20;

/** The most pairs of key and chain in memory: a caller can name any number of chains. */
const MAX_VOTERS = 256;

const UNCOVERED =
  "no commitment that is stored here covers the height of this vote. A store that protection init began anew has lost " +
  "the commitments of the old one. Commit to the same heights again (tapstake fp commit), which gives the same roots, or " +
  "import an export. To vote without it, start the signer with --uncommitted. The log says this once for each key and " +
  "chain until the signer starts again";

interface SignerParts {
  readonly home: Home;
  readonly keys: KeyRing;
  readonly protection: Protection;
  readonly metrics: Metrics;
  readonly popAddresses: readonly string[];
  readonly openSchnorr: boolean;
  readonly openMessages: boolean;
  /** Derives randomness by libsecp256k1 alone. */
  readonly constantTime: boolean;
  /** Reports which implementations computed points, and whether a result was wrong. */
  readonly onReport: (report: MultiplesReport) => void;
  /** Logs a message for the operator. */
  readonly warn: (facts: Facts, text: string) => void;
  readonly chainHeights: ReadonlyMap<string, bigint>;
  /** Chains whose votes are signed even if the commitment has another signing context. */
  readonly otherContexts: ReadonlySet<string>;
  /** By chain: why votes outside every stored commitment are signed. */
  readonly uncommitted: ReadonlyMap<string, string>;
  /** Of the keys that are bound to one. */
  readonly arbiter?: VoterOptions["arbiter"];
}

/** A signature of a digest, and the meaning of the digest. */
interface Signed {
  readonly signature: Uint8Array;
  readonly meaning: string;
  /** Earlier commitments to some of its heights, as `from-to` with commas between. */
  readonly overlaps?: string | undefined;
}

/** The daemon's services for its callers, without the transport. */
export class Signer {
  readonly #voters = new Map<string, Voter>();
  /** Callers ask for the randomness of a height before they ask for the vote there. */
  readonly #cache = new RandomnessCache();
  readonly #chains: ReadonlyMap<string, ChainConfig>;
  readonly #signable: SignableDigests;
  /** Keys and chains for which the log already says that no stored commitment covers a vote. */
  readonly #uncovered = new Set<string>();
  #deriving: Promise<unknown> = Promise.resolve();

  /** @throws TapstakeError `invalid-address`, `invalid-chain-id`, `invalid-number`, and as `loadChains` */
  constructor(private readonly parts: SignerParts) {
    this.#chains = loadChains(parts.home);
    for (const [id, height] of parts.chainHeights) {
      assertChainId(id);
      u64be(height, `chain height of ${id}`);
    }
    this.#signable = new SignableDigests(parts.popAddresses, this.#chains.values());
  }

  /** Those of some chains that are not configured, and that no caller has used so far: their names may be mistyped. */
  unheardOf(chains: Iterable<string>): string[] {
    const { protection } = this.parts;
    const all = [...protection.keyChains(), ...protection.committers()];
    const known = new Set(all.map(({ chainId }) => chainId));
    return [...chains].filter((id) => !known.has(id) && !this.#chains.has(id));
  }

  /** Sets the metrics of an unlocked key: its high watermark on each chain, 0 if it never voted there. */
  showHeights(uid: Uint8Array): void {
    for (const { key, chainId, highWatermark } of this.parts.protection.keyChains()) {
      if (equalBytes(key, uid)) this.#showHeight(key, chainId, highWatermark);
    }
  }

  /**
   * One vote, durable before it is returned. A refusal is a result too. A key that is bound to an arbiter claims it there.
   * @throws TapstakeError as `Voter.batchAsync`
   */
  async vote(
    uid: Uint8Array,
    chainId: Uint8Array,
    vote: MessageVote,
    options: VoteOptions,
  ): Promise<VoteResult> {
    try {
      const { voter, key, chain } = this.#voter(uid, chainId);
      const results = await voter.batchAsync([vote], options);
      this.#count(key, chain, results);
      return results[0]!;
    } catch (error) {
      this.#countRefused(error, 1);
      throw error;
    }
  }

  /**
   * A result for every height of a batch. The whole batch is refused if a height is there twice, or has a commitment
   * with another signing context than the chain's. It is also refused if a message is not a vote, or has another
   * signing context.
   * @throws TapstakeError `duplicate-height`, `not-a-vote`, `context-mismatch`, `invalid-number`, and the codes of what
   * keeps every height from being signed. What was signed before it is recorded, and the same when it is asked for again.
   */
  async batch(
    uid: Uint8Array,
    chainId: Uint8Array,
    votes: readonly MessageVote[],
    options: VoteOptions,
  ): Promise<VoteResult[]> {
    const results: VoteResult[] = [];
    try {
      const { voter, key, chain } = this.#voter(uid, chainId);
      if (votes.length > MAX_BATCH) throw tooManyVotes(votes.length);
      voter.check(votes);
      for (let i = 0; i < votes.length; i += SIGNED_AT_ONCE) {
        if (i > 0) await pause();
        const part = votes.slice(i, i + SIGNED_AT_ONCE);
        const signed = await voter.batchAsync(part, options);
        this.#count(key, chain, signed);
        results.push(...signed);
      }
      return results;
    } catch (error) {
      this.#countRefused(error, votes.length - results.length);
      throw error;
    }
  }

  /**
   * Public randomness of `count` heights from `start`, `interval` apart. Long ranges are derived one at a time. Votes,
   * and requests no longer than one step, do not wait for them.
   * @param cancelled whether the caller no longer waits for the answer
   */
  randomness(
    uid: Uint8Array,
    chainId: Uint8Array,
    range: { start: bigint; count: number; interval: bigint },
    cancelled: () => boolean,
  ): Promise<Uint8Array[]> {
    const chain = this.#chain(chainId);
    assertRange(range);
    const derive = () => this.#derive(uid, chain, range, cancelled);
    if (range.count <= DERIVED_AT_ONCE) return derive();
    const mine = this.#deriving.then(derive);
    this.#deriving = mine.catch(() => {});
    return mine;
  }

  /**
   * @param options.refuseOverlap refuses a commitment that overlaps an earlier one
   * @param options.mayCommit refuses a caller, once the chain of the digest is known
   * @throws TapstakeError `not-permitted` for a digest that is not this signer's own, `commitment-overlap`
   */
  schnorr(
    uid: Uint8Array,
    digest: Uint8Array,
    { refuseOverlap, mayCommit }: Pick<CallContext, "refuseOverlap" | "mayCommit">,
  ): Signed {
    const key = this.parts.keys.get(uid);
    if (digest.length !== 32) {
      throw new TapstakeError("invalid-bytes", `msg must be a digest of 32 bytes, not ${digest.length}`);
    }
    const signable = this.#signable.find(uid, digest);
    if (signable === undefined && !this.parts.openSchnorr) {
      throw new TapstakeError(
        "not-permitted",
        "this signer signs only digests that it computed itself: a commitment to randomness that it handed out " +
          "since its start (ask for the randomness again), with the signing context and the least count that its " +
          "configuration of the chain has, or a proof of possession for an address given with " +
          "--pop-address; any other digest could be a slashing transaction's",
      );
    }
    const commitment = signable?.commitment;
    mayCommit(uid, commitment?.chainId);
    const overlaps = commitment && this.#overlaps(uid, commitment);
    if (refuseOverlap && overlaps !== undefined) {
      throw new TapstakeError(
        "commitment-overlap",
        `this signer committed to ${overlaps} before, which have heights of this commitment: a chain accepts one per height`,
        { overlaps },
      );
    }
    const signature = schnorr.sign(key.secretKey, digest);
    if (!signable) return { signature, meaning: "any digest (--open-schnorr)" };
    const { meaning } = signable;
    if (!commitment) return { signature, meaning };
    this.#keep(uid, commitment, signature);
    this.#signable.noteSigned(uid, digest);
    return { signature, meaning, overlaps };
  }

  /** Other commitments to some of the same heights; they may be on the chain or not. */
  #overlaps(key: Uint8Array, commitment: SignableCommitment): string | undefined {
    const { chainId, root, context } = commitment;
    const earlier = [
      ...this.#signable.signed(key, chainId),
      ...this.parts.protection.commitments(key, chainId),
      ...this.parts.protection.overlapping(key, chainId),
    ]
      // Under another context, the root is the same and the commitment is another one.
      .filter(
        (other) => !(equalBytes(other.root, root) && other.context === context) && overlap(other, commitment),
      )
      .sort((a, b) => (a.startHeight < b.startHeight ? -1 : 1));
    const ranges = new Set(earlier.map((other) => `${other.startHeight}-${lastOf(other)}`));
    return ranges.size === 0 ? undefined : [...ranges].slice(0, OVERLAPS_TOLD).join(",");
  }

  /** Stores a commitment if there is none: proofs and warnings are made from what is stored. */
  #keep(key: Uint8Array, commitment: SignableCommitment, signature: Uint8Array): void {
    const { chainId, isContiguous, ...kept } = commitment;
    const { protection } = this.parts;
    // Also true if the store has this very commitment.
    const isTaken = protection.committed(key, chainId).some((other) => overlap(other, commitment));
    if (!isContiguous || isTaken) return;
    const madeFor = this.parts.keys.get(key).store;
    protection.addCommitment(key, chainId, { ...kept, signature, madeFor });
  }

  async #derive(
    uid: Uint8Array,
    chain: ChainConfig,
    { start, count, interval }: { start: bigint; count: number; interval: bigint },
    cancelled: () => boolean,
  ): Promise<Uint8Array[]> {
    const { keys, metrics, constantTime, onReport } = this.parts;
    const assertWanted = () => {
      if (cancelled()) throw new TapstakeError("signer-stopping", "the request was given up before its end");
    };
    assertWanted();
    const points: Uint8Array[] = [];
    const subtrees: Uint8Array[] = [];
    const key = keys.get(uid);
    const heightOf = (i: number) => start + BigInt(i) * interval;
    if (count <= DERIVED_AT_ONCE) {
      for (let i = 0; i < count; i++) {
        const { secret, point } = this.#cache.pair(key, chain.id, heightOf(i));
        secret.fill(0);
        points.push(point.slice(1));
      }
      subtrees.push(merkle.root(points));
    } else {
      const range = { secretKey: key.secretKey, chainId: chain.id, start, count, interval };
      // One thread, so that votes have the other processor.
      const report = await deriveRange(range, { constantTime, maxThreads: 1 }, (block) => {
        assertWanted();
        // The key may have been locked meanwhile.
        keys.get(uid);
        this.#cache.setAll(uid, chain.id, heightOf(block.first), block.points, interval);
        points.push(...xOnly(block.points));
        subtrees.push(...hashesIn(block.subtrees));
      });
      onReport(report);
    }
    metrics.randomnessDerived.inc(count);
    this.#signable.served({ key: uid, chain, start, interval, count, subtrees });
    return points;
  }

  #voter(uid: Uint8Array, chainId: Uint8Array): { voter: Voter; key: UnlockedKey; chain: ChainConfig } {
    const key = this.parts.keys.get(uid);
    const chain = this.#chain(chainId);
    const id = `${hex.encode(uid)}/${chain.id}`;
    const voter = this.#voters.get(id) ?? this.#newVoter(key, chain);
    // The least recently used one is dropped first.
    this.#voters.delete(id);
    this.#voters.set(id, voter);
    if (this.#voters.size > MAX_VOTERS) this.#voters.delete(this.#voters.keys().next().value!);
    return { voter, key, chain };
  }

  #newVoter(key: UnlockedKey, chain: ChainConfig): Voter {
    const { protection, openMessages: anyMessage, chainHeights, otherContexts } = this.parts;
    const otherContext = otherContexts.has(chain.id);
    const chainHeight = chainHeights.get(chain.id);
    const uncommitted = this.parts.uncommitted.get(chain.id);
    const cache = this.#cache;
    const arbiter = arbiterOf(protection.home, key) === undefined ? undefined : this.parts.arbiter;
    const stated = { chainHeight, anyMessage, otherContext, uncommitted };
    return new Voter({ key, chain, protection, cache, arbiter, ...stated });
  }

  #chain(chainId: Uint8Array): ChainConfig {
    const id = chainIdOf(chainId);
    return this.#chains.get(id) ?? { id, minCount: 1 };
  }

  #count({ publicKey }: UnlockedKey, { id }: ChainConfig, results: readonly VoteResult[]): void {
    const { metrics, protection } = this.parts;
    for (const result of results) {
      metrics.signatures.inc({ outcome: result.kind, code: result.kind === "refused" ? result.code : "" });
    }
    this.#showHeight(publicKey, id, protection.watermarks(publicKey, id)?.highWatermark);
    this.#warnOfUncovered(publicKey, id, results);
  }

  /** Logs once for each key and chain that no stored commitment covers a height that a vote was asked for. */
  #warnOfUncovered(publicKey: Uint8Array, chain: string, results: readonly VoteResult[]): void {
    const key = hex.encode(publicKey);
    const id = `${key}/${chain}`;
    if (this.#uncovered.has(id)) return;
    const committed = this.parts.protection.committed(publicKey, chain);
    const vote = results.find((result) =>
      result.kind === "refused"
        ? result.code === "no-commitment"
        : !committed.some((range) => covers(range, result.height)),
    );
    if (!vote) return;
    this.#uncovered.add(id);
    this.parts.warn({ key, chain, height: `${vote.height}`, code: "no-commitment" }, UNCOVERED);
  }

  /** Counts a refusal for each height of a call that was refused as a whole. */
  #countRefused(error: unknown, heights: number): void {
    if (!(error instanceof TapstakeError) || !REFUSED_TOGETHER.has(error.code)) return;
    this.parts.metrics.signatures.inc({ outcome: "refused", code: error.code }, heights);
  }

  #showHeight(key: Uint8Array, chain: string, highWatermark: bigint | null | undefined): void {
    this.parts.metrics.lastHeight.set({ key: hex.encode(key), chain }, Number(highWatermark ?? 0n));
  }
}

function assertRange({ start, count, interval }: { start: bigint; count: number; interval: bigint }): void {
  if (count < 1 || count > MAX_RANDOMNESS) {
    const text = `num must be 1 to ${MAX_RANDOMNESS} heights, not ${count}: ask for them in parts`;
    throw new TapstakeError("invalid-number", text, { num: count });
  }
  u64be(start + BigInt(count - 1) * interval, "last height");
}
