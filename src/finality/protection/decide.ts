import { max } from "../../core/amount.js";
import { equalBytes } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import type { RefusalCode } from "../../vote/vote.js";

/** The record of a vote at one height. */
export interface VoteRecord {
  /** SHA-256 of the whole message, signing context included; null if unknown: such a record only blocks. */
  readonly digest: Uint8Array | null;
  /** 32 bytes; null if unknown. */
  readonly signature: Uint8Array | null;
  /** When it was recorded, ISO 8601. */
  readonly at: string;
  /** Which signer recorded it. */
  readonly instance: string;
}

/** The limits for votes of one key on one chain. */
export interface Watermarks {
  /** Nothing below it is signed. It is raised and never lowered. */
  readonly lowWatermark: bigint;
  /** The highest height ever signed; null before the first vote. */
  readonly highWatermark: bigint | null;
}

/** The lowest height that is certainly above everything that watermarks remember, if there is one. */
export function floorOf({ lowWatermark, highWatermark }: Watermarks): bigint {
  // Votes above the last height can only be those of an earlier release: nothing is signed there by any.
  if (highWatermark === null || highWatermark < lowWatermark || highWatermark > LAST_HEIGHT)
    return lowWatermark;
  return highWatermark + 1n;
}

/** The combination of two memories of one key and chain; `lowWatermark` is null if neither has one. */
export function higherWatermarks<Lowest extends bigint | null>(
  a: Highest<Lowest>,
  b: Highest<bigint | null>,
): Highest<Lowest | bigint> {
  return {
    lowWatermark: higher(a.lowWatermark, b.lowWatermark),
    highWatermark: higher(a.highWatermark, b.highWatermark),
  };
}

interface Highest<Lowest> {
  readonly lowWatermark: Lowest;
  readonly highWatermark: bigint | null;
}

/** The higher of two heights, or the one that is there. */
export function higher<Height extends bigint | null>(a: Height, b: bigint | null): Height | bigint {
  if (a === null || b === null) return b ?? a;
  return max(a, b);
}

/** The last height that the store and the watermark log can hold. */
export const MAX_HEIGHT = 0xffff_ffff_ffff_ffffn;

/**
 * The last height of any vote or commitment: at ten blocks a second, a chain reaches it after 3,000 years. A vote far
 * above the chain would end the key, as nothing below it could be signed once its watermarks were moved or lost.
 */
export const LAST_HEIGHT = 1_000_000_000_000n;

/** How far above its last vote a key may vote where no known commitment covers the height, if a reason is given. */
export const UNCOMMITTED_LEAP = 100_000n;

/** @throws TapstakeError `height-too-high` */
export function assertHeight(height: bigint, name: string): void {
  if (height <= LAST_HEIGHT) return;
  throw new TapstakeError(
    "height-too-high",
    `the ${name} must be at most ${LAST_HEIGHT}, not ${height}: no chain is that high. Check the height: nothing was changed`,
    { height },
  );
}

/** Watermarks as the store remembers them. */
export interface StoredWatermarks extends Watermarks {
  /** Whether `export --retire` moved the key and chain to another home; then they are locked too. */
  readonly retired?: boolean | undefined;
  /**
   * Whether more may have been signed than is remembered. If so, nothing is signed until the operator gives the height
   * to begin at, `lowWatermark` or above.
   */
  readonly locked: boolean;
}

/**
 * Watermarks after another signer's interchange file was merged in. What that signer did after the export is unknown,
 * also at heights that it had left out. So nothing new is signed up to its highest height.
 */
export function mergedWatermarks(
  here: StoredWatermarks | null,
  file: Highest<bigint | null> & { readonly locked: boolean },
): StoredWatermarks {
  const known = here ?? { lowWatermark: 0n, highWatermark: null, locked: false };
  const watermarks = higherWatermarks(known, file);
  if (file.locked)
    return { lowWatermark: floorOf(watermarks), highWatermark: watermarks.highWatermark, locked: true };
  return {
    lowWatermark: higher(watermarks.lowWatermark, file.highWatermark),
    highWatermark: watermarks.highWatermark,
    locked: known.locked,
  };
}

/** Why a vote is not signed. */
export interface Refusal {
  readonly kind: "refused";
  readonly code: RefusalCode;
  /** For an operator. */
  readonly message: string;
}

/** What to do with a request to vote: sign it, return the remembered signature, or refuse. */
export type Decision =
  { readonly kind: "new" } | { readonly kind: "same"; readonly signature: Uint8Array } | Refusal;

/** Everything that a decision depends on. */
export interface DecisionInput {
  readonly height: bigint;
  /** SHA-256 of the message to sign, 32 bytes. */
  readonly digest: Uint8Array;
  /** The record at this height; null if there is none. */
  readonly record: VoteRecord | null;
  readonly watermarks: Watermarks;
  /** The last vote known to be on the chain, if the caller gives it: nothing at or below it is signed anew. */
  readonly chainHeight?: bigint | undefined;
  /** Whether a commitment that this signer knows covers the height. */
  readonly isCommitted: boolean;
  /** The highest height to sign without a known commitment, if the operator has given a reason for such votes. */
  readonly uncommittedUpTo?: bigint | undefined;
}

/**
 * Whether a message may be signed at a height. The first row that applies decides:
 *
 * | at the height is remembered            | and                                | decision                            |
 * | -------------------------------------- | ---------------------------------- | ----------------------------------- |
 * | a vote without digest                  |                                    | refused: `unknown-earlier-vote`     |
 * | a vote with another digest             |                                    | refused: `double-vote`              |
 * | a vote with this digest, no signature  |                                    | refused: `unknown-earlier-vote`     |
 * | a vote with this digest and signature  | the height is below the lowest     | refused: `below-watermark`          |
 * | a vote with this digest and signature  |                                    | same, with the remembered signature |
 * | nothing                                | the height is below the lowest     | refused: `below-watermark`          |
 * | nothing                                | it is at or below the chain height | refused: `at-or-below-chain-height` |
 * | nothing                                | it is above the last height        | refused: `height-too-high`          |
 * | nothing                                | a known commitment covers it       | new                                 |
 * | nothing                                | no reason for votes without one    | refused: `no-commitment`            |
 * | nothing                                | far above the last vote            | refused: `height-too-high`          |
 * | nothing                                |                                    | new                                 |
 *
 * A crash may have kept back a remembered signature. Below the lowest height it is never released: another signer may
 * have voted there since.
 */
export function decide(input: DecisionInput): Decision {
  const { height, digest, record, watermarks, chainHeight } = input;
  const again = record && decideAgain(height, digest, record);
  if (again?.kind === "refused") return again;
  if (height < watermarks.lowWatermark) {
    return refuse(
      "below-watermark",
      `height ${height} is below ${watermarks.lowWatermark}, the low watermark of this key and chain: this home does not know every vote below it`,
    );
  }
  if (again) return again;
  if (chainHeight !== undefined && height <= chainHeight) {
    return refuse(
      "at-or-below-chain-height",
      `height ${height} is not above ${chainHeight}, the last vote known on the chain, and this home has no vote at it: another signer may have signed one`,
    );
  }
  return decideReach(input);
}

/** Whether a height is one that a chain can be at: a single vote far above the chain would end the key. */
function decideReach({ height, isCommitted, uncommittedUpTo }: DecisionInput): Decision {
  if (height > LAST_HEIGHT) {
    return refuse(
      "height-too-high",
      `height ${height} is above ${LAST_HEIGHT}, the last height that tapstake signs at: no chain is that high`,
    );
  }
  if (isCommitted) return { kind: "new" };
  if (uncommittedUpTo === undefined) {
    return refuse(
      "no-commitment",
      `no commitment that this home knows covers height ${height}: the chain would not count the vote, or the height is wrong`,
    );
  }
  if (height > uncommittedUpTo) {
    return refuse(
      "height-too-high",
      `height ${height} is above ${uncommittedUpTo}, the highest that tapstake signs at now without a known commitment: that is ${UNCOMMITTED_LEAP} above the last vote`,
    );
  }
  return { kind: "new" };
}

function decideAgain(height: bigint, digest: Uint8Array, { at, instance, ...record }: VoteRecord): Decision {
  const when = `${at} by ${instance}`;
  if (!record.digest) {
    return refuse(
      "unknown-earlier-vote",
      `height ${height} has a vote already (recorded ${when}), and its message is not known: signing now could reveal the key`,
    );
  }
  if (!equalBytes(record.digest, digest)) {
    return refuse(
      "double-vote",
      `another message was signed at height ${height} (recorded ${when}): a second vote there would reveal the key, even for the same block under another signing context`,
    );
  }
  if (!record.signature) {
    return refuse(
      "unknown-earlier-vote",
      `this message is recorded as signed at height ${height} (${when}) without its signature: only the program that signed it has that`,
    );
  }
  return { kind: "same", signature: record.signature };
}

const refuse = (code: RefusalCode, message: string): Refusal => ({ kind: "refused", code, message });
