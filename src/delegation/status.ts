import { equalBytes, hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { adaptor } from "../crypto/adaptor.js";
import { leafSighash, type LeafSignature, verifyLeafSignature } from "../spending/spend.js";
import { checkDelegation } from "./check.js";
import type { Delegation } from "./delegation.js";
import { type SignedName, signedNames, signedOf, signedSpend, signersOf } from "./spends.js";

/** Which keys of a key set have signed one transaction. Every signature was verified. */
export interface Signed {
  readonly quorum: number;
  readonly keys: readonly Uint8Array[];
  readonly signed: readonly Uint8Array[];
  /** The keys whose signatures are there but do not verify. */
  readonly invalid: readonly Uint8Array[];
}

/** The signatures of one transaction. */
export interface SignatureStatus {
  readonly transaction: SignedName;
  readonly staker: Signed;
  /** For a slashing, adaptor signatures for each finality provider: only that provider's key finishes them. */
  readonly covenant: readonly (Signed & { readonly finalityProvider?: Uint8Array })[];
}

/**
 * Which signatures a delegation has, and which verify: of the unbonding, of both slashings, and for an expansion of the
 * spend of the previous stake.
 * @throws TapstakeError `unsupported-params`; the codes of `expansionSpend`
 */
export function signatureStatus(delegation: Delegation): readonly SignatureStatus[] {
  return signedNames(delegation).map((name) => statusOf(delegation, name));
}

function statusOf(delegation: Delegation, name: SignedName): SignatureStatus {
  const spend = signedSpend(delegation, name);
  const { staker, covenant } = signersOf(delegation, name);
  const signed = signedOf(delegation, name);
  const isGood = (one: LeafSignature) => verifyLeafSignature(spend, one);
  return {
    transaction: name,
    staker: sortedOut(staker, signed.staker, isGood),
    covenant:
      name === "slashing" || name === "unbondingSlashing"
        ? adaptorStatus(delegation, name)
        : [sortedOut(covenant, signed.covenant, isGood)],
  };
}

function adaptorStatus(
  delegation: Delegation,
  name: "slashing" | "unbondingSlashing",
): SignatureStatus["covenant"] {
  const { finalityProviders, covenant } = delegation.terms;
  const digest = leafSighash(signedSpend(delegation, name));
  return finalityProviders.map((finalityProvider) => {
    const own = delegation[name].covenantSignatures.filter((one) =>
      equalBytes(one.finalityProvider, finalityProvider),
    );
    const signed = sortedOut(covenant, own, ({ publicKey, signature }) =>
      adaptor.verify(publicKey, finalityProvider, digest, signature),
    );
    return { ...signed, finalityProvider };
  });
}

/** Whether a quorum has signed. */
export const isComplete = ({ signed, quorum }: Pick<Signed, "signed" | "quorum">): boolean =>
  signed.length >= quorum;

/**
 * Checks that a stake can be locked without trust in anyone. All rules of {@link checkDelegation} are met. A quorum of
 * the committee has signed the unbonding and, for each finality provider, both slashings. For an expansion, a quorum of
 * the previous committee has signed its spend too. Without the committee's signatures of the unbonding, locked coins
 * stay locked until the time lock ends.
 * @throws TapstakeError `missing-signature`, and the codes of {@link checkDelegation}
 */
export function checkReady(delegation: Delegation): void {
  checkDelegation(delegation);
  for (const { transaction, covenant } of signatureStatus(delegation)) {
    const lacking = covenant.find((one) => !isComplete(one));
    if (!lacking) continue;
    const { quorum, signed } = lacking;
    const text = `the ${NAMES[transaction]} has ${signed.length} of ${quorum} committee signatures`;
    throw new TapstakeError("missing-signature", text, { transaction, needed: quorum, got: signed.length });
  }
}

const NAMES: Readonly<Record<SignedName, string>> = {
  unbonding: "unbonding transaction",
  slashing: "slashing transaction of the staking output",
  unbondingSlashing: "slashing transaction of the unbonding output",
  expansion: "spend of the stake that is expanded",
};

function sortedOut<T extends { readonly publicKey: Uint8Array }>(
  { keys, quorum }: { readonly keys: readonly Uint8Array[]; readonly quorum: number },
  signatures: readonly T[],
  isGood: (signature: T) => boolean,
): Signed {
  const good = new Set<string>();
  const bad = new Map<string, Uint8Array>();
  const named = new Set(keys.map(hex.encode));
  for (const signature of signatures) {
    const key = hex.encode(signature.publicKey);
    if (named.has(key) && isGood(signature)) good.add(key);
    else bad.set(key, signature.publicKey);
  }
  return {
    quorum,
    keys,
    signed: keys.filter((key) => good.has(hex.encode(key))),
    invalid: [...bad.values()],
  };
}
