import { type KeySet, stakerKeys } from "../script/terms.js";
import type { LeafSignature, LeafSpend } from "../spending/spend.js";
import { type Delegation, slashingSpend, unbondingSpend } from "./delegation.js";
import { expandedStake, expansionSpend } from "./expansion.js";

/** The three transactions that are signed in advance, by the names that they have in a delegation. */
export const PRESIGNED = ["unbonding", "slashing", "unbondingSlashing"] as const;

/** What stakers and committee sign of a delegation; `expansion` is the spend of the stake that it expands. */
export type SignedName = (typeof PRESIGNED)[number] | "expansion";

/** What there is to sign of a delegation. */
export const signedNames = ({ expansion }: Delegation): readonly SignedName[] =>
  expansion ? [...PRESIGNED, "expansion"] : PRESIGNED;

/** What is signed, as a spend. @throws TapstakeError `unsupported-params`; the codes of `expansionSpend` */
export function signedSpend(delegation: Delegation, name: SignedName): LeafSpend {
  if (name === "unbonding") return unbondingSpend(delegation);
  if (name === "expansion") return expansionSpend(delegation);
  return slashingSpend(delegation, name === "slashing" ? "staking" : "unbonding");
}

/**
 * Who signs it: of an expansion those of the stake that it expands, under its own parameters.
 * @throws TapstakeError `not-an-expansion`
 */
export function signersOf(
  delegation: Delegation,
  name: SignedName,
): { readonly staker: KeySet; readonly covenant: KeySet } {
  if (name !== "expansion") {
    return { staker: stakerKeys(delegation.terms.staker), covenant: delegation.terms.covenant };
  }
  const { terms, params } = expandedStake(delegation);
  return { staker: stakerKeys(terms.staker), covenant: params.covenant };
}

/** The signatures that are there and make a witness: of the committee none of slashings, which it adaptor-signs. */
export function signedOf(
  delegation: Delegation,
  name: SignedName,
): { readonly staker: readonly LeafSignature[]; readonly covenant: readonly LeafSignature[] } {
  const signed = name === "expansion" ? expandedStake(delegation) : delegation[name];
  const covenant = name === "unbonding" ? delegation.unbonding.covenantSignatures : [];
  return {
    staker: signed.stakerSignatures,
    covenant: name === "expansion" ? expandedStake(delegation).covenantSignatures : covenant,
  };
}
