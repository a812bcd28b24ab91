import { containsBytes, equalBytes, hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { publicKeyOf } from "../core/keys.js";
import { addCovenantSignatures, type CovenantSignatures } from "../covenant/member.js";
import { adaptor } from "../crypto/adaptor.js";
import type { AdaptorSignature, Delegation } from "../delegation/delegation.js";
import { NEWEST_RELEASE, type Release } from "../params/rules.js";
import {
  aboutStake,
  ACCOUNT,
  chainSignature,
  type Codec,
  fields,
  INCLUSION,
  optional,
  type Sent,
  signatureBy,
} from "./codec.js";
import type { InclusionProof } from "./inclusion.js";
import { unknownTo } from "./releases.js";
import type { MessageOf } from "./schema.js";
import { assertMessage } from "./shape.js";

/**
 * The message that shows a registered stake to be in a block. An expansion becomes active by {@link undelegateMessage}
 * of the stake that it expands, and by no other message.
 * @param signer the account that sends it, in bech32
 * @throws TapstakeError `unsupported-message` for an expansion; `invalid-address`, `invalid-proof` when it is malformed
 * or of a coinbase: `verifyInclusionProof` judges it
 */
export function addInclusionProofMessage(
  delegation: Delegation,
  signer: string,
  inclusion: InclusionProof,
): MessageOf<"MsgAddBTCDelegationInclusionProof"> {
  assertNoExpansion(delegation);
  return inclusionFields(delegation).write({ signer, inclusion });
}

/**
 * The inverse of {@link addInclusionProofMessage}.
 * @throws TapstakeError `message-mismatch` when it is about another stake, `invalid-hex`, and as there
 */
export function readAddInclusionProof(
  message: MessageOf<"MsgAddBTCDelegationInclusionProof">,
  delegation: Delegation,
): Sent<{ readonly inclusion: InclusionProof }> {
  assertMessage("MsgAddBTCDelegationInclusionProof", message);
  assertNoExpansion(delegation);
  return inclusionFields(delegation).read(message);
}

function assertNoExpansion({ expansion }: Delegation): void {
  if (!expansion) return;
  const text =
    "the stake is an expansion, and the chain takes no inclusion proof of one: report the spend of the previous stake by MsgBTCUndelegate";
  throw new TapstakeError("unsupported-message", text);
}

const inclusionFields = (delegation: Delegation) =>
  fields<MessageOf<"MsgAddBTCDelegationInclusionProof">, Sent<{ readonly inclusion: InclusionProof }>>({
    stakingTxHash: aboutStake(delegation),
    signer: ["signer", ACCOUNT],
    stakingTxInclusionProof: ["inclusion", INCLUSION],
  });

/** A committee member's signatures as the chain takes them. */
export interface CovenantSubmission {
  /** The account that sends the message, in bech32. */
  readonly signer: string;
  readonly signatures: CovenantSignatures;
}

/**
 * The message by which a committee member hands in its signatures. They are verified first, of an expansion also the
 * one of the spend of the previous stake.
 * @throws TapstakeError `not-a-member` also for an expansion, when the member is not in the committee of the previous
 * stake; the codes of `addCovenantSignatures`; `unsupported-sighash`, `invalid-address`
 */
export function covenantSignaturesMessage(
  delegation: Delegation,
  { signer, signatures }: CovenantSubmission,
): MessageOf<"MsgAddCovenantSigs"> {
  assertPreviousMember(delegation, signatures.unbonding.publicKey);
  addCovenantSignatures(delegation, signatures);
  const { publicKey } = signatures.unbonding;
  return submissionFields(delegation, publicKey).write({ ...signatures, signer });
}

/**
 * The inverse of {@link covenantSignaturesMessage}, checked in the same way.
 * @throws TapstakeError `message-mismatch` when it is about another stake or has not one signature for each finality
 * provider, `invalid-hex`, and as there
 */
export function readCovenantSignatures(
  message: MessageOf<"MsgAddCovenantSigs">,
  delegation: Delegation,
): CovenantSubmission {
  assertMessage("MsgAddCovenantSigs", message);
  assertPreviousMember(delegation, message.pk);
  const { signer, ...signatures } = submissionFields(delegation, message.pk).read(message);
  addCovenantSignatures(delegation, signatures);
  return { signer, signatures };
}

/** The chain takes signatures of an expansion from members of both committees: the message holds those of both. */
function assertPreviousMember({ expansion }: Delegation, member: Uint8Array): void {
  if (!expansion || containsBytes(expansion.params.covenant.keys, member)) return;
  const key = hex.encode(member);
  const text = `${key} is not in the committee of the previous stake, and the chain takes signatures of an expansion from its members only`;
  throw new TapstakeError("not-a-member", text, { key });
}

/** @param publicKey of the member */
function submissionFields(delegation: Delegation, publicKey: Uint8Array) {
  const adaptors = adaptorSignatures(delegation.terms.finalityProviders, publicKey);
  return fields<MessageOf<"MsgAddCovenantSigs">, Sent<CovenantSignatures>>({
    stakingTxHash: aboutStake(delegation),
    signer: ["signer", ACCOUNT],
    pk: "unbonding.publicKey",
    slashingTxSigs: ["slashing", adaptors],
    unbondingTxSig: ["unbonding.signature", chainSignature("unbonding signature of a member")],
    slashingUnbondingTxSigs: ["unbondingSlashing", adaptors],
    stakeExpansionTxSig: ["expansion", optional(signatureBy(publicKey, "expansion signature of a member"))],
  });
}

/** In the order of the finality providers, 65 bytes each. */
const adaptorSignatures = (
  providers: readonly Uint8Array[],
  publicKey: Uint8Array,
): Codec<readonly AdaptorSignature[], readonly Uint8Array[]> => ({
  write: (signatures) =>
    providers.map((provider) => {
      const own = signatures.find(({ finalityProvider }) => equalBytes(finalityProvider, provider));
      return adaptor.fromLegacy(own!.signature);
    }),
  read(list) {
    if (list.length !== providers.length) {
      const text = `the message has ${list.length} adaptor signatures for ${providers.length} finality providers; each needs one`;
      throw new TapstakeError("message-mismatch", text);
    }
    return list.map((signature, i) => ({ publicKey, finalityProvider: providers[i]!, signature }));
  },
});

/**
 * The message that reports a finality provider's key which a slashing of this one stake gave away. It makes the secret
 * public.
 * @param secretKey as `extractFromSlashing` gives it: 32 bytes
 * @param release v1 and v2 name the stake in it; later releases do not
 * @throws TapstakeError `invalid-secret-key`, `invalid-address`; `unknown-finality-provider` when the stake is not with
 * this key
 */
export function selectiveSlashingMessage(
  delegation: Delegation,
  signer: string,
  secretKey: Uint8Array,
  release: Release = NEWEST_RELEASE,
): MessageOf<"MsgSelectiveSlashingEvidence"> {
  assertProvider(delegation, secretKey);
  const { stakingTxHash, ...rest } = recoveredKeyFields(delegation).write({ signer, secretKey });
  const message = { ...rest, stakingTxHash };
  return unknownTo(release, "MsgSelectiveSlashingEvidence", message) === undefined ? message : rest;
}

/**
 * The inverse of {@link selectiveSlashingMessage}, checked in the same way.
 * @throws TapstakeError `message-mismatch` when it names another stake, `invalid-hex`, and as there
 */
export function readSelectiveSlashing(
  message: MessageOf<"MsgSelectiveSlashingEvidence">,
  delegation: Delegation,
): Sent<{ readonly secretKey: Uint8Array }> {
  assertMessage("MsgSelectiveSlashingEvidence", message);
  const recovered = recoveredKeyFields(delegation).read(message);
  assertProvider(delegation, recovered.secretKey);
  return recovered;
}

const recoveredKeyFields = (delegation: Delegation) =>
  fields<MessageOf<"MsgSelectiveSlashingEvidence">, Sent<{ readonly secretKey: Uint8Array }>>({
    stakingTxHash: aboutIfNamed(delegation),
    signer: ["signer", ACCOUNT],
    recoveredFpBtcSk: "secretKey",
  });

function aboutIfNamed(delegation: Delegation): readonly [null, Codec<null, string | undefined>] {
  const [, { write, read }] = aboutStake(delegation);
  return [null, { write, read: (named) => (named === undefined ? null : read(named)) }];
}

function assertProvider({ terms }: Delegation, secretKey: Uint8Array): void {
  const publicKey = publicKeyOf(secretKey);
  if (terms.finalityProviders.some((provider) => equalBytes(provider, publicKey))) return;
  const key = hex.encode(publicKey);
  throw new TapstakeError("unknown-finality-provider", `${key} is not a finality provider of this stake`, {
    key,
  });
}
