import { TapstakeError } from "../core/errors.js";
import { merkle } from "../crypto/merkle.js";
import { assertChainConfig, assertMinCount, type ChainConfig } from "../vote/chain.js";
import { commitmentDigest } from "../vote/messages.js";
import { type Commitment, verifyCommitment } from "../vote/vote.js";
import type { EotsClient } from "./client.js";

/** What `commitRemotely` takes. */
export interface RemoteCommitRequest {
  /** X-only, 32 bytes. */
  readonly key: Uint8Array;
  readonly chain: ChainConfig;
  readonly start: bigint;
  /** The number of heights: from `chain.minCount` to 100,000, which this software's signer derives at once. */
  readonly count: number;
  /** Also signs a commitment that overlaps an earlier one. The chain accepts one commitment per height. */
  readonly allowOverlap?: boolean | undefined;
}

/** A commitment that a remote signer signed. */
export interface RemoteCommitment {
  readonly commitment: Commitment;
  /** The public randomness of each height, in order, x-only: `merkle.proof` proves each height with it. */
  readonly points: readonly Uint8Array[];
  /** As in `EotsClient.signSchnorr`. */
  readonly overlaps?: string;
}

/**
 * Commits to randomness through a remote signer, as Go software does: it asks for the randomness, builds the tree, and
 * has its root signed (PROTOCOL 10). The signature is verified.
 * @throws TapstakeError `count-too-small`; `commitment-overlap`; the codes of the client; `signer-error` for a
 * signature that does not verify
 */
export async function commitRemotely(
  signer: EotsClient,
  { key, chain, start: startHeight, count, allowOverlap = false }: RemoteCommitRequest,
): Promise<RemoteCommitment> {
  assertChainConfig(chain);
  assertMinCount(chain, count);
  const points = await signer.createRandomnessPairList({ key, chainId: chain.id, startHeight, count });
  const context = chain.commitContext;
  const root = merkle.root(points);
  const signed = { startHeight, count, root, ...(context !== undefined && { context }) };
  const digest = commitmentDigest(signed);
  const { signature, ...more } = await signer.signSchnorr({ key, digest, refuseOverlap: !allowOverlap });
  const commitment = { ...signed, finalityProvider: Uint8Array.from(key), signature };
  if (!verifyCommitment(commitment)) {
    throw new TapstakeError("signer-error", "the signer's signature of the commitment does not verify");
  }
  return { commitment, points, ...more };
}
