import { base64 } from "@scure/base";
import { hex } from "../../src/core/bytes.js";
import type { AdaptorSignature, Delegation } from "../../src/delegation/delegation.js";
import type { ParamSet } from "../../src/params/types.js";
import type { LeafSignature } from "../../src/spending/spend.js";

type Json = Record<string, unknown>;

/** A version of the parameters, as the chain's servers write it. */
export const lcdVersions = ({ versions }: ParamSet) =>
  versions.map(({ version, covenant, slashing, minCommission, ...params }) => ({
    version,
    params: {
      covenant_pks: covenant.keys.map((key) => hex.encode(key)),
      covenant_quorum: covenant.quorum,
      min_staking_value_sat: `${params.minValue}`,
      max_staking_value_sat: `${params.maxValue}`,
      min_staking_time_blocks: params.minTime,
      max_staking_time_blocks: params.maxTime,
      slashing_pk_script: base64.encode(slashing!.script),
      min_slashing_tx_fee_sat: `${slashing!.minFee}`,
      slashing_rate: decimal(slashing!.rate),
      unbonding_time_blocks: params.unbondingTime,
      unbonding_fee_sat: `${params.unbondingFee}`,
      min_commission_rate: decimal(minCommission ?? { numerator: 0n, denominator: 1n }),
      delegation_creation_base_gas_fee: "1000",
      allow_list_expiration_height: "0",
      btc_activation_height: params.activationHeight,
    },
  }));

const decimal = ({ numerator, denominator }: { numerator: bigint; denominator: bigint }) => {
  const digits = `${(numerator * 10n ** 18n) / denominator}`.padStart(19, "0");
  return `${digits.slice(0, -18)}.${digits.slice(-18)}`;
};

/** A delegation as the chain's servers answer with it. */
export function lcdDelegation(delegation: Delegation, changes: Json = {}): { btc_delegation: Json } {
  const { terms, params, staking, unbonding, slashing, unbondingSlashing, expansion } = delegation;
  const output = staking.transaction.outs[staking.outputIndex]!;
  return {
    btc_delegation: {
      staker_addr: "bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu",
      btc_pk: hex.encode(terms.staker as Uint8Array),
      fp_btc_pk_list: terms.finalityProviders.map((key) => hex.encode(key)),
      staking_time: terms.timelock,
      start_height: 0,
      end_height: 0,
      total_sat: `${output.value}`,
      staking_tx_hex: staking.transaction.toHex(),
      slashing_tx_hex: slashing.transaction.toHex(),
      delegator_slash_sig_hex: hex.encode(slashing.stakerSignatures[0]!.signature),
      covenant_sigs: adaptorsOf(slashing.covenantSignatures),
      staking_output_idx: staking.outputIndex,
      active: false,
      status_desc: "PENDING",
      unbonding_time: delegation.unbondingTime,
      undelegation_response: {
        unbonding_tx_hex: unbonding.transaction.toHex(),
        covenant_unbonding_sig_list: signaturesOf(unbonding.covenantSignatures),
        slashing_tx_hex: unbondingSlashing.transaction.toHex(),
        delegator_slashing_sig_hex: hex.encode(unbondingSlashing.stakerSignatures[0]!.signature),
        covenant_slashing_sigs: adaptorsOf(unbondingSlashing.covenantSignatures),
        delegator_unbonding_info_response: null,
      },
      params_version: params.version,
      stk_exp: expansion
        ? {
            previous_staking_tx_hash_hex: expansion.staking.transaction.getId(),
            other_funding_tx_out_hex: outputHex(expansion.funding),
            previous_stk_covenant_sigs: signaturesOf(expansion.covenantSignatures),
          }
        : null,
      ...changes,
    },
  };
}

const signaturesOf = (list: readonly LeafSignature[]) =>
  list.map(({ publicKey, signature }) => ({ pk: hex.encode(publicKey), sig: base64.encode(signature) }));

/** One entry for each member, with one signature for each finality provider. */
function adaptorsOf(list: readonly AdaptorSignature[]) {
  const members = new Map<string, string[]>();
  for (const { publicKey, signature } of list) {
    const member = hex.encode(publicKey);
    members.set(member, [...(members.get(member) ?? []), base64.encode(signature)]);
  }
  return [...members].map(([cov_pk, adaptor_sigs]) => ({ cov_pk, adaptor_sigs }));
}

function outputHex({ value, script }: { readonly value: bigint; readonly script: Uint8Array }): string {
  const amount = new Uint8Array(8);
  new DataView(amount.buffer).setBigUint64(0, value, true);
  return `${hex.encode(amount)}${hex.encode(Uint8Array.of(script.length))}${hex.encode(script)}`;
}
