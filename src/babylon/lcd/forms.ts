import { base64 } from "@scure/base";
import * as v from "valibot";
import { hex } from "../../core/bytes.js";

/** The JSON of the chain's servers: 64-bit numbers are text, bytes are base64, keys and what ends in `_hex` hexadecimal. */

const isWhole = (value: unknown): boolean =>
  (typeof value === "string" && /^(0|[1-9]\d{0,19})$/.test(value)) ||
  (Number.isSafeInteger(value) && (value as number) >= 0);

/** Text or number: some servers write the one for the other. */
const whole = v.pipe(
  v.custom<string | number>(isWhole, "a whole number"),
  v.transform((value) => BigInt(value)),
);

export const u64 = v.pipe(
  whole,
  v.check((value) => value < 2n ** 64n, "a number below 2^64"),
);
export const u32 = v.pipe(
  whole,
  v.check((value) => value < 2n ** 32n, "a number below 2^32"),
  v.transform(Number),
);

export const bytes = v.pipe(
  v.custom<string>((value) => isBase64(value), "base64"),
  v.transform((text) => base64.decode(text)),
);

const lengthOf = (length: number) =>
  v.pipe(
    bytes,
    v.check((value) => value.length === length, `${length} bytes in base64`),
  );
export const bytes32 = lengthOf(32);

function isBase64(value: unknown): boolean {
  if (typeof value !== "string") return false;
  try {
    base64.decode(value);
    return true;
  } catch {
    return false;
  }
}

export const hexText = (digits: string, what: string) =>
  v.pipe(v.string(), v.regex(new RegExp(digits, "i"), what));
export const hexadecimal = hexText("^(?:[0-9a-f]{2})*$", "hexadecimal");
/** 32 bytes as hexadecimal text: an x-only key, a txid. */
export const hex32 = hexText("^[0-9a-f]{64}$", "32 bytes as hexadecimal");
export const key = v.pipe(
  hex32,
  v.transform((text) => hex.decode(text)),
);
/** Hexadecimal in either case, in lower case. */
export const lowerHex32 = v.pipe(
  hex32,
  v.transform((text) => text.toLowerCase()),
);

/** A decimal of the chain, as text. */
export const decimal = v.pipe(v.string(), v.regex(/^-?\d{1,60}(?:\.\d{1,18})?$/, "a decimal number"));
export const base64Text = v.custom<string>((value) => isBase64(value), "base64");
/** 32 or 64 bits, as text or as a number: as the server wrote it. */
const number = v.custom<string | number>(isWhole, "a whole number");

/** A list, which some servers leave out when it is empty. */
export const list = <Form extends v.GenericSchema>(item: Form) => v.nullish(v.array(item), []);

/** One version of the parameters, as the chain's servers write it. */
export const paramsVersion = v.looseObject({
  version: u32,
  params: v.looseObject({
    covenant_pks: v.array(hex32),
    covenant_quorum: number,
    min_staking_value_sat: number,
    max_staking_value_sat: number,
    min_staking_time_blocks: number,
    max_staking_time_blocks: number,
    slashing_pk_script: base64Text,
    min_slashing_tx_fee_sat: number,
    slashing_rate: decimal,
    unbonding_time_blocks: number,
    unbonding_fee_sat: number,
    min_commission_rate: decimal,
    btc_activation_height: number,
  }),
});

const adaptorSignatures = v.looseObject({ cov_pk: hex32, adaptor_sigs: v.array(base64Text) });
const signatureInfo = v.looseObject({ pk: hex32, sig: base64Text });

/** A delegation, as the chain's servers write it. */
export const delegation = v.looseObject({
  staker_addr: v.string(),
  btc_pk: hex32,
  fp_btc_pk_list: v.pipe(v.array(hex32), v.minLength(1)),
  staking_time: number,
  start_height: number,
  end_height: number,
  total_sat: number,
  staking_tx_hex: hexadecimal,
  slashing_tx_hex: hexadecimal,
  delegator_slash_sig_hex: hexadecimal,
  covenant_sigs: list(adaptorSignatures),
  staking_output_idx: number,
  active: v.boolean(),
  status_desc: v.string(),
  unbonding_time: number,
  params_version: number,
  undelegation_response: v.nullish(
    v.looseObject({
      unbonding_tx_hex: hexadecimal,
      covenant_unbonding_sig_list: list(signatureInfo),
      slashing_tx_hex: hexadecimal,
      delegator_slashing_sig_hex: hexadecimal,
      covenant_slashing_sigs: list(adaptorSignatures),
      delegator_unbonding_info_response: v.nullish(v.looseObject({ spend_stake_tx_hex: hexadecimal })),
    }),
  ),
  stk_exp: v.nullish(
    v.looseObject({
      previous_staking_tx_hash_hex: hex32,
      other_funding_tx_out_hex: hexadecimal,
      previous_stk_covenant_sigs: list(signatureInfo),
    }),
  ),
});

/** A finality provider, as the chain's servers write it. */
export const provider = v.looseObject({
  description: v.nullish(v.looseObject({ moniker: v.string() })),
  commission: v.nullish(decimal),
  commission_info: v.nullish(
    v.looseObject({ max_rate: decimal, max_change_rate: decimal, update_time: v.nullish(v.string()) }),
  ),
  addr: v.string(),
  btc_pk: hex32,
  slashed_babylon_height: number,
  slashed_btc_height: number,
  jailed: v.boolean(),
  highest_voted_height: number,
  soft_deleted: v.optional(v.boolean()),
});

/** Two votes for one height, as the chain's servers write them. */
export const evidence = v.looseObject({
  fp_btc_pk_hex: hex32,
  block_height: number,
  pub_rand: base64Text,
  canonical_app_hash: base64Text,
  fork_app_hash: base64Text,
  canonical_finality_sig: v.nullish(base64Text),
  fork_finality_sig: base64Text,
});

export const commit = v.looseObject({ num_pub_rand: number, commitment: base64Text, epoch_num: number });

/** One version of the staking parameters, in the LCD's JSON. */
export type RawParamsVersion = v.InferOutput<typeof paramsVersion>;
/** A delegation in the LCD's JSON. */
export type RawDelegation = v.InferOutput<typeof delegation>;
/** A finality provider in the LCD's JSON. */
export type RawProvider = v.InferOutput<typeof provider>;
/** Evidence of a double vote in the LCD's JSON. */
export type RawEvidence = v.InferOutput<typeof evidence>;
/** A commitment to public randomness in the LCD's JSON. */
export type RawCommit = v.InferOutput<typeof commit>;
