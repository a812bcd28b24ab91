import { eots } from "../crypto/eots.js";
import { voteMessage } from "../vote/messages.js";

/** A vote as it is seen on chain: what was signed, and the EOTS signature. */
export interface CastVote {
  /** 32 bytes. */
  readonly appHash: Uint8Array;
  /** 32 bytes. */
  readonly signature: Uint8Array;
  /** The chain's signing context for votes, where it uses one. */
  readonly context?: string;
}

/**
 * Two votes of one finality provider at one height (PROTOCOL 6). Which of them is on the canonical chain makes no
 * difference to the key.
 */
export interface Evidence {
  /** The finality provider's EOTS key, x-only. */
  readonly finalityProvider: Uint8Array;
  readonly height: bigint;
  /** The randomness committed for the height, x-only. */
  readonly publicRandomness: Uint8Array;
  readonly canonical: CastVote;
  readonly fork: CastVote;
}

/**
 * The secret key of a finality provider that voted twice at one height: 32 bytes, the secret with even y.
 * @throws TapstakeError the codes of `eots.extract` (`same-message`, `same-signature`, `different-randomness`,
 * `key-mismatch`, …) and of `voteMessage`
 */
export function extractFromVotes(evidence: Evidence): Uint8Array {
  const { finalityProvider, height, publicRandomness, canonical, fork } = evidence;
  const signed = ({ signature, ...vote }: CastVote) => ({
    // The height of the evidence holds, whatever else a vote says of itself.
    message: voteMessage({ ...vote, height }),
    signature,
  });
  return eots.extract(finalityProvider, publicRandomness, signed(canonical), signed(fork));
}
