import { formatOutpoint, outpointOf } from "../bitcoin/transaction.js";
import { containsBytes, equalBytes, hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { checkLeafSignature, type LeafSignature } from "../spending/spend.js";
import type { Slashable } from "../stake/slashing.js";
import { checkAdaptorSignature } from "./check.js";
import {
  type AdaptorSignature,
  assertDelegation,
  type Delegation,
  type ExpandedStake,
} from "./delegation.js";
import { delegationToJson } from "./json.js";
import { PRESIGNED, type SignedName, signedOf, signedSpend, signersOf } from "./spends.js";

/**
 * A delegation with the signatures of a copy that others signed meanwhile. Each new signature is verified first; those
 * of the delegation stay.
 * @throws TapstakeError `delegation-mismatch` if the copy is of another stake; `unexpected-signer`,
 * `unsupported-sighash`, `invalid-signature`, `invalid-covenant-signature`
 */
export function combineDelegations(delegation: Delegation, copy: Delegation): Delegation {
  assertDelegation(delegation);
  assertDelegation(copy);
  assertSameStake(delegation, copy);
  const adaptors = (from: Slashable) => {
    const name = from === "staking" ? "slashing" : "unbondingSlashing";
    const mine = delegation[name].covenantSignatures;
    const added = copy[name].covenantSignatures.filter((one) => !mine.some((own) => sameSigner(own, one)));
    for (const signature of added) checkAdaptorSignature(delegation, from, signature);
    return [...mine, ...added];
  };
  const stakers = (name: SignedName) => combined(delegation, copy, name, "staker");
  const members = (name: SignedName) => combined(delegation, copy, name, "covenant");
  const { unbonding, slashing, unbondingSlashing, expansion } = delegation;
  return {
    ...delegation,
    unbonding: {
      ...unbonding,
      stakerSignatures: stakers("unbonding"),
      covenantSignatures: members("unbonding"),
    },
    slashing: {
      ...slashing,
      stakerSignatures: stakers("slashing"),
      covenantSignatures: adaptors("staking"),
    },
    unbondingSlashing: {
      ...unbondingSlashing,
      stakerSignatures: stakers("unbondingSlashing"),
      covenantSignatures: adaptors("unbonding"),
    },
    ...(expansion && {
      expansion: {
        ...expansion,
        funding: { ...copy.expansion!.funding, ...expansion.funding },
        stakerSignatures: stakers("expansion"),
        covenantSignatures: members("expansion"),
      },
    }),
  };
}

/** The signatures of a delegation, and those that only the copy has; each is by a permitted signer. */
function combined(
  delegation: Delegation,
  copy: Delegation,
  name: SignedName,
  role: "staker" | "covenant",
): readonly LeafSignature[] {
  const mine = signedOf(delegation, name)[role];
  const allowed = signersOf(delegation, name)[role].keys;
  const added = signedOf(copy, name)[role].filter(
    ({ publicKey }) => !mine.some((own) => equalBytes(own.publicKey, publicKey)),
  );
  for (const signature of added) {
    checkLeafSignature(signedSpend(delegation, name), signature);
    if (containsBytes(allowed, signature.publicKey)) continue;
    const key = hex.encode(signature.publicKey);
    const who = role === "staker" ? "staker" : "committee member";
    throw new TapstakeError("unexpected-signer", `${name}: ${key} is not a ${who}`, { key });
  }
  return [...mine, ...added];
}

const sameSigner = (a: AdaptorSignature, b: AdaptorSignature) =>
  equalBytes(a.publicKey, b.publicKey) && equalBytes(a.finalityProvider, b.finalityProvider);

function assertSameStake(delegation: Delegation, copy: Delegation): void {
  const [expected, got] = [unsigned(delegation), unsigned(copy)];
  const names = new Set([...Object.keys(expected), ...Object.keys(got)]);
  const field = [...names].find((name) => expected[name] !== got[name]);
  if (field === undefined) return;
  const text = `the copy describes another stake: its ${field} differs`;
  throw new TapstakeError("delegation-mismatch", text, { field });
}

/** Each field of the document as text, without signatures. */
function unsigned(delegation: Delegation): Record<string, string> {
  const none = { stakerSignatures: [], covenantSignatures: [] };
  const bare = {
    ...delegation,
    ...(delegation.expansion && { expansion: bareExpansion(delegation.expansion) }),
  };
  for (const name of PRESIGNED) Object.assign(bare, { [name]: { ...delegation[name], ...none } });
  const { version: _, ...fields } = JSON.parse(delegationToJson(bare)) as Record<string, unknown>;
  // The stake's own transaction may be signed in one copy and not yet in the other.
  Object.assign(fields, { staking: stakeName(delegation) });
  if (delegation.expansion) {
    Object.assign(fields["expansion"] as object, { staking: stakeName(delegation.expansion) });
  }
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, JSON.stringify(value)]));
}

/** Only one of the copies may have the whole funding transaction: both have its txid and the funding output. */
const bareExpansion = ({ funding: { script, value }, ...expansion }: ExpandedStake): ExpandedStake => ({
  ...expansion,
  funding: { script, value },
  stakerSignatures: [],
  covenantSignatures: [],
});

const stakeName = ({ staking }: Pick<Delegation, "staking">): string =>
  formatOutpoint(outpointOf(staking.transaction, staking.outputIndex));
