import { compareBytes, concatBytes } from "../core/bytes.js";
import { OP, PUSH_KEY, pushNumber } from "../bitcoin/opcodes.js";
import { anyOf, type KeySet } from "./terms.js";

/**
 * The scripts of PROTOCOL 2. They are made from checked terms only: see `checkTerms`.
 */

/** The stakers take their coins back after `blocks`: `<staker> CHECKSIGVERIFY <T> CHECKSEQUENCEVERIFY`. */
export function timelockScript(staker: KeySet, blocks: number): Uint8Array {
  return concatBytes(multisigVerify(staker), pushNumber(blocks), Uint8Array.of(OP.CHECKSEQUENCEVERIFY));
}

/** The stakers and a quorum of the committee move the coins on demand. */
export function unbondingScript(staker: KeySet, covenant: KeySet): Uint8Array {
  return concatBytes(multisigVerify(staker), multisig(covenant));
}

/** The stakers (in advance), any one finality provider (by its leaked key) and a quorum of the committee. */
export function slashingScript(
  staker: KeySet,
  finalityProviders: readonly Uint8Array[],
  covenant: KeySet,
): Uint8Array {
  return concatBytes(multisigVerify(staker), multisigVerify(anyOf(finalityProviders)), multisig(covenant));
}

/** Keys in the order that scripts check them: ascending. Witnesses hold their slots descending (PROTOCOL 4). */
export function sortKeys(keys: readonly Uint8Array[]): Uint8Array[] {
  return [...keys].sort(compareBytes);
}

const multisig = (set: KeySet) => quorumCheck(set, OP.CHECKSIG, OP.NUMEQUAL);
const multisigVerify = (set: KeySet) => quorumCheck(set, OP.CHECKSIGVERIFY, OP.NUMEQUALVERIFY);

function quorumCheck({ keys, quorum }: KeySet, single: number, several: number): Uint8Array {
  const [first, ...rest] = sortKeys(keys).map((key) => concatBytes(Uint8Array.of(PUSH_KEY), key));
  // One key needs no count, and the protocol's scripts do not have one.
  if (rest.length === 0) return concatBytes(first!, Uint8Array.of(single));
  return concatBytes(
    first!,
    Uint8Array.of(OP.CHECKSIG),
    ...rest.flatMap((key) => [key, Uint8Array.of(OP.CHECKSIGADD)]),
    pushNumber(quorum),
    Uint8Array.of(several),
  );
}
