import { assertInteger, equalBytes, hex, joinBytes, u64be } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import { publicKeyOf } from "../../core/keys.js";
import { counted } from "../../core/text.js";
import {
  auntsAmongHashes,
  isRootOfHashes,
  merkle,
  type MerkleProof,
  rootOfHashes,
} from "../../crypto/merkle.js";
import { schnorr } from "../../crypto/schnorr.js";
import { BlockDeriver, type DerivedBlock, hashesIn, SUBTREE, xOnly } from "../../derivation/block.js";
import { type DerivationOptions, type DerivationReport, deriveRange } from "../../derivation/derive.js";
import type { MultiplesReport } from "../../derivation/multiples.js";
import { assertChainConfig, assertMinCount, type ChainConfig } from "../../vote/chain.js";
import { assertCommitmentRange, commitmentDigest } from "../../vote/messages.js";
import { type Commitment, verifyCommitment } from "../../vote/vote.js";
import type { UnlockedKey } from "../keys/keystore.js";
import { assertHeight } from "../protection/decide.js";
import {
  covers,
  lastOf,
  type ProtectionStore,
  refuseOverlap,
  type StoredCommitment,
} from "../protection/store.js";
import type { RandomnessCache } from "./cache.js";

/** Derives the randomness of a key on a chain, without reading or changing a store. */
interface Deriving extends DerivationOptions {
  readonly key: UnlockedKey;
  readonly chain: ChainConfig;
  /** Receives what is derived: votes at these heights then need no multiplication but that of their verification. */
  readonly cache?: RandomnessCache | undefined;
  /** Called at the end: which implementations computed the points, and whether any result was wrong. */
  readonly onReport?: ((report: DerivationReport) => void) | undefined;
}

/** Who commits, for which chain, and where the commitment is remembered. */
export interface Committing extends Deriving {
  readonly protection: ProtectionStore;
}

/** What `commitStored` takes. */
export interface CommitRequest extends Committing {
  readonly start: bigint;
  /** The number of heights: from `chain.minCount` to 4,294,967,295. */
  readonly count: number;
  /** Sees what was derived before it is signed and stored. What it throws ends the commitment. */
  readonly inspect?: ((derived: DerivedCommitment) => void) | undefined;
}

/** What a commitment would be to. */
export interface DerivedCommitment {
  readonly root: Uint8Array;
  /** The public randomness of a height of it, x-only. */
  readonly publicRandomness: (height: bigint) => Uint8Array;
}

/**
 * Derives the randomness of `count` heights, signs the commitment and stores it. Other work runs meanwhile. Memory
 * grows by only 32 bytes for every 256 heights.
 *
 * The first commitment on a chain of a key that was generated for this store begins its votes: nothing below `start` is
 * signed.
 * @throws TapstakeError `commitment-overlap`, `count-too-small`, `height-too-high`, `invalid-number` (0 heights, or
 * beyond 64 bits), `cancelled`, and what the store throws
 */
export async function commitStored(request: CommitRequest): Promise<Commitment> {
  const { key, chain, protection, start, count } = request;
  assertChainConfig(chain);
  assertInteger(count, "count", 1, 0xffff_ffff);
  const range = { startHeight: start, count };
  assertCommitmentRange(range);
  assertHeight(lastOf(range), "last height of a commitment");
  assertMinCount(chain, count);
  refuseOverlap(protection, { key: key.publicKey, chainId: chain.id }, range);
  const points: Uint8Array[] = [];
  const { inspect } = request;
  const hashes = await deriveSubtrees(request, range, (block) => {
    if (inspect) points.push(...xOnly(block.points));
  });
  const context = chain.commitContext;
  const root = rootOfHashes(hashes);
  if (!isRootOfHashes(root, hashes)) {
    const text =
      "two ways to hash the commitment give two roots: this machine computes wrongly; nothing was signed";
    throw new TapstakeError("self-check-failed", text);
  }
  inspect?.({ root, publicRandomness: (height) => points[Number(height - start)]! });
  const signed = { ...range, root, ...(context !== undefined && { context }) };
  const signature = schnorr.sign(key.secretKey, commitmentDigest(signed));
  const commitment = { ...signed, signature };
  // Checks again for an overlap: another commitment may have been stored meanwhile.
  protection.addCommitment(key.publicKey, chain.id, {
    ...commitment,
    subtrees: joinBytes(hashes),
    madeFor: key.store,
  });
  return { ...commitment, finalityProvider: Uint8Array.from(key.publicKey) };
}

/** What a chain needs to see of a committed height. */
export interface CommittedHeight {
  readonly commitment: Commitment;
  /** X-only. */
  readonly publicRandomness: Uint8Array;
  readonly proof: MerkleProof;
}

/**
 * The public randomness of a committed height and its proof. It is derived again from at most 256 heights, or from all
 * of them if the commitment was imported.
 * @throws TapstakeError `no-commitment` if no commitment covers the height; `invalid-proof` if the commitment is not to
 * this key's randomness; `cancelled`
 */
export async function proveCommitted(
  request: Committing & { readonly height: bigint },
): Promise<CommittedHeight> {
  const { key, chain, protection, height } = request;
  u64be(height, "height");
  const stored = protection.commitments(key.publicKey, chain.id).find((each) => covers(each, height));
  if (!stored) {
    const text = `no commitment to height ${height} of chain ${chain.id} is stored here`;
    throw new TapstakeError("no-commitment", text, { height });
  }
  const { at: _, ...kept } = stored;
  return prove(request, kept);
}

/**
 * {@link proveCommitted} for a commitment that the caller has. It opens no store, so it works while another process is
 * the signer. It derives all heights of the commitment again.
 * @throws TapstakeError as {@link proveCommitted}; `key-mismatch`, `invalid-signature` for a commitment that is not
 * this key's own
 */
export async function proveIn(
  commitment: Commitment,
  request: Deriving & { readonly height: bigint },
): Promise<CommittedHeight> {
  const { key, height } = request;
  u64be(height, "height");
  const { finalityProvider, ...kept } = commitment;
  if (!equalBytes(finalityProvider, key.publicKey)) {
    const [ofCommitment, ofKey] = [finalityProvider, key.publicKey].map(hex.encode);
    throw new TapstakeError("key-mismatch", `the commitment is of ${ofCommitment}, and the key is ${ofKey}`);
  }
  if (!verifyCommitment(commitment)) {
    throw new TapstakeError("invalid-signature", "the commitment is not signed by the key that it names");
  }
  if (!covers(commitment, height)) {
    const { startHeight, count } = commitment;
    const text = `the commitment is to ${counted(count, "height")} from ${startHeight}, and not to height ${height}`;
    throw new TapstakeError("no-commitment", text, { height });
  }
  return prove(request, { ...kept, subtrees: null });
}

async function prove(
  request: Deriving & { readonly height: bigint },
  stored: Omit<StoredCommitment, "at">,
): Promise<CommittedHeight> {
  const { key, chain, height } = request;
  const { subtrees, ...commitment } = stored;
  const index = Number(height - stored.startHeight);
  const hashes = readSubtrees(subtrees, stored) ?? (await deriveSubtrees(request, stored));
  const subtree = Math.floor(index / SUBTREE);
  const first = stored.startHeight + BigInt(subtree * SUBTREE);
  const leaves: Uint8Array[] = [];
  const neighbours = { startHeight: first, count: Math.min(SUBTREE, stored.count - subtree * SUBTREE) };
  await derive(request, neighbours, ({ points }) => leaves.push(...xOnly(points)));
  const within = merkle.proof(leaves, index % SUBTREE);
  const aunts = [...within.aunts, ...auntsAmongHashes(hashes, subtree)];
  const proof = { total: stored.count, index, leafHash: within.leafHash, aunts };
  const publicRandomness = leaves[index % SUBTREE]!;
  if (!merkle.verify(stored.root, publicRandomness, proof)) {
    throw new TapstakeError(
      "invalid-proof",
      `the commitment to ${counted(stored.count, "height")} from ${stored.startHeight} on ${chain.id} is not to the randomness of this key: it was made by another derivation`,
    );
  }
  return {
    commitment: { ...commitment, finalityProvider: Uint8Array.from(key.publicKey) },
    publicRandomness,
    proof,
  };
}

/** Merkle hashes of every {@link SUBTREE} heights. */
async function deriveSubtrees(
  request: Deriving,
  range: Heights,
  see: (block: DerivedBlock) => void = () => {},
): Promise<Uint8Array[]> {
  const hashes: Uint8Array[] = [];
  const report = await derive(request, range, (block) => {
    hashes.push(...hashesIn(block.subtrees));
    see(block);
  });
  request.onReport?.(report);
  return hashes;
}

interface Heights {
  readonly startHeight: bigint;
  readonly count: number;
}

function derive(
  { key, chain, cache, ...options }: Deriving,
  { startHeight, count }: Heights,
  take: (block: DerivedBlock) => void,
): Promise<DerivationReport> {
  const range = { secretKey: key.secretKey, chainId: chain.id, start: startHeight, count };
  return deriveRange(range, options, (block) => {
    cache?.setAll(key.publicKey, chain.id, startHeight + BigInt(block.first), block.points);
    take(block);
  });
}

/** The stored hashes, if they lead to the root. */
function readSubtrees(
  bytes: Uint8Array | null,
  { root, count }: Pick<StoredCommitment, "root" | "count">,
): Uint8Array[] | null {
  if (bytes?.length !== 32 * Math.ceil(count / SUBTREE)) return null;
  const hashes = hashesIn(bytes);
  return equalBytes(rootOfHashes(hashes), root) ? hashes : null;
}

/** A commitment with what its owner needs to vote under it. */
export interface CommittedRandomness {
  readonly commitment: Commitment;
  /**
   * The proof that a height's public randomness is in the commitment.
   * @throws TapstakeError `index-out-of-range` for a height outside it
   */
  proof(height: bigint): MerkleProof;
  /** Which implementations computed the points, and whether a result was wrong. */
  readonly report: MultiplesReport;
}

/** What `commitRandomness` takes. */
export interface CommitmentRequest {
  /** The finality provider's EOTS secret, 32 bytes. */
  readonly secretKey: Uint8Array;
  /** The chain of the votes. It is part of the derivation, so that chains never share randomness. */
  readonly chainId: string;
  readonly startHeight: bigint;
  /** The number of heights: chains require thousands, and 50,000 is usual. */
  readonly count: number;
  readonly context?: string;
  /** As in `DerivationOptions`. */
  readonly constantTime?: boolean | undefined;
}

/**
 * Derives and commits the randomness of `count` heights (PROTOCOL 6).
 * @throws TapstakeError `invalid-secret-key`; `invalid-number` for a count of 0 or heights beyond 64 bits
 */
export function commitRandomness(request: CommitmentRequest): CommittedRandomness {
  const { secretKey, chainId, startHeight, count, context, constantTime } = request;
  assertInteger(count, "count", 1, 0xffff_ffff);
  assertCommitmentRange({ startHeight, count });
  const deriver = new BlockDeriver({ secretKey, chainId, start: startHeight, count }, { constantTime });
  const points = xOnly(deriver.block(0, count).points);
  const { report } = deriver;
  deriver.wipe();
  const signed = { startHeight, root: merkle.root(points), ...(context !== undefined && { context }) };
  const digest = commitmentDigest({ ...signed, count });
  const proofAt = merkle.proofs(points);
  return {
    commitment: {
      ...signed,
      count,
      finalityProvider: publicKeyOf(secretKey),
      signature: schnorr.sign(secretKey, digest),
    },
    proof: (height) => proofAt(Number(height - startHeight)),
    report,
  };
}
