import { concatBytes, equalBytes, hex, u64be, utf8 } from "../../core/bytes.js";
import { isChainId } from "../../vote/chain.js";
import { higher } from "./decide.js";
import { Heights, keyChainName, type KeyChainState } from "./key-chain.js";
import {
  type Cell,
  combine,
  type Database,
  heightOf,
  NO_VOTES,
  selectFrom,
  sumOf,
  textOf,
} from "./schema.js";
import { connect, expect, rowsOf } from "./sqlite.js";
import type { CommittedContext, CommittedRange, StoredCommitment, StoredVote } from "./store.js";
import type { LoggedWatermarks } from "./watermark-log.js";

export interface VoteRow {
  readonly subject: number;
  readonly height: Uint8Array;
  readonly digest: Uint8Array | null;
  readonly signature: Uint8Array | null;
  readonly at: Uint8Array;
  readonly instance: Uint8Array;
  readonly seq: number;
  readonly before: Uint8Array;
  readonly sum: Uint8Array;
}

export interface CommitmentRow {
  readonly key: Uint8Array;
  readonly chain: Uint8Array;
  readonly start: Uint8Array;
  readonly count: number;
  readonly root: Uint8Array;
  readonly signature: Uint8Array;
  readonly context: Uint8Array | null;
  readonly subtrees: Uint8Array | null;
  readonly at: Uint8Array;
  readonly sum: Uint8Array;
}

/** What a store contains beside the votes. */
export interface Loaded {
  readonly storeId: string;
  /** The number of the last write. */
  readonly seq: number;
  /** The checksums of all votes together. */
  readonly total: Uint8Array;
  readonly keyChains: Map<string, KeyChainState>;
  /** What the state says of a table that is no longer used. */
  readonly births: number;
  /** By key and chain. */
  readonly commitments: Map<string, CommittedContext[]>;
}

/**
 * Reads and checks every row of a store, and checks that none is missing.
 * @throws DatabaseFault `corrupt`
 */
export function loadStore(db: Database): Loaded {
  const state = readState(db);
  const known = [...rowsOf<KeyChainRow>(db.prepare(selectFrom("subjects")))].map(readKeyChain);
  const byId = new Map(known.map((keyChain) => [keyChain.id, keyChain]));
  const commitments = readCommitments(db);
  let { seq, total } = state;
  let found = NO_VOTES;
  for (const row of rowsOf<VoteRow>(db.prepare(selectFrom("votes")))) {
    const { height, digest } = readVote(row);
    const keyChain = byId.get(row.subject);
    expect(keyChain !== undefined, `the vote at height ${height} is of no known key`);
    keyChain.heights.add(height);
    if (!digest) keyChain.blocked.add(height);
    keyChain.highWatermark = higher(keyChain.highWatermark, height);
    found = combine(found, row.sum);
    // A single vote is one row, and does not change the state.
    if (row.seq > seq) [seq, total] = [row.seq, combine(row.before, row.sum)];
  }
  expect(equalBytes(found, total), "votes are missing");
  expect(
    known.length === state.subjects && countOf(commitments) === state.commitments,
    "keys or commitments are missing",
  );
  const keyChains = new Map(known.map((each) => [keyChainName(each.key, each.chainId), each]));
  expect(keyChains.size === known.length, "a key and chain are there twice");
  return {
    storeId: hex.encode(state.store),
    seq,
    total: Uint8Array.from(total),
    keyChains,
    births: state.births,
    commitments,
  };
}

/**
 * The watermarks of every key and chain, as far as damage lets them be read. Rows that are as written count, whatever
 * is around them.
 */
export function readReadable(path: string): LoggedWatermarks[] {
  const db = connect(path);
  try {
    const keyChains = tolerant(db, selectFrom("subjects"), readKeyChain);
    const byId = new Map(keyChains.map((keyChain) => [keyChain.id, keyChain]));
    const votes = selectFrom("votes");
    // From both ends, as a damaged page ends a walk.
    for (const query of [votes, `${votes} ORDER BY subject DESC, height DESC`]) {
      const read = (row: VoteRow) => ({ id: row.subject, height: readVote(row).height });
      for (const { id, height } of tolerant(db, query, read)) {
        const keyChain = byId.get(id);
        if (keyChain) keyChain.highWatermark = higher(keyChain.highWatermark, height);
      }
    }
    return keyChains.map(({ key, chainId, lowWatermark, highWatermark, locked }) => {
      return { key, chainId, lowWatermark, highWatermark, locked, seq: 0 };
    });
  } finally {
    db.close();
  }
}

/** @throws DatabaseFault `corrupt` if the row does not have its checksum */
export function readVote(row: VoteRow): StoredVote {
  const { subject, height, digest, signature, at, instance, seq, before } = row;
  checkSum(row, sumOf("votes", subject, height, digest, signature, at, instance, seq, before));
  const copy = (bytes: Uint8Array | null) => bytes && Uint8Array.from(bytes);
  return {
    height: heightOf(height),
    digest: copy(digest),
    signature: copy(signature),
    at: textOf(at),
    instance: textOf(instance),
  };
}

/** A row of commitments. */
export interface ReadCommitmentRow {
  readonly commitment: StoredCommitment;
  /** For a commitment that overlaps others, heights that it alone covers: the row is for them, and serves no proof. */
  readonly alone: CommittedRange | undefined;
}

/**
 * A commitment as the cells of its row, without the checksum. A commitment that overlaps others has a row for each run
 * of heights that it alone covers. So no two rows share a height; such a row holds the commitment's own range in place
 * of the subtrees.
 */
export function commitmentCells(
  key: Uint8Array,
  chainId: string,
  commitment: StoredCommitment,
  alone?: CommittedRange,
): Cell[] {
  const { root, signature, context, at } = commitment;
  const { startHeight, count } = alone ?? commitment;
  const text = context === undefined ? null : utf8(context);
  const isHashes = commitment.subtrees !== null && commitment.subtrees.length % 32 === 0;
  const subtrees = alone ? rangeCell(commitment) : isHashes ? commitment.subtrees : null;
  return [key, utf8(chainId), u64be(startHeight), count, root, signature, text, subtrees, utf8(at)];
}

/** Subtrees are 32 bytes each, so that no cell of theirs has this length. */
const RANGE_LENGTH = 16;

const rangeCell = ({ startHeight, count }: CommittedRange): Uint8Array =>
  concatBytes(u64be(startHeight), u64be(BigInt(count)));

const rangeOf = (cell: Uint8Array): CommittedRange => ({
  startHeight: heightOf(cell.subarray(0, 8)),
  count: Number(heightOf(cell.subarray(8))),
});

/** @throws DatabaseFault `corrupt` if the row does not have its checksum */
export function readCommitment(row: CommitmentRow): ReadCommitmentRow {
  const { key, chain, start, count, root, signature, context, subtrees, at, sum } = row;
  const computed = sumOf("commitments", key, chain, start, count, root, signature, context, subtrees, at);
  expect(sum instanceof Uint8Array && equalBytes(sum, computed), "a commitment does not have its checksum");
  expect(key.length === 32 && isChainId(textOf(chain)), "the key or chain id of a commitment is none");
  const range = { startHeight: heightOf(start), count };
  const isAlone = subtrees?.length === RANGE_LENGTH;
  const commitment = {
    ...(isAlone ? rangeOf(subtrees) : range),
    root: Uint8Array.from(root),
    signature: Uint8Array.from(signature),
    ...(context !== null && { context: textOf(context) }),
    subtrees: subtrees && !isAlone ? Uint8Array.from(subtrees) : null,
    at: textOf(at),
  };
  return { commitment, alone: isAlone ? range : undefined };
}

interface StateRow {
  readonly store: Uint8Array;
  readonly seq: number;
  readonly total: Uint8Array;
  readonly subjects: number;
  readonly births: number;
  readonly commitments: number;
  readonly sum: Uint8Array;
}

interface KeyChainRow {
  readonly id: number;
  readonly key: Uint8Array;
  readonly chain: Uint8Array;
  readonly lowest: Uint8Array;
  readonly highest: Uint8Array | null;
  readonly held: number;
  readonly sum: Uint8Array;
}

function readCommitments(db: Database): Map<string, CommittedContext[]> {
  const found = new Map<string, CommittedContext[]>();
  for (const row of rowsOf<CommitmentRow>(db.prepare(selectFrom("commitments")))) {
    const { commitment, alone } = readCommitment(row);
    const { context } = commitment;
    const { startHeight, count } = alone ?? commitment;
    const name = keyChainName(row.key, textOf(row.chain));
    const range = { startHeight, count, ...(context !== undefined && { context }) };
    const earlier = found.get(name);
    if (earlier) earlier.push(range);
    else found.set(name, [range]);
  }
  return found;
}

const countOf = (lists: ReadonlyMap<string, readonly unknown[]>): number =>
  [...lists.values()].reduce((total, { length }) => total + length, 0);

function readState(db: Database): StateRow {
  const rows = [...rowsOf<StateRow>(db.prepare(selectFrom("state")))];
  const [row] = rows;
  expect(rows.length === 1 && row !== undefined, "its state is not there");
  const { store, seq, total, subjects, births, commitments } = row;
  checkSum(row, sumOf("state", store, seq, total, subjects, births, commitments));
  return row;
}

/** What the cell `held` says: the bits of a lock because votes were lost, and of one by `export --retire`. */
export const heldCell = ({ locked, retired }: Pick<KeyChainState, "locked" | "retired">): number =>
  retired ? RETIRED : locked ? HELD : 0;

const HELD = 1;
const RETIRED = 2;

function readKeyChain({ id, key, chain, lowest, highest, held, sum }: KeyChainRow): KeyChainState {
  checkSum({ sum }, sumOf("subjects", id, key, chain, lowest, highest, held));
  const chainId = textOf(chain);
  expect(key.length === 32 && isChainId(chainId), "a key or chain id is none");
  return {
    id,
    key: Uint8Array.from(key),
    chainId,
    lowWatermark: heightOf(lowest),
    highWatermark: highest && heightOf(highest),
    locked: held !== 0,
    retired: (held & RETIRED) !== 0,
    heights: new Heights(),
    blocked: new Heights(),
  };
}

/** The rows of a query up to the first that the database cannot read. */
function tolerant<Row, T>(db: Database, query: string, read: (row: Row) => T): T[] {
  const found: T[] = [];
  try {
    for (const row of rowsOf<Row>(db.prepare(query))) {
      try {
        found.push(read(row));
      } catch {
        // A row that differs from what was written proves nothing.
      }
    }
  } catch {
    // The rows found so far count.
  }
  return found;
}

function checkSum({ sum }: { readonly sum: unknown }, computed: Uint8Array): void {
  expect(sum instanceof Uint8Array && equalBytes(sum, computed), "a row does not have its checksum");
}
