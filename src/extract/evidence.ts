import * as v from "valibot";
import { hex } from "../core/bytes.js";
import { blockHeight, jsonText, parseJson, readJson } from "../core/json.js";
import { assertObject } from "../core/objects.js";
import { eots } from "../crypto/eots.js";
import { voteMessage } from "../vote/messages.js";

/** A vote as the chain shows it: the signed block and the EOTS signature. */
export interface CastVote {
  /** 32 bytes. */
  readonly appHash: Uint8Array;
  /** 32 bytes. */
  readonly signature: Uint8Array;
  /** The chain's signing context for votes, if it has one. */
  readonly context?: string;
}

/**
 * Two votes of one finality provider at one height (PROTOCOL 6). It does not matter which one is on the canonical
 * chain.
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
  assertEvidence(evidence);
  const { finalityProvider, height, publicRandomness, canonical, fork } = evidence;
  const signed = ({ signature, ...vote }: CastVote) => ({
    // The height of the evidence applies, even if a vote states another one.
    message: voteMessage({ ...vote, height }),
    signature,
  });
  return eots.extract(finalityProvider, publicRandomness, signed(canonical), signed(fork));
}

function assertEvidence(evidence: Evidence): void {
  assertObject(evidence, "the evidence", "evidenceFromJson reads its text");
  assertObject(evidence.canonical, "the evidence's canonical");
  assertObject(evidence.fork, "the evidence's fork");
}

/** {@link Evidence} in JSON, by the field names of PROTOCOL 6: bytes as hexadecimal, the height as decimal text. */
export interface EvidenceJson {
  readonly fp_btc_pk: string;
  readonly block_height: string;
  readonly pub_rand: string;
  readonly canonical_app_hash: string;
  readonly fork_app_hash: string;
  readonly canonical_finality_sig: string;
  readonly fork_finality_sig: string;
  /** Only on chains that sign votes with a context; the two votes can differ in it. */
  readonly canonical_signing_context?: string;
  readonly fork_signing_context?: string;
}

/** Evidence as JSON text, indented. @throws TapstakeError `invalid-argument`, `invalid-bytes` */
export function evidenceToJson(evidence: Evidence): string {
  assertEvidence(evidence);
  const { finalityProvider, height, publicRandomness, canonical, fork } = evidence;
  const json: EvidenceJson = {
    fp_btc_pk: hex.encode(finalityProvider),
    block_height: `${height}`,
    pub_rand: hex.encode(publicRandomness),
    canonical_app_hash: hex.encode(canonical.appHash),
    fork_app_hash: hex.encode(fork.appHash),
    canonical_finality_sig: hex.encode(canonical.signature),
    fork_finality_sig: hex.encode(fork.signature),
    ...(canonical.context !== undefined && { canonical_signing_context: canonical.context }),
    ...(fork.context !== undefined && { fork_signing_context: fork.context }),
  };
  return jsonText(json);
}

/**
 * The inverse of {@link evidenceToJson}. A height below 2^53 may also be a JSON number. It does not check whether the
 * votes reveal a key: `extractFromVotes` does.
 * @throws TapstakeError `invalid-json` also for unknown fields, `invalid-hex`
 */
export function evidenceFromJson(text: string): Evidence {
  const json = readJson(form, parseJson(text, "evidence"), "evidence");
  const bytes = (field: Exclude<keyof EvidenceJson, "block_height">) =>
    hex.decode(json[field] ?? "", 32, `evidence.${field}`);
  const vote = (side: "canonical" | "fork"): CastVote => {
    const context = json[`${side}_signing_context`];
    return {
      appHash: bytes(`${side}_app_hash`),
      signature: bytes(`${side}_finality_sig`),
      ...(context !== undefined && { context }),
    };
  };
  return {
    finalityProvider: bytes("fp_btc_pk"),
    height: json.block_height,
    publicRandomness: bytes("pub_rand"),
    canonical: vote("canonical"),
    fork: vote("fork"),
  };
}

const form = v.strictObject({
  fp_btc_pk: v.string(),
  block_height: blockHeight,
  pub_rand: v.string(),
  canonical_app_hash: v.string(),
  fork_app_hash: v.string(),
  canonical_finality_sig: v.string(),
  fork_finality_sig: v.string(),
  canonical_signing_context: v.exactOptional(v.string()),
  fork_signing_context: v.exactOptional(v.string()),
});
