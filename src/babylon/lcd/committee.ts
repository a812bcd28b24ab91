import { containsBytes, hex } from "../../core/bytes.js";
import { checkAdaptorSignature, checkEach } from "../../delegation/check.js";
import type { AdaptorSignature, Delegation } from "../../delegation/delegation.js";
import { expansionSpend, slashingSpend, unbondingSpend } from "../../delegation/spends.js";
import type { ProtocolParams } from "../../params/types.js";
import type { KeySet, StakeTerms } from "../../script/terms.js";
import type { LeafSignature } from "../../spending/spend.js";
import type { RawDelegation } from "./forms.js";
import { at, bytesOf, keyOf, wrong } from "./read.js";

/** The committee's signatures in a delegation of the chain. */
export interface CommitteeSignatures {
  readonly unbonding: readonly LeafSignature[];
  readonly slashing: readonly AdaptorSignature[];
  readonly unbondingSlashing: readonly AdaptorSignature[];
  /** Of an expansion's spend of the previous stake. */
  readonly expansion: readonly LeafSignature[];
  /** Verifies each signature; the error names its field. @throws TapstakeError `invalid-covenant-signature` */
  check(delegation: Delegation): void;
}

/**
 * Reads the signatures. A quorum can be exceeded: a witness takes as many as it needs.
 * @param previous the parameters of the stake that an expansion spends
 * @param name of the answer, before each path
 * @throws TapstakeError `duplicate-signature`, `not-a-member`, `message-mismatch` for another number of adaptor
 * signatures than of finality providers; `invalid-hex`, `invalid-bytes`
 */
export function committeeSignatures(
  raw: RawDelegation,
  terms: StakeTerms,
  previous: ProtocolParams | undefined,
  name: string,
): CommitteeSignatures {
  const under = `${name}.undelegation_response`;
  const paths = {
    slashing: `${name}.covenant_sigs`,
    unbondingSlashing: `${under}.covenant_slashing_sigs`,
    unbonding: `${under}.covenant_unbonding_sig_list`,
    expansion: `${name}.stk_exp.previous_stk_covenant_sigs`,
  };
  const undelegation = raw.undelegation_response;
  const slashing = adaptors(raw.covenant_sigs, terms, paths.slashing);
  const unbondingSlashing = adaptors(undelegation?.covenant_slashing_sigs, terms, paths.unbondingSlashing);
  const unbonding = signatures(undelegation?.covenant_unbonding_sig_list, terms.covenant, paths.unbonding);
  const expansion = previous
    ? signatures(raw.stk_exp?.previous_stk_covenant_sigs, previous.covenant, paths.expansion)
    : [];
  return {
    unbonding,
    slashing,
    unbondingSlashing,
    expansion,
    check(delegation) {
      checkAdaptors(delegation, "staking", slashing, paths.slashing);
      checkAdaptors(delegation, "unbonding", unbondingSlashing, paths.unbondingSlashing);
      const check = (
        list: readonly LeafSignature[],
        spend: () => ReturnType<typeof unbondingSpend>,
        path: string,
      ) => {
        for (const [i, signature] of list.entries()) {
          const allowed = path === paths.expansion ? previous!.covenant : terms.covenant;
          at(`${path}[${i}].sig`, () =>
            checkEach(spend(), [signature], allowed, "invalid-covenant-signature"),
          );
        }
      };
      check(unbonding, () => unbondingSpend(delegation), paths.unbonding);
      check(expansion, () => expansionSpend(delegation), paths.expansion);
    },
  };
}

function adaptors(
  list: RawDelegation["covenant_sigs"] | undefined,
  { finalityProviders, covenant }: StakeTerms,
  path: string,
): AdaptorSignature[] {
  const members = memberKeys(
    (list ?? []).map(({ cov_pk }) => cov_pk),
    covenant,
    path,
    "cov_pk",
  );
  return (list ?? []).flatMap(({ adaptor_sigs }, i) => {
    const field = `${path}[${i}].adaptor_sigs`;
    if (adaptor_sigs.length !== finalityProviders.length) {
      const text = `must have ${finalityProviders.length}, one for each finality provider, not ${adaptor_sigs.length}`;
      throw wrong("message-mismatch", field, text);
    }
    return adaptor_sigs.map((text, k) => ({
      publicKey: members[i]!,
      finalityProvider: finalityProviders[k]!,
      signature: bytesOf(text, `${field}[${k}]`, 65),
    }));
  });
}

function signatures(
  list: readonly { readonly pk: string; readonly sig: string }[] | undefined,
  covenant: KeySet,
  path: string,
): LeafSignature[] {
  const members = memberKeys(
    (list ?? []).map(({ pk }) => pk),
    covenant,
    path,
    "pk",
  );
  return (list ?? []).map(({ sig }, i) => ({
    publicKey: members[i]!,
    signature: bytesOf(sig, `${path}[${i}].sig`, 64),
  }));
}

/** Each member once. */
function memberKeys(texts: readonly string[], covenant: KeySet, path: string, name: string): Uint8Array[] {
  const seen: Uint8Array[] = [];
  for (const [i, text] of texts.entries()) {
    const field = `${path}[${i}].${name}`;
    const key = keyOf(text, field);
    if (containsBytes(seen, key)) throw wrong("duplicate-signature", field, `${hex.encode(key)} signs twice`);
    if (!containsBytes(covenant.keys, key)) {
      throw wrong("not-a-member", field, `${hex.encode(key)} is not in the committee`);
    }
    seen.push(key);
  }
  return seen;
}

function checkAdaptors(
  delegation: Delegation,
  from: "staking" | "unbonding",
  list: readonly AdaptorSignature[],
  path: string,
): void {
  const spend = slashingSpend(delegation, from);
  const count = delegation.terms.finalityProviders.length;
  for (const [i, signature] of list.entries()) {
    const field = `${path}[${Math.floor(i / count)}].adaptor_sigs[${i % count}]`;
    at(field, () => checkAdaptorSignature(delegation, from, signature, spend));
  }
}
