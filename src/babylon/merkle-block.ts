import type { Transaction } from "../bitcoin/bitcoinjs.js";
import { createReader, littleEndian, type Reader } from "../bitcoin/byte-reader.js";
import { assertBytes, equalBytes, joinBytes } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import {
  checkInclusionProof,
  doubleHash,
  hashPair,
  HEADER_LENGTH,
  type InclusionProof,
  MAX_DEPTH,
} from "./inclusion.js";

/**
 * The same as `inclusionProof` from what bitcoind's `gettxoutproof` gives and Esplora's `merkleblock-proof`: the block's
 * header with the part of its Merkle tree that leads to the transaction (BIP-37). It is verified against that header;
 * that the header is Bitcoin's is for whoever follows the chain.
 * @throws TapstakeError `invalid-bytes`; `invalid-proof` when it cannot be read, or is not of this transaction
 */
export function inclusionProofFromMerkleBlock(bytes: Uint8Array, transaction: Transaction): InclusionProof {
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
    "expected a header and a part of its Merkle tree, as gettxoutproof gives",
  );
