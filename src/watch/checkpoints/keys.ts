import * as v from "valibot";
import { u64 } from "../../babylon/lcd/forms.js";
import { readAnswer } from "../../babylon/lcd/read.js";
import { hex } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";

/** A validator of one epoch of the staking chain, in the chain's order: bit i of a checkpoint's bitmap is of number i. */
export interface BlsValidator {
  /** A compressed point in G2, 96 bytes. */
  readonly publicKey: Uint8Array;
  readonly power: bigint;
}

const KEY = 96;
/** The bits of a bitmap of 13 bytes. */
const MOST_VALIDATORS = 104;

const form = v.object({
  validator_with_bls_keys: v.array(
    v.object({
      bls_pub_key_hex: v.pipe(
        v.string(),
        v.regex(/^[0-9a-f]{192}$/i, "96 bytes as hexadecimal"),
        v.transform((text) => hex.decode(text)),
      ),
      voting_power: u64,
    }),
  ),
  pagination: v.nullish(v.object({ total: v.optional(u64) })),
});

/**
 * The validators of an epoch from the chain's answer to `/babylon/checkpointing/v1/bls_public_keys/{epoch}`.
 * @throws TapstakeError `invalid-json` for another form, or an answer with only a part of the list; as
 * {@link assertValidators}
 */
export function readBlsValidators(text: string): BlsValidator[] {
  const { validator_with_bls_keys: listed, pagination } = readAnswer(form, text, "keys");
  const total = pagination?.total;
  if (total !== undefined && total !== 0n && total !== BigInt(listed.length)) {
    const why = `keys: ${listed.length} of ${total} validators: a part of the list verifies nothing. Ask for all of them`;
    throw new TapstakeError("invalid-json", why, { path: "keys.pagination.total" });
  }
  const validators = listed.map(({ bls_pub_key_hex: publicKey, voting_power: power }) => ({
    publicKey,
    power,
  }));
  assertValidators(validators);
  return validators;
}

/**
 * @throws TapstakeError `invalid-argument` for no validator, more than a bitmap names, or no power; `invalid-bytes` for a
 * key of another length; `duplicate-key` for a key that would count twice
 */
export function assertValidators(validators: readonly BlsValidator[]): void {
  if (validators.length === 0 || validators.length > MOST_VALIDATORS) {
    const text = `expected 1 to ${MOST_VALIDATORS} validators, got ${validators.length}`;
    throw new TapstakeError("invalid-argument", text);
  }
  const seen = new Set<string>();
  for (const [i, { publicKey, power }] of validators.entries()) {
    if (publicKey.length !== KEY) {
      const text = `the key of validator ${i} has ${publicKey.length} bytes, not ${KEY}`;
      throw new TapstakeError("invalid-bytes", text, { index: i });
    }
    const name = hex.encode(publicKey);
    if (seen.has(name)) {
      const text = `the key of validator ${i} is in the list twice: its power would count twice`;
      throw new TapstakeError("duplicate-key", text, { key: name });
    }
    seen.add(name);
    if (power < 0n) throw new TapstakeError("invalid-argument", `the power of validator ${i} is negative`);
  }
  if (validators.every(({ power }) => power === 0n)) {
    throw new TapstakeError("invalid-argument", "the validators have no power");
  }
}
