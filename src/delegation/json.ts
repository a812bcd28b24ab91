import * as v from "valibot";
import { outputAt, parseTransaction } from "../bitcoin/transaction.js";
import { assertSatoshi } from "../core/amount.js";
import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { decimalText, jsonText, parseJson, readJson } from "../core/json.js";
import { paramsOf, paramsObject } from "../params/json.js";
import { checkTerms, checkTimelock, type KeySet } from "../script/terms.js";
import type { LeafSignature } from "../spending/spend.js";
import type { PreviousStake } from "../stake/expansion.js";
import {
  assertDelegation,
  type AdaptorSignature,
  type Delegation,
  type ExpandedStake,
  type PresignedSlashing,
} from "./delegation.js";

/**
 * The newest version of the JSON form; this release reads it and all earlier ones. Version 2 added expansions. Other
 * stakes are still written in version 1, so that older software reads them.
 */
export const DELEGATION_VERSION = 2;
const WITHOUT_EXPANSION = 1;

/**
 * A delegation as JSON text: bytes as hexadecimal, amounts as decimal text, transactions raw. Indented, for files
 * that people compare.
 */
export function delegationToJson(delegation: Delegation): string {
  assertDelegation(delegation);
  const { unbondingTime, unbonding, slashing, unbondingSlashing, expansion } = delegation;
  const { staking, ...stake } = stakeToJson(delegation);
  const json = {
    version: expansion ? DELEGATION_VERSION : WITHOUT_EXPANSION,
    ...stake,
    unbondingTime,
    staking,
    unbonding: {
      transaction: unbonding.transaction.toHex(),
      stakerSignatures: unbonding.stakerSignatures.map(leafSignatureToJson),
      covenantSignatures: unbonding.covenantSignatures.map(leafSignatureToJson),
    },
    slashing: presignedSlashingToJson(slashing),
    unbondingSlashing: presignedSlashingToJson(unbondingSlashing),
    ...(expansion && { expansion: expansionToJson(expansion) }),
  };
  return jsonText(json);
}

/**
 * The inverse of {@link delegationToJson}. It validates the form, every field and the terms; `checkDelegation` checks
 * the transactions and signatures. `details.path` says where an error is.
 * @throws TapstakeError `unknown-version`, `invalid-json`, `invalid-hex`, `invalid-transaction`, `output-not-found`,
 * and the codes of `checkTerms` and of parameters
 */
export function delegationFromJson(text: string): Delegation {
  const json = parseJson(text, "delegation");
  const { version } = readJson(v.looseObject({ version: v.number() }), json, "delegation");
  const read = readForm(version, json);
  const { unbondingTime, unbonding, slashing, unbondingSlashing, expansion } = read;
  const delegation: Delegation = {
    ...readStake(read, "delegation"),
    unbondingTime,
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
    ...(expansion && { expansion: readExpansion(expansion, "delegation.expansion") }),
  };
  checkStakeForm(delegation, "delegation");
  at("delegation.unbondingTime", () => checkTimelock(unbondingTime, "unbonding time"));
  if (delegation.expansion) checkStakeForm(delegation.expansion, "delegation.expansion");
  return delegation;
}

function readForm(version: number, json: unknown): v.InferOutput<typeof newestForm> {
  if (version === DELEGATION_VERSION) return readJson(newestForm, json, "delegation");
  if (version === WITHOUT_EXPANSION) return readJson(form, json, "delegation");
  const text = `the delegation has version ${version}; this release reads ${WITHOUT_EXPANSION} to ${DELEGATION_VERSION}`;
  throw new TapstakeError("unknown-version", text, { expected: DELEGATION_VERSION, got: version });
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
const stakeForm = {
  params: v.unknown(),
  terms: v.strictObject({
    staker: v.union([v.string(), keySetForm]),
    finalityProviders: v.array(v.string()),
    covenant: keySetForm,
    timelock: integer,
  }),
  staking: v.strictObject({ transaction: v.string(), outputIndex: integer }),
};
const signedForm = {
  stakerSignatures: v.array(signatureForm),
  covenantSignatures: v.array(signatureForm),
};
const fields = {
  version: v.number(),
  ...stakeForm,
  unbondingTime: integer,
  unbonding: v.strictObject({ transaction: v.string(), ...signedForm }),
  slashing: slashingForm,
  unbondingSlashing: slashingForm,
};
const form = v.strictObject(fields);
const expansionForm = v.strictObject({
  ...stakeForm,
  funding: v.strictObject({
    script: v.string(),
    value: decimalText,
    transaction: v.exactOptional(v.string()),
  }),
  ...signedForm,
});
const newestForm = v.strictObject({ ...fields, expansion: v.exactOptional(expansionForm) });

const stakeToJson = ({ terms, params, staking }: PreviousStake) => ({
  params: paramsObject(params),
  terms: {
    staker: terms.staker instanceof Uint8Array ? hex.encode(terms.staker) : keySetToJson(terms.staker),
    finalityProviders: terms.finalityProviders.map((provider) => hex.encode(provider)),
    covenant: keySetToJson(terms.covenant),
    timelock: terms.timelock,
  },
  staking: { transaction: staking.transaction.toHex(), outputIndex: staking.outputIndex },
});

const expansionToJson = (expansion: ExpandedStake) => ({
  ...stakeToJson(expansion),
  funding: {
    script: hex.encode(expansion.funding.script),
    value: `${expansion.funding.value}`,
    ...(expansion.funding.transaction && { transaction: expansion.funding.transaction.toHex() }),
  },
  stakerSignatures: expansion.stakerSignatures.map(leafSignatureToJson),
  covenantSignatures: expansion.covenantSignatures.map(leafSignatureToJson),
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

/** Calls `read`; its error names the place in the document. */
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

/** The bytes of a signature in its shorter form, or in its longer one: a byte more. */
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

function readStake(
  { params, terms, staking }: Pick<v.InferOutput<typeof form>, keyof typeof stakeForm>,
  path: string,
): PreviousStake {
  return {
    params: at(`${path}.params`, () => paramsOf(params, `${path}.params`)),
    terms: {
      staker:
        typeof terms.staker === "string"
          ? key(terms.staker, `${path}.terms.staker`)
          : keySet(terms.staker, `${path}.terms.staker`),
      finalityProviders: terms.finalityProviders.map((provider, i) =>
        key(provider, `${path}.terms.finalityProviders[${i}]`),
      ),
      covenant: keySet(terms.covenant, `${path}.terms.covenant`),
      timelock: terms.timelock,
    },
    staking: {
      transaction: transaction(staking.transaction, `${path}.staking.transaction`),
      outputIndex: staking.outputIndex,
    },
  };
}

function readExpansion(json: v.InferOutput<typeof expansionForm>, path: string): ExpandedStake {
  const { funding } = json;
  at(`${path}.funding.value`, () => assertSatoshi(funding.value, "funding coin"));
  return {
    ...readStake(json, path),
    funding: {
      script: bytes(funding.script, `${path}.funding.script`),
      value: funding.value,
      ...(funding.transaction !== undefined && {
        transaction: transaction(funding.transaction, `${path}.funding.transaction`),
      }),
    },
    stakerSignatures: leafSignatures(json.stakerSignatures, `${path}.stakerSignatures`),
    covenantSignatures: leafSignatures(json.covenantSignatures, `${path}.covenantSignatures`),
  };
}

function checkStakeForm({ terms, staking }: PreviousStake, path: string): void {
  at(`${path}.terms`, () => checkTerms(terms));
  at(`${path}.staking.outputIndex`, () => outputAt(staking.transaction, staking.outputIndex));
}
