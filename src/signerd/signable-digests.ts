import { proofOfPossessionDigest } from "../babylon/pop.js";
import { concatBytes, equalBytes, hex, joinBytes } from "../core/bytes.js";
import { rootOfHashes } from "../crypto/merkle.js";
import type { CommittedRange } from "../finality/protection/store.js";
import type { ChainConfig } from "../vote/chain.js";
import { commitmentDigest } from "../vote/messages.js";

/**
 * The most ranges that are remembered; the oldest are forgotten. Callers sign a commitment right after they asked for
 * its randomness.
 */
const REMEMBERED = 4096;

/** A range of randomness that was served: heights `start`, `start + interval`, …. */
export interface ServedRange {
  readonly key: Uint8Array;
  readonly chain: ChainConfig;
  readonly start: bigint;
  readonly interval: bigint;
  readonly count: number;
  /** Merkle hashes of every 256 of the points. */
  readonly subtrees: readonly Uint8Array[];
}

/** A commitment whose digest may be signed. */
export interface SignableCommitment extends CommittedRange {
  readonly chainId: string;
  /** The Merkle root of the public randomness. */
  readonly root: Uint8Array;
  /** In the form of the store. */
  readonly subtrees: Uint8Array;
  readonly context?: string;
  /** Whether its heights are neighbours: chains read every commitment that way. */
  readonly isContiguous: boolean;
}

interface SignableDigest {
  readonly meaning: string;
  readonly commitment?: SignableCommitment;
}

/**
 * The digests that SignSchnorrSig signs. The key that votes also unlocks slashed stakes: a signature of a digest that
 * the caller chose could be a signature of a slashing transaction (PROTOCOL 11).
 *
 * Today's software asks for two things: the commitment to randomness that it was just given, and a proof of possession.
 * This class computes both, from what this signer served and what its operator configured. Every other digest is
 * refused.
 */
export class SignableDigests {
  readonly #digests = new Map<string, Required<SignableDigest>>();
  readonly #signed = new Set<string>();
  readonly #possession: readonly Uint8Array[];

  /**
   * @param addresses bech32 addresses that the signer may prove possession for (PROTOCOL 6)
   * @throws TapstakeError `invalid-address`
   */
  constructor(addresses: readonly string[], chains: Iterable<ChainConfig>) {
    const contexts = [undefined, ...Array.from(chains, ({ popContext }) => popContext)];
    this.#possession = addresses.flatMap((address) =>
      contexts.map((context) => proofOfPossessionDigest(address, context)),
    );
  }

  /** Remembers the digest of a commitment to these points, with the chain's context if it has one. */
  served({ key, chain, start, interval, count, subtrees }: ServedRange): void {
    if (count < chain.minCount) return;
    const context = chain.commitContext;
    const commitment = {
      chainId: chain.id,
      startHeight: start,
      count,
      root: rootOfHashes(subtrees),
      subtrees: joinBytes(subtrees),
      isContiguous: interval === 1n,
      ...(context !== undefined && { context }),
    };
    const digest = commitmentDigest(commitment);
    this.#remember(name(key, digest), { meaning: `a commitment for ${chain.id}`, commitment });
  }

  /** The meaning of a digest; undefined if this signer did not compute it for this key. */
  find(key: Uint8Array, digest: Uint8Array): SignableDigest | undefined {
    if (this.#possession.some((own) => equalBytes(own, digest))) return { meaning: "a proof of possession" };
    return this.#digests.get(name(key, digest));
  }

  /** The commitments of a key on a chain whose digests were signed. */
  signed(key: Uint8Array, chainId: string): SignableCommitment[] {
    return [...this.#signed]
      .filter((digest) => digest.startsWith(hex.encode(key)))
      .map((digest) => this.#digests.get(digest)!.commitment)
      .filter((commitment) => commitment.chainId === chainId);
  }

  noteSigned(key: Uint8Array, digest: Uint8Array): void {
    if (this.#digests.has(name(key, digest))) this.#signed.add(name(key, digest));
  }

  #remember(digest: string, own: Required<SignableDigest>): void {
    this.#digests.delete(digest);
    this.#digests.set(digest, own);
    if (this.#digests.size <= REMEMBERED) return;
    const oldest = this.#digests.keys().next().value!;
    this.#digests.delete(oldest);
    this.#signed.delete(oldest);
  }
}

const name = (key: Uint8Array, digest: Uint8Array) => hex.encode(concatBytes(key, digest));
