import { outputAt } from "../bitcoin/transaction.js";
import { TapstakeError } from "../core/errors.js";
import { assertObject } from "../core/objects.js";
import { counted } from "../core/text.js";
import { stakingOutput } from "../script/outputs.js";
import { type KeySet, stakerKeys } from "../script/terms.js";
import type { LeafSignature, LeafSpend } from "../spending/spend.js";
import { type Slashable, slashingParams } from "../stake/slashing.js";
import {
  assertDelegation,
  type Delegation,
  expandedStake,
  outputsIn,
  presignedSlashing,
  stakeCoin,
  unbondedCoin,
} from "./delegation.js";

/** The three pre-signed transactions, by their names in a delegation. */
export const PRESIGNED = ["unbonding", "slashing", "unbondingSlashing"] as const;

/** What stakers and committee sign of a delegation; `expansion` is the spend of the previous stake. */
export type SignedName = (typeof PRESIGNED)[number] | "expansion";

/** The names of the transactions of a delegation that can be signed. @throws TapstakeError `invalid-argument` */
export function signedNames(delegation: Delegation): readonly SignedName[] {
  assertDelegation(delegation);
  return delegation.expansion ? [...PRESIGNED, "expansion"] : PRESIGNED;
}

/** The spend that is signed. @throws TapstakeError `unsupported-params`; the codes of `expansionSpend` */
export function signedSpend(
  delegation: Delegation,
  name: SignedName,
  outputs = outputsIn(delegation),
): LeafSpend {
  if (name === "unbonding") return unbondingSpend(delegation, outputs);
  if (name === "expansion") return expansionSpend(delegation);
  return slashingSpend(delegation, name === "slashing" ? "staking" : "unbonding", outputs);
}

/**
 * The signers of the spend: for an expansion, those of the previous stake, under its own parameters.
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

/**
 * The signatures that can stand in a witness. The committee's signatures of slashings are adaptor signatures, so they
 * are not among them.
 */
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

/**
 * The unbonding transaction as a spend of the staking output, for signing and verifying.
 * @param outputs those of this delegation, if they are derived already
 */
export function unbondingSpend(delegation: Delegation, outputs = outputsIn(delegation)): LeafSpend {
  assertObject(outputs?.staking, "outputs.staking", "leave the second argument out");
  const { script, leaves } = outputs.staking;
  const { value } = stakeCoin(delegation);
  const { transaction } = delegation.unbonding;
  return { transaction, inputIndex: 0, prevouts: [{ script, value }], leaf: leaves.unbonding };
}

/**
 * A slashing transaction as a spend of the staking or the unbonding output, for signing and verifying.
 * @param outputs those of this delegation, if they are derived already
 * @throws TapstakeError `invalid-argument`, `unsupported-params`
 */
export function slashingSpend(
  delegation: Delegation,
  from: Slashable,
  outputs = outputsIn(delegation),
): LeafSpend {
  const { transaction } = presignedSlashing(delegation, from);
  slashingParams(delegation.params);
  assertObject(outputs?.[from], `outputs.${from}`, "leave the third argument out");
  const { script, leaves } = outputs[from];
  const { value } = from === "staking" ? stakeCoin(delegation) : unbondedCoin(delegation);
  return { transaction, inputIndex: 0, prevouts: [{ script, value }], leaf: leaves.slashing };
}

/**
 * An expansion's spend of the previous stake, for signing and verifying: input 0 of the staking transaction, by the
 * unbonding leaf of the previous terms.
 * @throws TapstakeError `not-an-expansion`; `wrong-input-count` unless it has two inputs; `output-not-found`
 */
export function expansionSpend(delegation: Delegation): LeafSpend {
  const { terms, params, staking, funding } = expandedStake(delegation);
  const { transaction } = delegation.staking;
  if (transaction.ins.length !== 2) {
    const got = transaction.ins.length;
    const text = `expansion: the transaction has ${counted(got, "input")}; it must have 2, the previous stake and one funding coin`;
    throw new TapstakeError("wrong-input-count", text, { expected: 2, got });
  }
  const { script, leaves } = stakingOutput(terms, params.network);
  const { value } = outputAt(staking.transaction, staking.outputIndex);
  const prevouts = [
    { script, value },
    { script: funding.script, value: funding.value },
  ];
  return { transaction, inputIndex: 0, prevouts, leaf: leaves.unbonding };
}
