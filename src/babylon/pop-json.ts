import * as v from "valibot";
import { hex } from "../core/bytes.js";
import { parseJson, readJson } from "../core/json.js";
import { type Network, NETWORKS } from "../core/network.js";
import { contextBytes } from "../vote/messages.js";
import { account, type PossessionOf, PROOF_KINDS, type ProofOfPossession } from "./pop.js";

/** A proof of possession with all that verifying it needs: what goes from who signs to who registers. */
export interface ProofRecord extends PossessionOf {
  /** Whose proof it is, x-only. */
  readonly publicKey: Uint8Array;
  readonly proof: ProofOfPossession;
  /** Of the Bitcoin address in a BIP-322 proof. */
  readonly network?: Network | undefined;
}

/** A proof as JSON text: bytes as hexadecimal. Nothing in it is secret. */
export function proofToJson({ publicKey, proof, address, context, network }: ProofRecord): string {
  const json = {
    kind: proof.kind,
    publicKey: hex.encode(publicKey),
    address,
    ...(context !== undefined && { context }),
    ...(network !== undefined && { network }),
    signature: hex.encode(proof.signature),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

/**
 * The inverse of {@link proofToJson}. The form is validated; whether it proves anything is the question of
 * `checkProofOfPossession`.
 * @throws TapstakeError `invalid-json`, `invalid-hex`, `invalid-address`
 */
export function proofFromJson(text: string): ProofRecord {
  const read = readJson(form, parseJson(text, "proof"), "proof");
  const { kind, publicKey, address, context, network, signature } = read;
  account(address);
  contextBytes(context);
  return {
    publicKey: hex.decode(publicKey, 32, "proof.publicKey"),
    proof: { kind, signature: hex.decode(signature, undefined, "proof.signature") },
    address,
    ...(context !== undefined && { context }),
    ...(network !== undefined && { network }),
  };
}

const form = v.strictObject({
  kind: v.picklist(PROOF_KINDS),
  publicKey: v.string(),
  address: v.string(),
  context: v.exactOptional(v.string()),
  network: v.exactOptional(v.picklist(NETWORKS)),
  signature: v.string(),
});
