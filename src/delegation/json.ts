import * as v from "valibot";
import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { parseJson, readJson } from "../core/json.js";
import { paramsFromJson, paramsToJson } from "../params/json.js";
import { checkTerms, checkTimelock, type KeySet } from "../script/terms.js";
import type { LeafSignature } from "../tx/spend.js";
import { outputAt, parseTransaction } from "../tx/transaction.js";
import type { AdaptorSignature, Delegation, PresignedSlashing } from "./delegation.js";

/** The version of the JSON form that this release writes, and the only one that it reads. */
export const DELEGATION_VERSION = 1;

/**
 * A delegation as JSON text: bytes as hexadecimal, amounts as decimal text, transactions raw. Indented, for files
 * that people compare.
 */
export function delegationToJson(delegation: Delegation): string {
  const { terms, params, unbondingTime, staking, unbonding, slashing, unbondingSlashing } = delegation;
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
    unbonding: {
      transaction: unbonding.transaction.toHex(),
      stakerSignatures: unbonding.stakerSignatures.map(leafSignatureToJson),
      covenantSignatures: unbonding.covenantSignatures.map(leafSignatureToJson),
    },
    slashing: presignedSlashingToJson(slashing),
    unbondingSlashing: presignedSlashingToJson(unbondingSlashing),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

/**
 * The inverse of {@link delegationToJson}. The form, every field and the terms are validated; whether the
 * transactions and signatures are right is the question of `checkDelegation`. `details.path` says where.
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
  const read = readJson(form, json, "delegation");
  const { terms, unbondingTime, staking, unbonding, slashing, unbondingSlashing } = read;
  const delegation: Delegation = {
    params: at("delegation.params", () => paramsFromJson(read.params, "delegation.params")),
    terms: {
      staker:
        typeof terms.staker === "string"
          ? key(terms.staker, "delegation.terms.staker")
          : keySet(terms.staker, "delegation.terms.staker"),
      finalityProviders: terms.finalityProviders.map((provider, i) =>
        key(provider, `delegation.terms.finalityProviders[${i}]`),
      ),
      covenant: keySet(terms.covenant, "delegation.terms.covenant"),
      timelock: terms.timelock,
    },
    unbondingTime,
    staking: {
      transaction: transaction(staking.transaction, "delegation.staking.transaction"),
      outputIndex: staking.outputIndex,
    },
    unbonding: {
      transaction: transaction(unbonding.transaction, "delegation.unbonding.transaction"),
      stakerSignatures: leafSignatures(unbonding.stakerSignatures, "delegation.unbonding.stakerSignatures"),
      covenantSignatures: leafSignatures(
        unbonding.covenantSignatures,
        "delegation.unbonding.covenantSignatures",
      ),
    },
    slashing: presignedSlashing(slashing, "delegation.slashing"),
    unbondingSlashing: presignedSlashing(unbondingSlashing, "delegation.unbondingSlashing"),
  };
  at("delegation.terms", () => checkTerms(delegation.terms));
  at("delegation.unbondingTime", () => checkTimelock(unbondingTime, "unbonding time"));
  at("delegation.staking.outputIndex", () => outputAt(delegation.staking.transaction, staking.outputIndex));
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

const leafSignatureToJson = ({ publicKey, signature }: LeafSignature) => ({
  publicKey: hex.encode(publicKey),
  signature: hex.encode(signature),
});

const adaptorSignatureToJson = ({ publicKey, finalityProvider, signature }: AdaptorSignature) => ({
  publicKey: hex.encode(publicKey),
  finalityProvider: hex.encode(finalityProvider),
  signature: hex.encode(signature),
});

const presignedSlashingToJson = ({
  transaction: unsigned,
  stakerSignatures,
  covenantSignatures,
}: PresignedSlashing) => ({
  transaction: unsigned.toHex(),
  stakerSignatures: stakerSignatures.map(leafSignatureToJson),
  covenantSignatures: covenantSignatures.map(adaptorSignatureToJson),
});

const keySetToJson = ({ keys, quorum }: KeySet) => ({ keys: keys.map((each) => hex.encode(each)), quorum });

/** What `read` refuses, with the place in the document. */
function at<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
    const { code, message, details, cause } = error;
    const inside = details["field"] === undefined ? path : `${path}.${String(details["field"])}`;
    const full = details["path"] ?? inside;
    const text = message.startsWith(path) ? message : `${path}: ${message}`;
    throw new TapstakeError(code, text, { ...details, path: full }, { cause });
  }
}

const bytes = (text: string, path: string, length?: number) => at(path, () => hex.decode(text, length, path));

const key = (text: string, path: string) => bytes(text, path, 32);

const keySet = ({ keys, quorum }: v.InferOutput<typeof keySetForm>, path: string): KeySet => ({
  keys: keys.map((each, i) => key(each, `${path}.keys[${i}]`)),
  quorum,
});

const transaction = (text: string, path: string) => at(path, () => parseTransaction(bytes(text, path)));

/** Of the shorter form, or the longer one: a byte more. */
function signatureBytes(text: string, path: string, shorter: number): Uint8Array {
  return bytes(text, path, text.length === 2 * (shorter + 1) ? shorter + 1 : shorter);
}

const leafSignatures = (
  list: readonly v.InferOutput<typeof signatureForm>[],
  path: string,
): LeafSignature[] =>
  list.map(({ publicKey, signature }, i) => ({
    publicKey: key(publicKey, `${path}[${i}].publicKey`),
    signature: signatureBytes(signature, `${path}[${i}].signature`, 64),
  }));

const adaptorSignatures = (
  list: readonly v.InferOutput<typeof adaptorForm>[],
  path: string,
): AdaptorSignature[] =>
  list.map(({ publicKey, finalityProvider, signature }, i) => ({
    publicKey: key(publicKey, `${path}[${i}].publicKey`),
    finalityProvider: key(finalityProvider, `${path}[${i}].finalityProvider`),
    signature: signatureBytes(signature, `${path}[${i}].signature`, 65),
  }));

function presignedSlashing(json: v.InferOutput<typeof slashingForm>, path: string): PresignedSlashing {
  return {
    transaction: transaction(json.transaction, `${path}.transaction`),
    stakerSignatures: leafSignatures(json.stakerSignatures, `${path}.stakerSignatures`),
    covenantSignatures: adaptorSignatures(json.covenantSignatures, `${path}.covenantSignatures`),
  };
}
