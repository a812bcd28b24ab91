import { max, min } from "../../core/amount.js";
import { equalBytes, hex, u64be, utf8 } from "../../core/bytes.js";
import { describeType, TapstakeError } from "../../core/errors.js";
import { assertChainId } from "../../vote/chain.js";
import type { Home } from "../home.js";
import {
  assertHeight,
  floorOf,
  MAX_HEIGHT,
  type StoredWatermarks,
  type VoteRecord,
  type Watermarks,
} from "./decide.js";
import { beginsByFile, type Floor, tooManyChains } from "./errors.js";
import { interchangeText } from "./export.js";
import { mergeKeyChain, previewImport } from "./import.js";
import { type ImportOptions, type ImportReport, type Interchange, parseInterchange } from "./interchange.js";
import { keyChainName, type KeyChainState } from "./key-chain.js";
import {
  type CommittedContext,
  lastOf,
  type NewCommitment,
  type Protection,
  refuseOverlap,
  type StoredCommitment,
  type StoredKeyChain,
  type StoredVote,
  type VoteEntry,
} from "./store.js";
import type { Tables, Writer } from "./tables.js";
import { type Attached, loggedOf, Transactions } from "./transactions.js";
import type { LoggedWatermarks } from "./watermark-log.js";

/** The store in SQLite: which changes of its {@link Tables} are permitted. */
export class SqliteStore implements Protection {
  readonly home: Home;
  readonly instance: string;
  readonly #tables: Tables;
  readonly #transactions: Transactions;

  /**
   * Opens a store, and checks every byte that has a meaning.
   * @throws DatabaseFault
   */
  constructor(home: Home, instance: string, path: string = home.protectionFile) {
    this.home = home;
    this.instance = instance;
    this.#transactions = new Transactions(home, path);
    this.#tables = this.#transactions.tables;
  }

  /** Gives the store what it also needs. */
  attach(attached: Attached): void {
    this.#transactions.attach(attached);
  }

  get storeId(): string {
    return this.#tables.storeId;
  }

  get seq(): number {
    return this.#tables.seq;
  }

  get failed(): boolean {
    return this.#transactions.failed;
  }

  /** The watermarks of everything, as the watermark log keeps them. */
  allWatermarks(): LoggedWatermarks[] {
    return [...this.#tables.keyChains.values()].map((known) => loggedOf(known, this.seq));
  }

  keyChains(): StoredKeyChain[] {
    return this.#transactions.read(() =>
      [...this.#tables.keyChains.values()].map(({ key, chainId, heights, ...known }) => ({
        key: Uint8Array.from(key),
        chainId,
        ...watermarksOf(known),
        votes: heights.size,
      })),
    );
  }

  watermarks(key: Uint8Array, chainId: string): StoredWatermarks | null {
    this.#transactions.usable();
    const known = this.#known(key, chainId);
    return known ? watermarksOf(known) : null;
  }

  record(key: Uint8Array, chainId: string, height: bigint): VoteRecord | null {
    return this.recordsAt(key, chainId, [height]).get(height) ?? null;
  }

  recordsAt(key: Uint8Array, chainId: string, heights: readonly bigint[]): ReadonlyMap<bigint, VoteRecord> {
    this.#transactions.usable();
    const found = new Map<bigint, VoteRecord>();
    const known = this.#known(key, chainId);
    // If there is none, `append` finds out what happened to the files.
    const wanted = new Set(heights.filter((height) => known?.heights.has(height)));
    if (!known || wanted.size === 0) return found;
    return this.#transactions.read(() => {
      const [first, last] = [[...wanted].reduce(min), [...wanted].reduce(max)];
      // One walk if the heights are close together, as in a batch.
      const together = wanted.size > 2 && last - first < 4n * BigInt(wanted.size);
      for (const [from, to] of together
        ? [[first, last] as const]
        : [...wanted].map((h) => [h, h] as const)) {
        for (const { height, ...record } of this.#tables.votes(known, from, to)) {
          if (wanted.has(height)) found.set(height, record);
        }
      }
      return found;
    });
  }

  records(key: Uint8Array, chainId: string, from = 0n, limit = 100): StoredVote[] {
    return this.#transactions.read(() => {
      const known = this.#known(key, chainId);
      return known ? this.#tables.page(known, from, limit) : [];
    });
  }

  blocked(key: Uint8Array, chainId: string): bigint[] {
    return this.#transactions.read(() => {
      const known = this.#known(key, chainId);
      return known ? [...known.blocked.between(0n, MAX_HEIGHT)] : [];
    });
  }

  append(key: Uint8Array, chainId: string, entries: readonly VoteEntry[]): void {
    const known = this.#mustKnow(key, chainId);
    for (const entry of entries) {
      checkEntry(entry);
      if (!known.heights.has(entry.height)) continue;
      throw new TapstakeError("double-vote", `a vote at height ${entry.height} is recorded already`);
    }
    const writer = writerNow(this.instance);
    const add = () => {
      for (const entry of entries) this.#tables.addVote(known, entry, writer);
    };
    if (entries.length === 1) this.#transactions.commit([known], add);
    else this.#transactions.write([known], add);
  }

  init(key: Uint8Array, chainId: string, fromHeight: bigint): Watermarks {
    u64be(fromHeight, "first height");
    assertHeight(fromHeight, "first height");
    const earlier = this.#transactions.read(() => this.#known(key, chainId));
    const least = earlier?.retired ? floorOf(earlier) : earlier?.lowWatermark;
    if (least !== undefined && fromHeight < least) throw wouldLower(fromHeight, least);
    if (!earlier || earlier.locked || earlier.lowWatermark !== fromHeight) {
      const known = earlier ?? this.#tables.newKeyChain(key, chainId);
      this.#transactions.write([known], () => {
        known.lowWatermark = fromHeight;
        known.locked = false;
        known.retired = false;
        this.#tables.writeKeyChain(known);
      });
    }
    return { lowWatermark: fromHeight, highWatermark: earlier?.highWatermark ?? null };
  }

  lock(key: Uint8Array): void {
    const touched = this.#keyChainsOf(key);
    this.#transactions.write(touched, () => touched.forEach((known) => this.#tables.lock(known)));
  }

  retire(key: Uint8Array): void {
    const touched = this.#keyChainsOf(key);
    this.#transactions.write(touched, () => touched.forEach((known) => this.#tables.retire(known)));
  }

  /** Raises watermarks after a loss, in one transaction. */
  restart(floors: readonly Floor[]): void {
    const plan = floors.map((floor) => {
      const { key, chainId } = floor;
      return { floor, known: this.#known(key, chainId) ?? this.#tables.newKeyChain(key, chainId) };
    });
    this.#transactions.write(
      plan.map(({ known }) => known),
      () => {
        for (const { floor, known } of plan) {
          const { highWatermark, locked } = floor;
          const lowWatermark = max(known.lowWatermark, floor.lowWatermark);
          Object.assign(known, { lowWatermark, highWatermark, locked, retired: false });
          this.#tables.writeKeyChain(known);
        }
      },
    );
  }

  prune(key: Uint8Array, chainId: string, below: bigint): number {
    const known = this.#mustKnow(key, chainId);
    u64be(below, "height");
    if (below < known.lowWatermark) throw wouldLower(below, known.lowWatermark);
    if (below > (known.highWatermark ?? known.lowWatermark - 1n) + 1n && below !== known.lowWatermark) {
      throw new TapstakeError(
        "invalid-number",
        `the height must be at most ${(known.highWatermark ?? known.lowWatermark - 1n) + 1n}, after the last vote, not ${below}: ` +
          "nothing would be signed between. To raise the watermark above all votes, use protection init",
      );
    }
    let forgotten = 0;
    this.#transactions.write([known], () => {
      forgotten = this.#tables.forgetBelow(known, below);
      known.lowWatermark = below;
      this.#tables.writeKeyChain(known);
    });
    return forgotten;
  }

  exportInterchange(): Interchange {
    return JSON.parse([...interchangeText(this)].join("")) as Interchange;
  }

  importInterchange(file: unknown, { begin = false }: ImportOptions = {}): ImportReport {
    const interchange = parseInterchange(file);
    const { keyChains } = interchange;
    this.#transactions.usable();
    if (keyChains.length === 0) return [];
    const beginning = begin ? undefined : previewImport(this, interchange).find(({ begins }) => begins);
    if (beginning) throw beginsByFile(beginning);
    const plan = keyChains.map((keyChain) => {
      const { key, chainId, lowWatermark } = keyChain;
      const known = this.#known(key, chainId);
      return {
        keyChain,
        known: known ?? (lowWatermark === null ? undefined : this.#tables.newKeyChain(key, chainId)),
      };
    });
    const writer = writerNow(`${this.instance}, from a file`);
    const report: ImportReport[number][] = [];
    const touched = plan.flatMap(({ known }) => known ?? []);
    this.#transactions.write(touched, () => {
      for (const { keyChain, known } of plan)
        report.push(mergeKeyChain(this.#tables, keyChain, known, writer));
    });
    return report;
  }

  committers(): { readonly key: Uint8Array; readonly chainId: string }[] {
    return this.#transactions.read(() => this.#tables.committers());
  }

  commitments(key: Uint8Array, chainId: string): StoredCommitment[] {
    assertChainId(chainId);
    return this.#transactions.read(() => this.#tables.commitments(key, chainId));
  }

  overlapping(key: Uint8Array, chainId: string): StoredCommitment[] {
    assertChainId(chainId);
    return this.#transactions.read(() => this.#tables.overlapping(key, chainId));
  }

  committed(key: Uint8Array, chainId: string): readonly CommittedContext[] {
    this.#transactions.usable();
    return this.#tables.committed(key, chainId);
  }

  addCommitment(key: Uint8Array, chainId: string, { madeFor, ...commitment }: NewCommitment): void {
    assertHeight(lastOf(commitment), "last height of a commitment");
    refuseOverlap(this, { key, chainId }, commitment);
    const at = new Date().toISOString();
    const begun = this.#begunBy(key, chainId, commitment.startHeight, madeFor);
    this.#transactions.write(begun, () => {
      this.#tables.addCommitment(key, chainId, { ...commitment, at });
      begun.forEach((known) => this.#tables.writeKeyChain(known));
    });
  }

  /**
   * The key and chain whose votes begin with its first commitment: nothing valid can be voted for below it. Only for a
   * key that was generated for this very store, and that is locked nowhere. Any other may have committed and voted
   * elsewhere, and waits for `init`.
   */
  #begunBy(
    key: Uint8Array,
    chainId: string,
    lowWatermark: bigint,
    madeFor: string | undefined,
  ): KeyChainState[] {
    const isFirst = !this.#known(key, chainId) && this.#tables.committed(key, chainId).length === 0;
    const others = this.#keyChainsOf(key);
    if (!isFirst || madeFor !== this.storeId || others.some(({ locked }) => locked)) return [];
    // A caller of the daemon can name any number of chains, and each is remembered for good.
    if (others.length >= MAX_BEGUN) throw tooManyChains(this.home, key, chainId, others.length);
    return [Object.assign(this.#tables.newKeyChain(key, chainId), { lowWatermark })];
  }

  #keyChainsOf(key: Uint8Array): KeyChainState[] {
    return [...this.#tables.keyChains.values()].filter((known) => equalBytes(known.key, key));
  }

  close(): void {
    this.#transactions.close();
  }

  #known(key: Uint8Array, chainId: string): KeyChainState | undefined {
    return this.#tables.keyChains.get(keyChainName(key, chainId));
  }

  #mustKnow(key: Uint8Array, chainId: string): KeyChainState {
    this.#transactions.usable();
    const known = this.#known(key, chainId);
    if (known) return known;
    const text = `key ${hex.encode(key)} has no watermarks on chain ${chainId}`;
    throw new TapstakeError("protection-uninitialised", text, { key: hex.encode(key), chain: chainId });
  }
}

/** The chains that a key may begin on by a commitment; for more, the operator must confirm. */
const MAX_BEGUN = 100;

const watermarksOf = ({
  lowWatermark,
  highWatermark,
  locked,
  retired = false,
}: StoredWatermarks): StoredWatermarks => ({
  lowWatermark,
  highWatermark,
  locked,
  ...(retired && { retired }),
});

const writerNow = (instance: string): Writer => ({
  at: utf8(new Date().toISOString()),
  instance: utf8(instance),
});

function checkEntry({ height, digest, signature }: VoteEntry): void {
  u64be(height, "height");
  for (const [name, value] of [
    ["digest", digest],
    ["signature", signature],
  ] as const) {
    if (value !== null && !(value instanceof Uint8Array && value.length === 32)) {
      throw new TapstakeError(
        "invalid-bytes",
        `${name} must be 32 bytes or null, not ${describeType(value)}`,
      );
    }
  }
}

const wouldLower = (height: bigint, lowWatermark: bigint): TapstakeError =>
  new TapstakeError(
    "would-lower-mark",
    `height ${height} is below ${lowWatermark}, the least that tapstake accepts here: it only raises the low watermark`,
    { lowWatermark, height },
  );
