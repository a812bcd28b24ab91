import { equalBytes, hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { adaptor } from "../crypto/adaptor.js";
import { assertDistinct, checkAdaptorSignature, checkDelegation } from "../delegation/check.js";
import {
  type AdaptorSignature,
  type Delegation,
  presignedSlashing,
  slashingSpend,
  unbondingSpend,
  withSignature,
} from "../delegation/delegation.js";
import { checkSameParams } from "../params/same.js";
import type { ProtocolParams } from "../params/types.js";
import { keySigner } from "../tx/signer.js";
import type { Slashable } from "../tx/slashing.js";
import { checkLeafSignature, type LeafSignature, leafSighash, type Signer, signLeaf } from "../tx/spend.js";

/** What can sign for a committee member: as for any leaf, and adaptor signatures on top. */
export interface CovenantSigner extends Signer {
  /** An adaptor signature of a 32-byte digest, encrypted to a finality provider's x-only key: 65 bytes. */
  signAdaptor(encryptionKey: Uint8Array, digest: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** All that one committee member signs of a delegation. */
export interface CovenantSignatures {
  readonly unbonding: LeafSignature;
  /** Of the slashing transaction of the staking output: one for each finality provider. */
  readonly slashing: readonly AdaptorSignature[];
  /** Of the slashing transaction of the unbonding output: one for each finality provider. */
  readonly unbondingSlashing: readonly AdaptorSignature[];
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
 * Whether a committee member may sign a delegation (PROTOCOL 7).
 * @param member x-only key
 * @param params the member's own copy of the version in force (PROTOCOL 8), never the delegation's: whoever wrote
 * the delegation could have chosen those
 * @throws TapstakeError `not-a-member`, `params-mismatch`, `quorum-reached`, and the codes of `checkDelegation`
 */
export function checkForMember(delegation: Delegation, member: Uint8Array, params: ProtocolParams): void {
  const { covenant } = params;
  if (!covenant.keys.some((key) => equalBytes(key, member))) {
    const key = hex.encode(member);
    const text = `${key} is not in the committee of parameters v${params.version}`;
    throw new TapstakeError("not-a-member", text, { key });
  }
  checkSameParams(delegation.params, params);
  checkDelegation(delegation);
  if (hasQuorum(delegation)) {
    throw new TapstakeError("quorum-reached", `${covenant.quorum} members have signed everything`, {
      quorum: covenant.quorum,
    });
  }
}

/**
 * Signs everything that a committee member signs, once every rule holds: the unbonding transaction, and both
 * slashing transactions for each finality provider. Each signature is verified before it is returned.
 * @param params as of {@link checkForMember}
 * @throws TapstakeError the codes of {@link checkForMember}; `signer-failed`, `invalid-signature`
 */
export async function signAsMember(
  delegation: Delegation,
  signer: CovenantSigner,
  params: ProtocolParams,
): Promise<CovenantSignatures> {
  const publicKey = Uint8Array.from(signer.publicKey).slice(-32);
  checkForMember(delegation, publicKey, params);
  // Taken now: transactions can change, and a remote signer leaves time for it.
  const digests = {
    staking: leafSighash(slashingSpend(delegation, "staking")),
    unbonding: leafSighash(slashingSpend(delegation, "unbonding")),
  };
  const slashing = (from: Slashable) => signSlashing(delegation, from, digests[from], signer, publicKey);
  return {
    unbonding: await signLeaf(unbondingSpend(delegation), signer),
    slashing: await slashing("staking"),
    unbondingSlashing: await slashing("unbonding"),
  };
}

/**
 * A delegation with all of one member's signatures more; earlier ones of the same member are replaced.
 * @throws TapstakeError `not-a-member`, `unsupported-sighash`, `invalid-signature`; `invalid-covenant-signature` also
 * for an adaptor signature by another member; `missing-signature` when a finality provider is left out,
 * `duplicate-signature` when one is there twice
 */
export function addCovenantSignatures(delegation: Delegation, signatures: CovenantSignatures): Delegation {
  const { unbonding } = delegation;
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
  };
}

/**
 * Whether a quorum of members has signed the unbonding and, for every finality provider, both slashings.
 * Signatures are counted, not verified: `checkDelegation` does that.
 */
export function hasQuorum({ terms, unbonding, slashing, unbondingSlashing }: Delegation): boolean {
  const enough = (signatures: readonly { readonly publicKey: Uint8Array }[]) =>
    terms.covenant.keys.filter((key) => signatures.some(({ publicKey }) => equalBytes(publicKey, key)))
      .length >= terms.covenant.quorum;
  return (
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
    const signed = { publicKey, finalityProvider, signature };
    checkAdaptorSignature(delegation, from, signed);
    signatures.push(signed);
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
      const text = `slashing of the ${from} output: expected a signature by ${expected}, got one by ${got}`;
      throw new TapstakeError("invalid-covenant-signature", text, { from, expected, got });
    }
    checkAdaptorSignature(delegation, from, signature);
  }
  assertDistinct(signatures.map(({ publicKey, finalityProvider }) => [publicKey, finalityProvider]));
  const { length } = delegation.terms.finalityProviders;
  if (signatures.length < length) {
    const text = `slashing of the ${from} output: expected ${length} adaptor signatures, one for each finality provider, got ${signatures.length}`;
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

/** The unbonding leaf names the staker too, who is no member. */
function assertMember({ terms }: Delegation, publicKey: Uint8Array): void {
  if (!terms.covenant.keys.some((key) => equalBytes(key, publicKey))) {
    const key = hex.encode(publicKey);
    throw new TapstakeError("not-a-member", `${key} is not in the committee of this stake`, { key });
  }
}
