import { assertBytes, containsBytes, equalBytes, hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { assertObject } from "../core/objects.js";
import { adaptor } from "../crypto/adaptor.js";
import { assertDistinct, checkAdaptorSignature, checkDelegation } from "../delegation/check.js";
import {
  assertDelegation,
  type AdaptorSignature,
  type Delegation,
  expandedStake,
  outputsIn,
  presignedSlashing,
} from "../delegation/delegation.js";
import { expansionSpend, slashingSpend, unbondingSpend } from "../delegation/spends.js";
import { checkInForce, type OwnParams, paramsAt } from "../params/in-force.js";
import { ANY_RELEASE, checkForm, currentRules, type RuleSet } from "../params/rules.js";
import { checkSetRunning } from "../params/sets.js";
import type { ParamSet, ProtocolParams } from "../params/types.js";
import {
  assertSigner,
  checkLeafSignature,
  keySigner,
  leafSighash,
  type LeafSignature,
  type Signer,
  signLeaf,
  spendOfCopy,
  withSignature,
} from "../spending/spend.js";
import type { Slashable } from "../stake/slashing.js";

/** A committee member's signer: it signs leaves as any signer, and also makes adaptor signatures. */
export interface CovenantSigner extends Signer {
  /** An adaptor signature of a 32-byte digest, encrypted to a finality provider's x-only key: 65 bytes. */
  signAdaptor(encryptionKey: Uint8Array, digest: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** All that one committee member signs of a delegation. */
export interface CovenantSignatures {
  readonly unbonding: LeafSignature;
  /** Signatures of the staking output's slashing transaction: one for each finality provider. */
  readonly slashing: readonly AdaptorSignature[];
  /** Signatures of the unbonding output's slashing transaction: one for each finality provider. */
  readonly unbondingSlashing: readonly AdaptorSignature[];
  /** For an expansion, the spend of the previous stake. The chain takes nothing of a member that has none. */
  readonly expansion?: LeafSignature;
}

/** What else a committee member compares a delegation with. */
export interface MemberOptions {
  /**
   * For an expansion: the member's own parameters for the previous stake and the height that chose their version. The
   * set must be that of the new stake's parameters.
   */
  readonly previous?: OwnParams;
  /**
   * The release whose rules apply: the current one by default ({@link currentRules}). "any" accepts all forms. That
   * includes an expansion to another finality provider; the previous provider's leaked key does not slash its stake.
   */
  readonly rules?: RuleSet | typeof ANY_RELEASE;
}

/**
 * A committee member's signer that holds its key in memory.
 * @throws TapstakeError `invalid-secret-key`
 */
export function covenantSigner(secretKey: Uint8Array): CovenantSigner {
  const signer = keySigner(secretKey);
  const secret = Uint8Array.from(secretKey);
  return {
    ...signer,
    signAdaptor: (encryptionKey, digest) => adaptor.sign(secret, encryptionKey, digest),
  };
}

/**
 * Checks that a committee member may sign a delegation (PROTOCOL 7).
 * @param member x-only key
 * @param own the member's own copy of the parameters and the height that chooses their version (PROTOCOL 8). Do not
 * take either from the delegation: its author could have chosen a version that slashes less.
 * @throws TapstakeError `not-a-member`, for an expansion also if the member is not in the previous stake's committee
 * (unless `rules` is "any"); `params-not-in-force`, also for a set that has ended; `params-mismatch`, for an
 * expansion also if the previous parameters are missing or of another set; `unsupported-by-release`, `quorum-reached`;
 * the codes of `paramsAt` and of `checkDelegation`
 */
export function checkForMember(
  delegation: Delegation,
  member: Uint8Array,
  own: OwnParams,
  options: MemberOptions = {},
): void {
  assertDelegation(delegation);
  assertObject(own, "the third argument", "give your own parameters and height: { set, height }");
  const { covenant, version } = paramsAt(own.set, own.height);
  if (!covenant.keys.some((key) => equalBytes(key, member))) {
    const key = hex.encode(member);
    const text = `${key} is not in the committee of parameters v${version}`;
    throw new TapstakeError("not-a-member", text, { key });
  }
  checkForCommittee(delegation, own, options);
  checkPreviousMember(delegation, member, options);
  if (hasQuorum(delegation)) {
    throw new TapstakeError("quorum-reached", `${covenant.quorum} members have signed everything`, {
      quorum: covenant.quorum,
    });
  }
}

/**
 * The part of {@link checkForMember} that is the same for every member.
 * @throws TapstakeError `params-not-in-force`, `params-mismatch`, `unsupported-by-release`; the codes of `paramsAt` and
 * of `checkDelegation`
 */
export function checkForCommittee(
  delegation: Delegation,
  own: OwnParams,
  { previous, rules: given }: MemberOptions = {},
): void {
  assertDelegation(delegation);
  const { terms, params, expansion } = delegation;
  const rules = given ?? currentRules(params);
  checkSetRunning(own.set);
  checkInForce(params, own);
  if (expansion) checkPreviousParams(expansion.params, own, previous);
  if (rules !== ANY_RELEASE) {
    checkForm(rules, terms, { params, ...(expansion && { previous: expansion.terms }) });
  }
  checkDelegation(delegation);
}

/**
 * Signs all that a committee member signs, after it has checked all rules: the unbonding transaction, and both slashing
 * transactions for each finality provider. For an expansion, it also signs the spend of the previous stake. Each
 * signature is verified before it is returned.
 * @param own as for {@link checkForMember}
 * @throws TapstakeError the codes of {@link checkForMember}; `signer-failed`, `invalid-signature`
 */
export async function signAsMember(
  delegation: Delegation,
  signer: CovenantSigner,
  own: OwnParams,
  options: MemberOptions = {},
): Promise<CovenantSignatures> {
  assertSigner(signer);
  assertBytes(signer.publicKey, "signer's public key");
  const publicKey = Uint8Array.from(signer.publicKey).slice(-32);
  checkForMember(delegation, publicKey, own, options);
  // Copied now: transactions can change while a remote signer works.
  const outputs = outputsIn(delegation);
  const digests = {
    staking: leafSighash(slashingSpend(delegation, "staking", outputs)),
    unbonding: leafSighash(slashingSpend(delegation, "unbonding", outputs)),
  };
  const expansion = isPreviousMember(delegation, publicKey) ? spendOfCopy(expansionSpend(delegation)) : null;
  const slashing = (from: Slashable) => signSlashing(delegation, from, digests[from], signer, publicKey);
  return {
    unbonding: await signLeaf(unbondingSpend(delegation, outputs), signer),
    slashing: await slashing("staking"),
    unbondingSlashing: await slashing("unbonding"),
    ...(expansion && { expansion: await signLeaf(expansion, signer) }),
  };
}

/**
 * A delegation with all signatures of one member added; they replace earlier ones of the same member.
 * @throws TapstakeError `not-a-member`, `unsupported-sighash`, `invalid-signature`; `invalid-covenant-signature` also
 * for a signature by another member; `missing-signature` if a finality provider is left out, or for an expansion the
 * spend of the previous stake; `duplicate-signature` if a provider is there twice; `not-an-expansion`
 */
export function addCovenantSignatures(delegation: Delegation, signatures: CovenantSignatures): Delegation {
  assertDelegation(delegation);
  const { unbonding } = delegation;
  assertObject(signatures, "signatures");
  assertObject(signatures.unbonding, "signatures.unbonding");
  assertMember(delegation, signatures.unbonding.publicKey);
  checkLeafSignature(unbondingSpend(delegation), signatures.unbonding);
  checkAdaptors(delegation, "staking", signatures.slashing, signatures.unbonding.publicKey);
  checkAdaptors(delegation, "unbonding", signatures.unbondingSlashing, signatures.unbonding.publicKey);
  return {
    ...delegation,
    unbonding: {
      ...unbonding,
      covenantSignatures: withSignature(unbonding.covenantSignatures, signatures.unbonding),
    },
    slashing: withAdaptors(delegation, "staking", signatures.slashing),
    unbondingSlashing: withAdaptors(delegation, "unbonding", signatures.unbondingSlashing),
    ...withExpansion(delegation, signatures),
  };
}

/**
 * All signatures of one member in a delegation: what the member submits to the chain.
 * @param member x-only key
 * @throws TapstakeError `not-a-member`; `missing-signature` if it has not signed the unbonding
 */
export function signaturesOfMember(delegation: Delegation, member: Uint8Array): CovenantSignatures {
  assertDelegation(delegation);
  assertMember(delegation, member);
  const by = <S extends { readonly publicKey: Uint8Array }>(list: readonly S[]) =>
    list.filter(({ publicKey }) => equalBytes(publicKey, member));
  const { unbonding, slashing, unbondingSlashing, expansion } = delegation;
  const [own] = by(unbonding.covenantSignatures);
  if (!own) {
    const key = hex.encode(member);
    throw new TapstakeError("missing-signature", `${key} has not signed the unbonding`, { key });
  }
  const [spend] = by(expansion?.covenantSignatures ?? []);
  return {
    unbonding: own,
    slashing: by(slashing.covenantSignatures),
    unbondingSlashing: by(unbondingSlashing.covenantSignatures),
    ...(spend && { expansion: spend }),
  };
}

/**
 * Whether a quorum of members has signed everything: the unbonding, both slashings for each finality provider, and for
 * an expansion the spend of the previous stake. It counts signatures without verifying them: `checkDelegation` does
 * that.
 */
export function hasQuorum(delegation: Delegation): boolean {
  assertDelegation(delegation);
  const { terms, unbonding, slashing, unbondingSlashing, expansion } = delegation;
  const enough = (
    signatures: readonly { readonly publicKey: Uint8Array }[],
    { keys, quorum } = terms.covenant,
  ) => keys.filter((key) => signatures.some(({ publicKey }) => equalBytes(publicKey, key))).length >= quorum;
  return (
    (!expansion || enough(expansion.covenantSignatures, expansion.params.covenant)) &&
    enough(unbonding.covenantSignatures) &&
    terms.finalityProviders.every((provider) =>
      [slashing, unbondingSlashing].every(({ covenantSignatures }) =>
        enough(covenantSignatures.filter(({ finalityProvider }) => equalBytes(finalityProvider, provider))),
      ),
    )
  );
}

async function signSlashing(
  delegation: Delegation,
  from: Slashable,
  digest: Uint8Array,
  signer: CovenantSigner,
  publicKey: Uint8Array,
): Promise<AdaptorSignature[]> {
  const signatures: AdaptorSignature[] = [];
  for (const finalityProvider of delegation.terms.finalityProviders) {
    let signature: Uint8Array;
    try {
      signature = await signer.signAdaptor(finalityProvider, digest);
    } catch (cause) {
      throw new TapstakeError(
        "signer-failed",
        `the signer of ${hex.encode(publicKey)} failed`,
        {},
        { cause },
      );
    }
    checkAdaptorSignature(delegation, from, { publicKey, finalityProvider, signature });
    // A copy: a signer may write its next signature into the same memory.
    signatures.push({ publicKey, finalityProvider, signature: Uint8Array.from(signature) });
  }
  return signatures;
}

/** One valid adaptor signature by this member for each finality provider of the stake. */
function checkAdaptors(
  delegation: Delegation,
  from: Slashable,
  signatures: readonly AdaptorSignature[],
  member: Uint8Array,
): void {
  for (const signature of signatures) {
    if (!equalBytes(signature.publicKey, member)) {
      const [expected, got] = [hex.encode(member), hex.encode(signature.publicKey)];
      const text = `slashing of the ${from} output: the signature is by ${got}, but must be by ${expected}`;
      throw new TapstakeError("invalid-covenant-signature", text, { from, expected, got });
    }
    checkAdaptorSignature(delegation, from, signature);
  }
  assertDistinct(signatures.map(({ publicKey, finalityProvider }) => [publicKey, finalityProvider]));
  const { length } = delegation.terms.finalityProviders;
  if (signatures.length < length) {
    const text = `slashing of the ${from} output: ${signatures.length} of ${length} adaptor signatures; there must be one for each finality provider`;
    throw new TapstakeError("missing-signature", text, { from, needed: length, got: signatures.length });
  }
}

function withAdaptors(delegation: Delegation, from: Slashable, added: readonly AdaptorSignature[]) {
  const presigned = presignedSlashing(delegation, from);
  const kept = presigned.covenantSignatures.filter(
    (old) => !added.some(({ publicKey }) => equalBytes(publicKey, old.publicKey)),
  );
  return { ...presigned, covenantSignatures: [...kept, ...added] };
}

/** The document also chose the previous stake's parameters, and the committee signs a spend under them. */
function checkPreviousParams(
  given: ProtocolParams,
  { set }: OwnParams,
  previous: OwnParams | undefined,
): void {
  if (!previous) {
    const text = `the delegation expands a stake of parameters v${given.version}, and the member's own copy of them is not given, with the height that chose them`;
    throw new TapstakeError("params-mismatch", text, { field: "previous" });
  }
  if (!isSameChain(previous.set, set)) {
    const [expected, got] = [set.name, previous.set.name];
    const text = `previous stake: its parameters must be of the set ${expected}, as those of the stake that expands it, not of the set ${got}`;
    throw new TapstakeError("params-mismatch", text, { field: "previous", expected, got });
  }
  checkInForce(given, previous);
}

/** The chain takes an expansion's signatures from members of both committees alone; Bitcoin does not ask for that. */
function checkPreviousMember(delegation: Delegation, member: Uint8Array, { rules }: MemberOptions): void {
  const { expansion } = delegation;
  if (!expansion || rules === ANY_RELEASE || isPreviousMember(delegation, member)) return;
  const key = hex.encode(member);
  const text = `${key} is not in the committee of parameters v${expansion.params.version}, which is that of the previous stake: the chain takes no signature of this expansion from it. Do: leave this expansion to the members of both committees`;
  throw new TapstakeError("not-a-member", text, { key, field: "previous" });
}

/** One staking chain registers both stakes. */
const isSameChain = (one: ParamSet, other: ParamSet): boolean =>
  one.name === other.name && one.chainId === other.chainId;

const isPreviousMember = ({ expansion }: Delegation, key: Uint8Array): boolean =>
  expansion !== undefined && containsBytes(expansion.params.covenant.keys, key);

/** The delegation's expansion with a member's signature, if there is an expansion and the member can sign it. */
function withExpansion(
  delegation: Delegation,
  { unbonding, expansion: signed }: CovenantSignatures,
): Pick<Delegation, "expansion"> {
  const member = unbonding.publicKey;
  if (!signed) {
    if (!isPreviousMember(delegation, member)) return {};
    const key = hex.encode(member);
    const text = `${key} is in the committee of the previous stake, but has not signed its spend`;
    throw new TapstakeError("missing-signature", text, { key });
  }
  const expansion = expandedStake(delegation);
  if (!equalBytes(signed.publicKey, member) || !isPreviousMember(delegation, member)) {
    const [expected, got] = [hex.encode(member), hex.encode(signed.publicKey)];
    const text = `spend of the previous stake: the signature is by ${got}, but must be by ${expected}, and only if that member is in its committee`;
    throw new TapstakeError("invalid-covenant-signature", text, { expected, got });
  }
  checkLeafSignature(expansionSpend(delegation), signed);
  const covenantSignatures = withSignature(expansion.covenantSignatures, signed);
  return { expansion: { ...expansion, covenantSignatures } };
}

/** The unbonding leaf also names the staker, who is not a member. */
function assertMember({ terms }: Delegation, publicKey: Uint8Array): void {
  if (!terms.covenant.keys.some((key) => equalBytes(key, publicKey))) {
    const key = hex.encode(publicKey);
    throw new TapstakeError("not-a-member", `${key} is not in the committee of this stake`, { key });
  }
}
