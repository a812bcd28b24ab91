import * as v from "valibot";
import type { Transaction } from "../core/bitcoin.js";
import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { parseJson, readJson } from "../core/json.js";
import { paramsFromJson, paramsToJson } from "../params/json.js";
import { checkTerms, checkTimelock, type KeySet } from "../script/terms.js";
import type { LeafSignature } from "../tx/spend.js";
import { outputAt, parseTransaction } from "../tx/transaction.js";
import type { AdaptorSignature, Delegation } from "./delegation.js";

/** The version of the JSON form that this release writes, and the only one that it reads. */
export const DELEGATION_VERSION = 1;

/**
 * A delegation as JSON text: bytes as hexadecimal, amounts as decimal text, transactions raw. Indented, for files
 * that people compare.
 */
export function delegationToJson(delegation: Delegation): string {
  const { terms, params, unbondingTime, staking, unbonding, slashing, unbondingSlashing } = delegation;
  const presigned = (
    transaction: Transaction,
    stakerSignatures: readonly LeafSignature[],
    covenantSignatures: readonly (LeafSignature | AdaptorSignature)[],
  ) => ({
    transaction: transaction.toHex(),
    stakerSignatures: stakerSignatures.map(hexFields),
    covenantSignatures: covenantSignatures.map(hexFields),
  });
  const json = {
    version: DELEGATION_VERSION,
    params: paramsToJson(params),
    terms: {
      staker: terms.staker instanceof Uint8Array ? hex.encode(terms.staker) : keySetToJson(terms.staker),
      finalityProviders: terms.finalityProviders.map((key) => hex.encode(key)),
      covenant: keySetToJson(terms.covenant),
      timelock: terms.timelock,
    },
    unbondingTime,
    staking: { transaction: staking.transaction.toHex(), outputIndex: staking.outputIndex },
    unbonding: presigned(unbonding.transaction, unbonding.stakerSignatures, unbonding.covenantSignatures),
    slashing: presigned(slashing.transaction, slashing.stakerSignatures, slashing.covenantSignatures),
    unbondingSlashing: presigned(
      unbondingSlashing.transaction,
      unbondingSlashing.stakerSignatures,
      unbondingSlashing.covenantSignatures,
    ),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

/**
 * The inverse of {@link delegationToJson}. The form, every field and the terms are validated; whether the
 * transactions and signatures are right is the question of `checkDelegation`.
 * @throws TapstakeError `unknown-version`, `invalid-json`, `invalid-hex`, `invalid-transaction`, `output-not-found`,
 * and the codes of `checkTerms` and of parameters
 */
export function delegationFromJson(text: string): Delegation {
  const json = parseJson(text, "delegation");
  const { version } = readJson(v.looseObject({ version: v.number() }), json, "delegation");
  if (version !== DELEGATION_VERSION) {
    const expected = `expected a delegation of version ${DELEGATION_VERSION}, got ${version}`;
    throw new TapstakeError("unknown-version", expected, { expected: DELEGATION_VERSION, got: version });
  }
  const { terms, params, unbondingTime, staking, unbonding, slashing, unbondingSlashing } = readJson(
    form,
    json,
    "delegation",
  );
  const delegation: Delegation = {
    params: paramsFromJson(params),
    terms: {
      staker: typeof terms.staker === "string" ? key(terms.staker, "staker") : keySet(terms.staker, "staker"),
      finalityProviders: terms.finalityProviders.map((provider, i) =>
        key(provider, `finality provider ${i}`),
      ),
      covenant: keySet(terms.covenant, "covenant"),
      timelock: terms.timelock,
    },
    unbondingTime,
    staking: { transaction: transaction(staking.transaction, "staking"), outputIndex: staking.outputIndex },
    unbonding: {
      transaction: transaction(unbonding.transaction, "unbonding"),
      stakerSignatures: unbonding.stakerSignatures.map(leafSignature),
      covenantSignatures: unbonding.covenantSignatures.map(leafSignature),
    },
    slashing: presignedSlashing(slashing, "slashing"),
    unbondingSlashing: presignedSlashing(unbondingSlashing, "unbonding slashing"),
  };
  checkTerms(delegation.terms);
  checkTimelock(unbondingTime, "unbonding time");
  outputAt(delegation.staking.transaction, staking.outputIndex);
  return delegation;
}

const integer = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const keySetForm = v.strictObject({ keys: v.array(v.string()), quorum: integer });
const signatureForm = v.strictObject({ publicKey: v.string(), signature: v.string() });
const adaptorForm = v.strictObject({
  publicKey: v.string(),
  finalityProvider: v.string(),
  signature: v.string(),
});
const slashingForm = v.strictObject({
  transaction: v.string(),
  stakerSignatures: v.array(signatureForm),
  covenantSignatures: v.array(adaptorForm),
});
const form = v.strictObject({
  version: v.number(),
  params: v.unknown(),
  terms: v.strictObject({
    staker: v.union([v.string(), keySetForm]),
    finalityProviders: v.array(v.string()),
    covenant: keySetForm,
    timelock: integer,
  }),
  unbondingTime: integer,
  staking: v.strictObject({ transaction: v.string(), outputIndex: integer }),
  unbonding: v.strictObject({
    transaction: v.string(),
    stakerSignatures: v.array(signatureForm),
    covenantSignatures: v.array(signatureForm),
  }),
  slashing: slashingForm,
  unbondingSlashing: slashingForm,
});

const hexFields = <T extends LeafSignature>(signed: T) =>
  Object.fromEntries(Object.entries(signed).map(([name, bytes]) => [name, hex.encode(bytes as Uint8Array)]));

const keySetToJson = ({ keys, quorum }: KeySet) => ({ keys: keys.map((each) => hex.encode(each)), quorum });

const key = (text: string, name: string) => hex.decode(text, 32, name);

const keySet = ({ keys, quorum }: v.InferOutput<typeof keySetForm>, name: string): KeySet => ({
  keys: keys.map((each, i) => key(each, `${name} key ${i}`)),
  quorum,
});

const transaction = (text: string, name: string) =>
  parseTransaction(hex.decode(text, undefined, `${name} transaction`));

const leafSignature = ({ publicKey, signature }: v.InferOutput<typeof signatureForm>): LeafSignature => ({
  publicKey: key(publicKey, "signature's public key"),
  signature: hex.decode(signature, undefined, "signature"),
});

function presignedSlashing(json: v.InferOutput<typeof slashingForm>, name: string) {
  return {
    transaction: transaction(json.transaction, name),
    stakerSignatures: json.stakerSignatures.map(leafSignature),
    covenantSignatures: json.covenantSignatures.map((signed) => ({
      ...leafSignature(signed),
      finalityProvider: key(signed.finalityProvider, "adaptor signature's finality provider"),
    })),
  };
}
