import type { Transaction } from "../bitcoin/transaction-class.js";
import { transactionsOfBlock } from "../bitcoin/block.js";
import { createReader, littleEndian, type Reader } from "../bitcoin/byte-reader.js";
import {
  assertBytes,
  assertInteger,
  concatBytes,
  equalBytes,
  hex,
  isBytes,
  joinBytes,
} from "../core/bytes.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { sha256 } from "../core/hashes.js";

/** That a transaction is in a Bitcoin block: the chain's `InclusionProof`, with the names of its fields. */
export interface InclusionProof {
  readonly key: {
    /** Which transaction of the block, from 0. */
    readonly index: number;
    /** The block's hash in its internal byte order, the reverse of what people write: 32 bytes. */
    readonly hash: Uint8Array;
  };
  /** The hashes beside the way from the transaction to the Merkle root, one after the other; 32 bytes each. */
  readonly proof: Uint8Array;
}

/**
 * The proof that a block contains a transaction.
 * @param block as bitcoind's `getblock <hash> 0` gives it
 * @param txid as people write it
 * @throws TapstakeError `invalid-transaction` when the block cannot be read, `invalid-hex`,
 * `invalid-proof` when the transaction is not in the block, and as {@link inclusionProofFromTxids}
 */
export function inclusionProof(block: Uint8Array, txid: string): InclusionProof {
  assertBytes(block, "block");
  hex.decode(txid, 32, "txid");
  const transactions = transactionsOf(block);
  const txids = transactions.map((transaction) => transaction.getId());
  const index = txids.indexOf(txid.toLowerCase());
  if (index < 0) {
    const text = `${txid} is not among the ${txids.length} transactions of the block`;
    throw new TapstakeError("invalid-proof", text, { txid });
  }
  assertNoNode(transactions[index]!);
  return inclusionProofFromTxids(block.subarray(0, HEADER_LENGTH), txids, index);
}

/**
 * The same from the block's header and the txids of all its transactions in their order, as people write them.
 * @param header 80 bytes
 * @throws TapstakeError `invalid-bytes`, `invalid-hex`, `index-out-of-range`; `invalid-proof` when the header does not
 * stand for these transactions, or one is there twice
 */
export function inclusionProofFromTxids(
  header: Uint8Array,
  txids: readonly string[],
  index: number,
): InclusionProof {
  assertBytes(header, "header", HEADER_LENGTH);
  if (!Array.isArray(txids)) {
    throw new TapstakeError("invalid-hex", `txids must be a list, not ${describeType(txids)}`);
  }
  if (!Number.isSafeInteger(index) || index < 0 || index >= txids.length) {
    const text = `there is no transaction ${String(index)}: the block has ${txids.length}, counted from 0`;
    throw new TapstakeError("index-out-of-range", text);
  }
  const hashes = (txids as readonly string[]).map((txid) => hex.decode(txid, 32, "txid").toReversed());
  assertDistinct(hashes);
  const branch: Uint8Array[] = [];
  let level: readonly Uint8Array[] = hashes;
  for (let at = index; level.length > 1; at >>= 1) {
    branch.push(level[at ^ 1] ?? level[at]!);
    level = parents(level);
  }
  if (!equalBytes(level[0]!, merkleRootIn(header))) {
    throw new TapstakeError("invalid-proof", "the header's Merkle root is not that of these transactions");
  }
  return { key: { index, hash: doubleHash(header) }, proof: joinBytes(branch) };
}

/**
 * The same from what Electrum and Esplora servers answer: the branch and the position. It is not verified, as the
 * block's header would be needed: {@link verifyInclusionProof} does that.
 * @param blockHash as people write it
 * @param merkle hashes as people write them, bottom-up
 * @throws TapstakeError `invalid-hex`, `invalid-number`
 */
export function inclusionProofFromMerkle(
  blockHash: string,
  merkle: readonly string[],
  position: number,
): InclusionProof {
  assertInteger(position, "position", 0, 0xffff_ffff);
  if (!Array.isArray(merkle)) {
    throw new TapstakeError("invalid-hex", `merkle must be a list, not ${describeType(merkle)}`);
  }
  const branch = (merkle as readonly string[]).map((hash) => hex.decode(hash, 32, "merkle").toReversed());
  const hash = hex.decode(blockHash, 32, "block hash").toReversed();
  return { key: { index: position, hash }, proof: joinBytes(branch) };
}

/**
 * The same as `inclusionProof` from what bitcoind's `gettxoutproof` gives and Esplora's `merkleblock-proof`: the block's
 * header with the part of its Merkle tree that leads to the transaction (BIP-37). It is verified against that header;
 * that the header is Bitcoin's the caller checks.
 * @param bytes what `merkleBlock` of a server gave: null while the transaction is in no block
 * @throws TapstakeError `output-not-found` at null; `invalid-bytes`; `invalid-proof` when it cannot be read, or is not
 * of this transaction
 */
export function inclusionProofFromMerkleBlock(
  bytes: Uint8Array | null,
  transaction: Transaction,
): InclusionProof {
  if (bytes === null) {
    const txid = transaction.getId();
    throw new TapstakeError("output-not-found", `${txid} is not in a block yet; wait until it is`, { txid });
  }
  assertBytes(bytes, "proof");
  const reader = createReader(bytes, malformed);
  const header = reader.take(HEADER_LENGTH);
  const count = littleEndian(reader.take(4));
  const depth = depthOf(count);
  const hashes = Array.from({ length: limited(reader) }, () => reader.take(32));
  const flags = reader.sized();
  if (reader.left > 0) throw malformed();

  const wanted = transaction.getHash();
  const walk = { count, hashes, flags, used: 0, bit: 0, wanted };
  const found = climb(walk, depth, 0);
  assertAllUsed(walk);
  if (found.branch === undefined || found.index === undefined) {
    const text = `the proof is of other transactions than ${transaction.getId()}`;
    throw new TapstakeError("invalid-proof", text, { txid: transaction.getId() });
  }
  const key = { index: found.index, hash: doubleHash(header) };
  const inclusion = { key, proof: joinBytes(found.branch) };
  checkInclusionProof(inclusion, transaction, header);
  return inclusion;
}

/**
 * Whether a proof shows that a transaction is in the block of a header. Whether the header is Bitcoin's, with its work
 * and confirmations, the caller checks. False on malformed input.
 *
 * Stricter than the chain, which takes any index of the right low bits. Of a tree whose levels are padded by copies
 * (CVE-2012-2459) a copy is no place of its own; and a transaction of 64 bytes could be two hashes, so none is proved.
 * @param header 80 bytes
 */
export function verifyInclusionProof(
  proof: InclusionProof,
  transaction: Transaction,
  header: Uint8Array,
): boolean {
  try {
    const { key, proof: branch } = proof;
    if (!isBytes(header, HEADER_LENGTH) || !isBytes(key.hash, 32) || !isIndex(key.index)) return false;
    if (!equalBytes(key.hash, doubleHash(header)) || isNode(transaction)) return false;
    const steps = branch instanceof Uint8Array ? branch.length / 32 : -1;
    if (!Number.isInteger(steps) || steps < 0 || steps > MAX_DEPTH || key.index >= 2 ** steps) return false;
    let hash = transaction.getHash();
    for (let step = 0; step < steps; step++) {
      const beside = branch.subarray(32 * step, 32 * step + 32);
      const isRight = Math.floor(key.index / 2 ** step) % 2 === 1;
      if (isRight && equalBytes(beside, hash)) return false;
      hash = isRight ? hashPair(beside, hash) : hashPair(hash, beside);
    }
    return equalBytes(hash, merkleRootIn(header));
  } catch {
    return false;
  }
}

/**
 * Checks that a proof shows a transaction in a block.
 * @throws TapstakeError `invalid-proof` unless {@link verifyInclusionProof} is true
 */
export function checkInclusionProof(
  proof: InclusionProof,
  transaction: Transaction,
  header: Uint8Array,
): void {
  if (verifyInclusionProof(proof, transaction, header)) return;
  const txid = transaction.getId();
  throw new TapstakeError(
    "invalid-proof",
    `the proof does not show ${txid} to be in the block of this header`,
    {
      txid,
    },
  );
}

const HEADER_LENGTH = 80;
/** A block of 4,000,000 weight units holds fewer than 2^17 transactions. */
const MAX_DEPTH = 17;

const doubleHash = (bytes: Uint8Array): Uint8Array => sha256(sha256(bytes));
const hashPair = (left: Uint8Array, right: Uint8Array): Uint8Array => doubleHash(concatBytes(left, right));
const merkleRootIn = (header: Uint8Array): Uint8Array => header.subarray(36, 68);
const isIndex = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** Without its witness, as a txid hashes it. */
const isNode = (transaction: Transaction): boolean => transaction.byteLength(false) === 64;

function assertNoNode(transaction: Transaction): void {
  if (!isNode(transaction)) return;
  const text = `${transaction.getId()} has 64 bytes, which could as well be two hashes of the Merkle tree`;
  throw new TapstakeError("invalid-proof", text);
}

/** The last of an odd level is paired with itself. */
function parents(level: readonly Uint8Array[]): Uint8Array[] {
  return Array.from({ length: Math.ceil(level.length / 2) }, (_, i) =>
    hashPair(level[2 * i]!, level[2 * i + 1] ?? level[2 * i]!),
  );
}

/** A list that repeats its end can have the root of the shorter one (CVE-2012-2459). */
function assertDistinct(hashes: readonly Uint8Array[]): void {
  const seen = new Set<string>();
  for (const hash of hashes) {
    const txid = hex.encode(hash.toReversed());
    if (seen.has(txid)) throw new TapstakeError("invalid-proof", `the block has ${txid} twice`, { txid });
    seen.add(txid);
  }
}

function transactionsOf(block: Uint8Array): Transaction[] {
  try {
    return transactionsOfBlock(block);
  } catch (cause) {
    const text = `the ${block.length} bytes given are not one whole block`;
    throw new TapstakeError("invalid-transaction", text, {}, { cause });
  }
}

interface Walk {
  /** Transactions of the block. */
  readonly count: number;
  readonly hashes: readonly Uint8Array[];
  readonly flags: Uint8Array;
  readonly wanted: Uint8Array;
  /** Hashes and bits that were taken so far. */
  used: number;
  bit: number;
}

/** A node of the tree; on the way to the transaction with the hashes beside that way, bottom-up. */
interface Node {
  readonly hash: Uint8Array;
  readonly index?: number;
  readonly branch?: readonly Uint8Array[];
}

/** Depth first: a bit for each node says whether what is below follows, or only its hash. */
function climb(walk: Walk, height: number, position: number): Node {
  const isOnWay = nextBit(walk);
  if (height === 0 || !isOnWay) {
    const hash = walk.hashes[walk.used++];
    if (!hash) throw malformed();
    const isWanted = height === 0 && isOnWay && equalBytes(hash, walk.wanted);
    return isWanted ? { hash, index: position, branch: [] } : { hash };
  }
  const left = climb(walk, height - 1, 2 * position);
  const hasRight = 2 * position + 1 < Math.ceil(walk.count / 2 ** (height - 1));
  const right = hasRight ? climb(walk, height - 1, 2 * position + 1) : left;
  // Of a copy that fills a level up, the tree has no place of its own (CVE-2012-2459).
  if (hasRight && equalBytes(left.hash, right.hash)) throw malformed();
  const hash = hashPair(left.hash, right.hash);
  if (left.branch) return { hash, index: left.index!, branch: [...left.branch, right.hash] };
  if (right.branch) return { hash, index: right.index!, branch: [...right.branch, left.hash] };
  return { hash };
}

function nextBit(walk: Walk): boolean {
  const byte = walk.flags[Math.floor(walk.bit / 8)];
  if (byte === undefined) throw malformed();
  return ((byte >> (walk.bit++ % 8)) & 1) === 1;
}

/** What means nothing could be anything. */
function assertAllUsed({ hashes, used, flags, bit }: Walk): void {
  const rest = (flags.at(-1) ?? 0) >> (bit % 8 || 8);
  if (used !== hashes.length || flags.length !== Math.ceil(bit / 8) || rest !== 0) throw malformed();
}

function depthOf(count: number): number {
  const depth = Math.ceil(Math.log2(count));
  if (count < 1 || depth > MAX_DEPTH) throw malformed();
  return depth;
}

/** A count of hashes that can be there: an array is made of them. */
function limited(reader: Reader): number {
  const count = reader.size();
  if (count * 32 > reader.left) throw malformed();
  return count;
}

const malformed = () =>
  new TapstakeError(
    "invalid-proof",
    "the proof must be a header and a part of its Merkle tree, as gettxoutproof gives",
  );
