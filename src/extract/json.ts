import * as v from "valibot";
import { hex } from "../core/bytes.js";
import { blockHeight, parseJson, readJson } from "../core/json.js";
import type { CastVote, Evidence } from "./votes.js";

/** {@link Evidence} in JSON, by the field names of PROTOCOL 6: bytes as hexadecimal, the height as decimal text. */
export interface EvidenceJson {
  readonly fp_btc_pk: string;
  readonly block_height: string;
  readonly pub_rand: string;
  readonly canonical_app_hash: string;
  readonly fork_app_hash: string;
  readonly canonical_finality_sig: string;
  readonly fork_finality_sig: string;
  /** Only of chains that sign votes with a context; the votes can differ in it. */
  readonly canonical_signing_context?: string;
  readonly fork_signing_context?: string;
}

/** Evidence as JSON text, indented. */
export function evidenceToJson(evidence: Evidence): string {
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
  return `${JSON.stringify(json, null, 2)}\n`;
}

/**
 * The inverse of {@link evidenceToJson}. A height below 2^53 may also be a JSON number. Whether the votes reveal a
 * key is the question of `extractFromVotes`.
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
