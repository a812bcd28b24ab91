import { Option } from "@commander-js/extra-typings";
import { hex } from "../core/bytes.js";
import type { ProofRecord } from "../babylon/pop-json.js";
import { PROOF_KINDS } from "../babylon/pop.js";
import type { Row } from "./output.js";

export const kindOption = () =>
  new Option("--kind <kind>", "the kind of proof").choices(PROOF_KINDS).default("bip340" as const);

export const contextOption = () =>
  new Option("--context <hex>", "the chain's signing context, where it uses one: 64 digits");

/** A proof as data, with its number on the chain. */
export const proofFacts = ({ publicKey, proof, address, context, network }: ProofRecord) => ({
  kind: proof.kind,
  btcSigType: PROOF_KINDS.indexOf(proof.kind),
  publicKey,
  address,
  ...(context !== undefined && { context }),
  ...(network !== undefined && { network }),
  signature: proof.signature,
});

export const proofRows = ({ publicKey, proof, address, context, network }: ProofRecord): Row[] => [
  ["key", hex.encode(publicKey)],
  ["account", address],
  ["kind", `${proof.kind}, btc_sig_type ${PROOF_KINDS.indexOf(proof.kind)}`],
  ["network", network],
  ["context", context ?? "none"],
  ["signature", hex.encode(proof.signature)],
];
