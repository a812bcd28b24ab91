import { bech32 } from "@scure/base";
import * as v from "valibot";
import { addressOfScript, scriptOfAddress } from "../bitcoin/address.js";
import { assertBytes, concatBytes, equalBytes, hex, isBytes } from "../core/bytes.js";
import { curve } from "../core/curve/index.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { sha256 } from "../core/hashes.js";
import { jsonText, parseJson, readJson } from "../core/json.js";
import { assertPublicKey, assertSecretKey } from "../core/keys.js";
import { type Network, NETWORKS } from "../core/network.js";
import { decodeProtobuf, encodeProtobuf } from "../core/protobuf.js";
import { assertChoice, show } from "../core/text.js";
import { bitcoinMessage } from "../crypto/bitcoin-message.js";
import { schnorr } from "../crypto/schnorr.js";
import type { Psbt } from "../psbt/psbt.js";
import type { PsbtLike } from "../psbt/read.js";
import type { Signer } from "../spending/spend.js";
import { contextBytes } from "../vote/messages.js";
import { bip322, signatureBytes, SIGNING_OUTPUTS, type SigningOutput } from "./bip322.js";
import { ACCOUNT_PREFIX } from "./releases.js";
import { SCHEMA } from "./schema.js";

/** The kinds of proof, in the order of the chain's `btc_sig_type`: 0, 1, 2. */
export const PROOF_KINDS = ["bip340", "bip322", "ecdsa"] as const;
/** How a proof of possession is signed. */
export type ProofKind = (typeof PROOF_KINDS)[number];

/** That the owner of a Bitcoin key chose an account of the staking chain (PROTOCOL 6). */
export interface ProofOfPossession {
  readonly kind: ProofKind;
  /** As the chain has it: BIP-340, 64 bytes; BIP-322, an address with its witness; compact ECDSA, 65 bytes. */
  readonly signature: Uint8Array;
}

/** The account that a proof is for. */
export interface PossessionOf {
  /** An account of the chain, in bech32: `bbn1…`. BIP-340 signs its bytes; the other kinds sign the text. */
  readonly address: string;
  /** The chain's `signingContext` for `staker_pop` or `fp_pop`, where it uses one. */
  readonly context?: string | undefined;
}

/** A proof by the Bitcoin address of a key. */
export interface Bip322Form extends PossessionOf {
  readonly kind: "bip322";
  /** Which of the key's addresses. */
  readonly output: SigningOutput;
  readonly network: Network;
}

/** What kind of proof to make, and for which account. */
export type ProofForm =
  (PossessionOf & { readonly kind: "bip340" }) | (PossessionOf & { readonly kind: "ecdsa" }) | Bip322Form;

/** What to give to a signer for a proof: one of them, by its kind. */
export interface ProofToSign {
  /** BIP-340: 32 bytes, for a signer of digests. */
  readonly digest?: Uint8Array;
  /** BIP-322 and ECDSA: the text, for a wallet that signs messages. */
  readonly text?: string;
  /** BIP-322: the address to sign as. */
  readonly bitcoinAddress?: string;
  /** BIP-322: the same to a wallet that only signs PSBTs. */
  readonly psbt?: Psbt;
}

/**
 * A proof of possession by a key in memory, verified before it is returned.
 * @param secretKey 32 bytes
 * @throws TapstakeError `invalid-secret-key`, `invalid-address`, `invalid-hex` (context), `invalid-argument`,
 * `invalid-network`
 */
export function proofOfPossession(secretKey: Uint8Array, form: ProofForm): ProofOfPossession {
  assertSecretKey(secretKey);
  assertForm(form);
  const { kind, address, context } = form;
  if (form.kind === "bip340") {
    return { kind, signature: schnorr.sign(secretKey, proofOfPossessionDigest(address, context)) };
  }
  const text = proofOfPossessionText(address, context);
  if (form.kind === "ecdsa") return { kind, signature: bitcoinMessage.sign(secretKey, text) };
  const publicKey = curve.pointFromScalar(secretKey)!;
  const signature = bip322.sign(secretKey, form.output, text);
  return { kind, signature: bip322Proof(bitcoinAddressOf(publicKey, form), signature) };
}

/**
 * A proof of the kind that any {@link Signer} can make: BIP-340. What it returns is verified before it is used.
 * @throws TapstakeError `signer-failed`, `invalid-possession`, and as {@link proofOfPossessionDigest}
 */
export async function signPossession(
  signer: Signer,
  { address, context }: PossessionOf,
): Promise<ProofOfPossession> {
  const form: ProofForm = { kind: "bip340", address, context };
  const { digest } = proofToSign(signer.publicKey, form);
  let signature: Uint8Array;
  try {
    signature = await signer.signSchnorr(digest!);
  } catch (cause) {
    const key = hex.encode(signer.publicKey);
    throw new TapstakeError("signer-failed", `the signer of ${key} failed`, {}, { cause });
  }
  return acceptProof(signer.publicKey, form, signature);
}

/**
 * What a signer elsewhere is given, a wallet for example. What comes back goes to {@link acceptProof}.
 * @param publicKey x-only, or 33 bytes, which a P2WPKH address needs
 * @throws TapstakeError `invalid-public-key`, and as {@link proofOfPossession}
 */
export function proofToSign(publicKey: Uint8Array, form: ProofForm): ProofToSign {
  const key = xOnly(publicKey);
  assertForm(form);
  const { address, context } = form;
  if (form.kind === "bip340") return { digest: proofOfPossessionDigest(address, context) };
  const text = proofOfPossessionText(address, context);
  if (form.kind === "ecdsa") return { text };
  const script = bip322.script(publicKey, form.output);
  return {
    text,
    bitcoinAddress: bitcoinAddressOf(publicKey, form),
    psbt: bip322.psbt(text, script, form.output === "p2tr" ? key : undefined),
  };
}

/**
 * What a signer answered to {@link proofToSign}, checked. Wallets give signed messages in base64. Those that follow
 * BIP-137 say in an ECDSA signature's header which address they signed as (35 to 42), which the chain would refuse:
 * the header is written anew.
 * @param answer the signature as bytes, base64 or hexadecimal; for BIP-322 with a prefix (`smp`, `ful`) or without, or
 * the signed PSBT
 * @throws TapstakeError `invalid-possession` when it is no proof by this key for this account; `invalid-psbt`,
 * `psbt-mismatch`, `missing-signature`; and as {@link proofToSign}
 */
export function acceptProof(publicKey: Uint8Array, form: ProofForm, answer: PsbtLike): ProofOfPossession {
  const key = xOnly(publicKey);
  assertForm(form);
  const proof = { kind: form.kind, signature: signatureIn(publicKey, form, answer) };
  checkProofOfPossession(key, proof, form);
  return proof;
}

/**
 * Whether a proof shows that the owner of `publicKey` (x-only) chose the account, as the chain judges it. False on
 * malformed input.
 *
 * The chain compares x-only keys: a recovered or hashed key of the other parity is the same one.
 * @param of the account; and the network of the Bitcoin addresses of BIP-322, which needs it
 */
export function verifyProofOfPossession(
  publicKey: Uint8Array,
  proof: ProofOfPossession,
  of: PossessionOf & { readonly network?: Network },
): boolean {
  try {
    const { kind, signature } = proof;
    const { address, context, network } = of;
    if (!isBytes(publicKey, 32) || !curve.isXOnlyPoint(publicKey)) return false;
    if (kind === "bip340") {
      return schnorr.verify(publicKey, proofOfPossessionDigest(address, context), signature);
    }
    const text = proofOfPossessionText(address, context);
    if (kind === "ecdsa") {
      const signer = bitcoinMessage.recover(text, signature);
      return signer !== null && equalBytes(signer.subarray(1), publicKey);
    }
    return kind === "bip322" && network !== undefined && verifyBip322(publicKey, text, signature, network);
  } catch {
    return false;
  }
}

/**
 * Checks that a key and an account belong together.
 * @throws TapstakeError `invalid-possession` unless {@link verifyProofOfPossession} is true
 */
export function checkProofOfPossession(
  publicKey: Uint8Array,
  proof: ProofOfPossession,
  of: PossessionOf & { readonly network?: Network },
): void {
  if (verifyProofOfPossession(publicKey, proof, of)) return;
  const how = of.context === undefined ? "without a signing context" : "with this signing context";
  const key = isBytes(publicKey, 32) ? hex.encode(publicKey) : describeType(publicKey);
  const text = `no ${show(proof?.kind)} proof by ${key} for ${of.address} ${how}`;
  throw new TapstakeError("invalid-possession", text, { key });
}

/**
 * What a proof of the kind `bip340` signs (PROTOCOL 6): `SHA256([context] ‖ the address's bytes)`.
 * @param address the account, in bech32
 * @param context the chain's signing context, where it uses one
 * @throws TapstakeError `invalid-address`, `invalid-hex` (context)
 */
export function proofOfPossessionDigest(address: string, context?: string): Uint8Array {
  return sha256(concatBytes(contextBytes(context), account(address).bytes));
}

/**
 * The text that proofs of the other kinds sign: the address, behind the context where there is one.
 * @throws TapstakeError `invalid-address`, `invalid-hex` (context)
 */
export function proofOfPossessionText(address: string, context?: string): string {
  contextBytes(context);
  return `${context ?? ""}${account(address).text}`;
}

/**
 * An account of the chain; its text as the chain writes it, in lower case. A person's has 20 bytes, a contract's or a
 * module's can have 32.
 * @throws TapstakeError `invalid-address`, also for the account of another chain
 */
export function account(address: string): { bytes: Uint8Array; text: string } {
  let decoded: { prefix: string; bytes: Uint8Array };
  try {
    decoded = bech32.decodeToBytes(address);
  } catch (cause) {
    const text = `address: ${JSON.stringify(address)} is not bech32 with a valid checksum`;
    throw new TapstakeError("invalid-address", text, {}, { cause });
  }
  const { prefix, bytes } = decoded;
  if (prefix !== ACCOUNT_PREFIX) {
    const text = `address must be an account of the staking chain (${ACCOUNT_PREFIX}1…), and ${address} is of another chain`;
    throw new TapstakeError("invalid-address", text, { expected: ACCOUNT_PREFIX, got: prefix });
  }
  if (bytes.length !== 20 && bytes.length !== 32) {
    const text = `address must be an account of 20 or 32 bytes, not ${bytes.length}`;
    throw new TapstakeError("invalid-address", text);
  }
  return { bytes, text: address.toLowerCase() };
}

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
  return jsonText(json);
}

/**
 * The inverse of {@link proofToJson}. The form is validated; whether it proves anything is the question of
 * `checkProofOfPossession`.
 * @throws TapstakeError `invalid-json`, `invalid-hex`, `invalid-address`
 */
export function proofFromJson(text: string): ProofRecord {
  const read = readJson(recordForm, parseJson(text, "proof"), "proof");
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

const recordForm = v.strictObject({
  kind: v.picklist(PROOF_KINDS),
  publicKey: v.string(),
  address: v.string(),
  context: v.exactOptional(v.string()),
  network: v.exactOptional(v.picklist(NETWORKS)),
  signature: v.string(),
});

function assertForm(form: ProofForm): void {
  assertChoice(form?.kind, "kind of proof", PROOF_KINDS);
  if (form.kind === "bip322") assertChoice(form.output, "output", SIGNING_OUTPUTS);
}

function xOnly(publicKey: Uint8Array): Uint8Array {
  const key = isBytes(publicKey, 33) ? publicKey.slice(1) : publicKey;
  assertPublicKey(key, "public key");
  return key;
}

function bitcoinAddressOf(publicKey: Uint8Array, { output, network }: Bip322Form): string {
  return addressOfScript(bip322.script(publicKey, output), network)!;
}

function signatureIn(publicKey: Uint8Array, form: ProofForm, answer: PsbtLike): Uint8Array {
  if (form.kind !== "bip322") {
    const bytes = signatureBytes(answer);
    return form.kind === "ecdsa" ? withPlainHeader(bytes) : bytes;
  }
  const text = proofOfPossessionText(form.address, form.context);
  const script = bip322.script(publicKey, form.output);
  return bip322Proof(bitcoinAddressOf(publicKey, form), bip322.fromAnswer(text, script, answer));
}

/** BIP-137 adds 4 for a key in P2SH-P2WPKH and 8 for P2WPKH to the header of a compressed key. */
function withPlainHeader(signature: Uint8Array): Uint8Array {
  const header = signature[0] ?? 0;
  if (header < 35 || header > 42) return signature;
  return concatBytes(Uint8Array.of(31 + ((header - 35) % 4)), signature.subarray(1));
}

const bip322Proof = (address: string, sig: Uint8Array): Uint8Array =>
  encodeProtobuf(SCHEMA, "BIP322Sig", { address, sig });

function verifyBip322(publicKey: Uint8Array, text: string, proof: Uint8Array, network: Network): boolean {
  assertBytes(proof, "signature");
  const read = decodeProtobuf(SCHEMA, "BIP322Sig", proof, "refuse");
  const { address, sig } = read as { address: string; sig: Uint8Array };
  const script = scriptOfAddress(address, network);
  const isOwn = isWitnessKeyHash(script)
    ? equalBytes(bip322.keyIn(sig)?.subarray(1) ?? new Uint8Array(), publicKey)
    : equalBytes(script, bip322.script(publicKey, "p2tr"));
  return isOwn && bip322.verify(text, script, sig);
}

const isWitnessKeyHash = (script: Uint8Array): boolean => script.length === 22 && script[0] === 0;
