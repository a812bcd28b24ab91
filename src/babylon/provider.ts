import type { Rate } from "../core/amount.js";
import { utf8 } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { assertPublicKey } from "../core/keys.js";
import type { Network } from "../core/network.js";
import { show } from "../core/text.js";
import type { MerkleProof } from "../crypto/merkle.js";
import { type Evidence, extractFromVotes } from "../extract/evidence.js";
import { COMMISSION_DECIMALS } from "../params/types.js";
import { assertCommitmentRange, contextBytes } from "../vote/messages.js";
import { type Commitment, type FinalityVote, verifyCommitment, verifyVote } from "../vote/vote.js";
import { ACCOUNT, type Codec, countOf, fields, hexOf, optional, POP, type Sent } from "./codec.js";
import { account, checkProofOfPossession, type ProofOfPossession } from "./pop.js";
import type { MessageOf } from "./schema.js";
import { assertMessage } from "./shape.js";
import type { ReadOptions } from "./stake.js";

/** What a finality provider says of itself; empty text where it says nothing. */
export type ProviderDescription = MessageOf<"Description">;

/** What registers a finality provider. */
export interface ProviderRegistration {
  /** The account that is paid the commission, in bech32. */
  readonly address: string;
  /** The EOTS key, x-only. */
  readonly publicKey: Uint8Array;
  readonly proof: ProofOfPossession;
  readonly description: ProviderDescription;
  readonly commission: Commission;
  /** The chain that it votes for, where it is not the staking chain itself: v3 alone knows others. */
  readonly bsnId?: string | undefined;
}

/** What a finality provider charges: fractions from 0 to 1 of at most 18 decimals. */
export interface Commission {
  readonly rate: Rate;
  readonly maxRate: Rate;
  /** The most by which the rate may rise in a day. */
  readonly maxChangeRate: Rate;
}

/** What is needed to verify a provider's proof of possession. */
export interface ProviderOptions {
  /** Of the Bitcoin addresses in BIP-322 proofs. */
  readonly network?: Network | undefined;
  /** The signing context for `fp_pop`, where the chain uses one. */
  readonly context?: string | undefined;
}

/**
 * The message that registers a finality provider. Its proof of possession is verified first.
 *
 * A commission is written as the chain's decimals are in protobuf: the number of 10^-18, so that 5 % is
 * `50000000000000000`. Written as `0.05` the chain would refuse it.
 * @throws TapstakeError `invalid-address`, `invalid-possession`; `invalid-rate` for a commission that the chain refuses;
 * `invalid-argument` without a moniker, or when a part of the description is too long
 */
export function createFinalityProviderMessage(
  registration: ProviderRegistration,
  options: ProviderOptions = {},
): MessageOf<"MsgCreateFinalityProvider"> {
  checkProvider(registration, options);
  return REGISTRATION.write(registration);
}

/**
 * The inverse of {@link createFinalityProviderMessage}, checked in the same way.
 * @throws TapstakeError `invalid-message`, and as there
 */
export function readCreateFinalityProvider(
  message: MessageOf<"MsgCreateFinalityProvider">,
  options: ProviderOptions = {},
): ProviderRegistration {
  assertMessage("MsgCreateFinalityProvider", message);
  const registration = REGISTRATION.read(message);
  checkProvider(registration, options);
  return registration;
}

/**
 * The message that reports a finality provider which voted twice at one height. That the votes give the key away is
 * checked first.
 * @param signer the account that sends it, in bech32
 * @throws TapstakeError `invalid-address`; `unsupported-message` when the votes have different signing contexts, for
 * which the message has one field; and the codes of `extractFromVotes`
 */
export function equivocationMessage(
  evidence: Evidence,
  signer: string,
): MessageOf<"MsgEquivocationEvidence"> {
  const { canonical, fork } = evidence;
  if (canonical.context !== fork.context) {
    const text = "the message holds one signing context, and the votes were signed with different ones";
    throw new TapstakeError("unsupported-message", text);
  }
  extractFromVotes(evidence);
  return EVIDENCE.write({ ...evidence, signer });
}

/**
 * The inverse of {@link equivocationMessage}, checked in the same way.
 * @throws TapstakeError `invalid-hex`, and as there
 */
export function readEquivocation(message: MessageOf<"MsgEquivocationEvidence">): {
  readonly signer: string;
  readonly evidence: Evidence;
} {
  assertMessage("MsgEquivocationEvidence", message);
  const { signer, ...read } = EVIDENCE.read(message);
  const { context } = read.canonical;
  contextBytes(context);
  const evidence = { ...read, fork: { ...read.fork, ...(context !== undefined && { context }) } };
  extractFromVotes(evidence);
  return { signer, evidence };
}

function checkProvider(
  { address, publicKey, proof, description, commission }: ProviderRegistration,
  { network, context }: ProviderOptions,
): void {
  account(address);
  checkProofOfPossession(publicKey, proof, { address, context, ...(network && { network }) });
  checkDescription(description);
  const { rate, maxRate, maxChangeRate } = commission;
  const [now, most, step] = [units(rate), units(maxRate), units(maxChangeRate)];
  if (most > ONE || now > most || step > most) {
    const text =
      "the commission must be at most its maximum, the maximum at most 1, and the step at most the maximum";
    throw new TapstakeError("invalid-rate", text);
  }
}

/** The most bytes of each part of a description, as UTF-8. The chain counts bytes, not characters. */
export const DESCRIPTION_LIMITS = {
  moniker: 70,
  identity: 3000,
  website: 140,
  securityContact: 140,
  details: 280,
} as const satisfies Readonly<Record<keyof ProviderDescription, number>>;

/** @throws TapstakeError `invalid-argument` without a moniker, or when a part is too long */
export function checkDescription(description: ProviderDescription): void {
  if (!description?.moniker) {
    const text = "the moniker is empty: the chain demands one of every finality provider";
    throw new TapstakeError("invalid-argument", text);
  }
  for (const part of Object.keys(DESCRIPTION_LIMITS) as (keyof ProviderDescription)[]) {
    const [most, got] = [DESCRIPTION_LIMITS[part], utf8(description[part]).length];
    if (got <= most) continue;
    const text = `description: ${part} has ${got} bytes, and the chain takes at most ${most}: shorten it`;
    throw new TapstakeError("invalid-argument", text, { part, expected: most, got });
  }
}

const ONE = 10n ** BigInt(COMMISSION_DECIMALS);

/** A rate in units of 10^-18. */
function units({ numerator, denominator }: Rate): bigint {
  if (
    typeof numerator === "bigint" &&
    typeof denominator === "bigint" &&
    numerator >= 0n &&
    denominator > 0n
  ) {
    const scaled = numerator * ONE;
    if (scaled % denominator === 0n) return scaled / denominator;
  }
  const text = `commission must be a fraction of at most ${COMMISSION_DECIMALS} decimals`;
  throw new TapstakeError("invalid-rate", text);
}

const RATE: Codec<Rate, string> = {
  write: (rate) => `${units(rate)}`,
  read(text) {
    if (/^(0|[1-9]\d{0,18})$/.test(text)) return { numerator: BigInt(text), denominator: ONE };
    const expected = "commission must be the number of 10^-18 as text";
    throw new TapstakeError("invalid-message", `${expected}, not ${show(text)}`);
  },
};

const REGISTRATION = fields<MessageOf<"MsgCreateFinalityProvider">, ProviderRegistration>({
  addr: ["address", ACCOUNT],
  description: "description",
  btcPk: "publicKey",
  pop: ["proof", POP],
  bsnId: ["bsnId", { write: (id: string | undefined) => id || undefined, read: (id) => id }],
  commission: [
    "commission",
    fields<MessageOf<"CommissionRates">, Commission>({
      rate: ["rate", RATE],
      maxRate: ["maxRate", RATE],
      maxChangeRate: ["maxChangeRate", RATE],
    }),
  ],
});

/** What changes of a finality provider that is registered already. */
export interface ProviderEdit {
  /** The provider's own account, in bech32: no other may change it. */
  readonly address: string;
  /** The EOTS key, x-only. */
  readonly publicKey: Uint8Array;
  /** All of it: it replaces what the chain has. */
  readonly description: ProviderDescription;
  /** The new rate; absent to keep the rate. A fraction from 0 to 1 of at most 18 decimals. */
  readonly commission?: Rate | undefined;
}

/**
 * The message that changes a finality provider's description and commission.
 * @throws TapstakeError `invalid-address`, `invalid-public-key`; `invalid-rate` for a commission above 1;
 * `invalid-argument` without a moniker, or when a part of the description is too long
 */
export function editFinalityProviderMessage(edit: ProviderEdit): MessageOf<"MsgEditFinalityProvider"> {
  checkEdit(edit);
  return EDIT.write(edit);
}

/**
 * The inverse of {@link editFinalityProviderMessage}, checked in the same way.
 * @throws TapstakeError `invalid-message`, and as there
 */
export function readEditFinalityProvider(message: MessageOf<"MsgEditFinalityProvider">): ProviderEdit {
  assertMessage("MsgEditFinalityProvider", message);
  const edit = EDIT.read(message);
  checkEdit(edit);
  return edit;
}

function checkEdit({ publicKey, description, commission }: ProviderEdit): void {
  assertPublicKey(publicKey, "finality provider");
  checkDescription(description);
  if (commission === undefined || units(commission) <= ONE) return;
  throw new TapstakeError("invalid-rate", "the commission must be at most 1");
}

const EDIT = fields<MessageOf<"MsgEditFinalityProvider">, ProviderEdit>({
  addr: ["address", ACCOUNT],
  btcPk: "publicKey",
  description: "description",
  commission: ["commission", optional(RATE)],
});

/**
 * The message that lets a jailed finality provider vote again, once its time in jail is over.
 * @param signer the provider's own account, in bech32
 * @throws TapstakeError `invalid-address`, `invalid-public-key`
 */
export function unjailFinalityProviderMessage(
  publicKey: Uint8Array,
  signer: string,
): MessageOf<"MsgUnjailFinalityProvider"> {
  assertPublicKey(publicKey, "finality provider");
  return UNJAIL.write({ publicKey, signer });
}

/**
 * The inverse of {@link unjailFinalityProviderMessage}, checked in the same way.
 * @throws TapstakeError as there
 */
export function readUnjailFinalityProvider(
  message: MessageOf<"MsgUnjailFinalityProvider">,
): Sent<{ readonly publicKey: Uint8Array }> {
  assertMessage("MsgUnjailFinalityProvider", message);
  const read = UNJAIL.read(message);
  assertPublicKey(read.publicKey, "finality provider");
  return read;
}

const UNJAIL = fields<MessageOf<"MsgUnjailFinalityProvider">, Sent<{ readonly publicKey: Uint8Array }>>({
  signer: ["signer", ACCOUNT],
  fpBtcPk: "publicKey",
});

const COMMITMENT = fields<MessageOf<"MsgCommitPubRandList">, Sent<Omit<Commitment, "context">>>({
  signer: ["signer", ACCOUNT],
  fpBtcPk: "finalityProvider",
  startHeight: "startHeight",
  numPubRand: ["count", countOf("number of heights")],
  commitment: "root",
  sig: "signature",
});

const VOTE = fields<
  MessageOf<"MsgAddFinalitySig">,
  Sent<Omit<FinalityVote, "context"> & { readonly proof: MerkleProof }>
>({
  signer: ["signer", ACCOUNT],
  fpBtcPk: "finalityProvider",
  blockHeight: "height",
  pubRand: "publicRandomness",
  proof: [
    "proof",
    fields<MessageOf<"Proof">, MerkleProof>({
      total: ["total", countOf("total")],
      index: ["index", countOf("index")],
      leafHash: "leafHash",
      aunts: "aunts",
    }),
  ],
  blockAppHash: "appHash",
  finalitySig: "signature",
});

/** The message has one signing context for both votes: it stands with the first. */
const EVIDENCE = fields<MessageOf<"MsgEquivocationEvidence">, Sent<Evidence>>({
  signer: ["signer", ACCOUNT],
  fpBtcPkHex: ["finalityProvider", hexOf("finality provider")],
  blockHeight: "height",
  pubRandHex: ["publicRandomness", hexOf("public randomness")],
  canonicalAppHashHex: ["canonical.appHash", hexOf("canonical app hash")],
  forkAppHashHex: ["fork.appHash", hexOf("fork app hash")],
  canonicalFinalitySigHex: ["canonical.signature", hexOf("canonical signature")],
  forkFinalitySigHex: ["fork.signature", hexOf("fork signature")],
  signingContext: [
    "canonical.context",
    {
      write: (context: string | undefined) => context ?? "",
      read: (text) => (text === "" ? undefined : text),
    },
  ],
});

/**
 * The message that commits randomness. The commitment's signature is verified first. The signing context is no part of
 * the message: the chain knows which one is in force.
 * @param signer the account that sends it, in bech32
 * @throws TapstakeError `invalid-address`, `invalid-signature`; `invalid-number` when its heights reach 2^64
 */
export function commitRandomnessMessage(
  commitment: Commitment,
  signer: string,
): MessageOf<"MsgCommitPubRandList"> {
  assertCommitted(commitment);
  return COMMITMENT.write({ ...commitment, signer });
}

/**
 * The inverse of {@link commitRandomnessMessage}, checked in the same way.
 * @throws TapstakeError `invalid-message` at a count beyond 2^53, and as there
 */
export function readCommitRandomness(
  message: MessageOf<"MsgCommitPubRandList">,
  { context }: ReadOptions = {},
): { readonly signer: string; readonly commitment: Commitment } {
  assertMessage("MsgCommitPubRandList", message);
  const { signer, ...read } = COMMITMENT.read(message);
  const commitment = { ...read, ...(context !== undefined && { context }) };
  assertCommitted(commitment);
  return { signer, commitment };
}

/**
 * The message that casts a vote, with the proof that its randomness was committed. Both are verified first.
 * @param signer the account that sends it, in bech32
 * @throws TapstakeError `invalid-address`, `invalid-signature` when the vote does not count under the commitment
 */
export function addFinalitySignatureMessage(
  commitment: Commitment,
  vote: FinalityVote,
  proof: MerkleProof,
  signer: string,
): MessageOf<"MsgAddFinalitySig"> {
  assertCounts(commitment, vote, proof);
  return VOTE.write({ ...vote, proof, signer });
}

/**
 * The inverse of {@link addFinalitySignatureMessage}, checked in the same way.
 * @throws TapstakeError `invalid-message` at a proof of more than 2^53 leaves, and as there
 */
export function readAddFinalitySignature(
  message: MessageOf<"MsgAddFinalitySig">,
  commitment: Commitment,
  { context }: ReadOptions = {},
): { readonly signer: string; readonly vote: FinalityVote; readonly proof: MerkleProof } {
  assertMessage("MsgAddFinalitySig", message);
  const { signer, proof, ...read } = VOTE.read(message);
  const vote = { ...read, ...(context !== undefined && { context }) };
  assertCounts(commitment, vote, proof);
  return { signer, vote, proof };
}

function assertCommitted(commitment: Commitment): void {
  assertCommitmentRange(commitment);
  if (verifyCommitment(commitment)) return;
  throw new TapstakeError("invalid-signature", "the commitment is not signed by its finality provider");
}

function assertCounts(commitment: Commitment, vote: FinalityVote, proof: MerkleProof): void {
  if (verifyVote(commitment, vote, proof)) return;
  const text = `the vote for height ${vote.height} does not count under the commitment`;
  throw new TapstakeError("invalid-signature", text);
}
