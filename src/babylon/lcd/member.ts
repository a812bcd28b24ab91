import * as v from "valibot";
import { TapstakeError } from "../../core/errors.js";
import { parseJson } from "../../core/json.js";
import { addCovenantSignatures } from "../../covenant/member.js";
import type { Delegation } from "../../delegation/delegation.js";
import { readCovenantSignatures } from "../lifecycle.js";
import { type AnyMessage, decodeMessage, messageFromJson, TYPE_URLS } from "../messages.js";
import type { MessageOf } from "../schema.js";
import { hex32, list, base64Text } from "./forms.js";
import { bytesOf, keyOf, readAnswer } from "./read.js";

/** The message by which a member hands in its signatures, as the chain's own programs print it. */
const printed = v.looseObject({
  signer: v.string(),
  pk: hex32,
  staking_tx_hash: hex32,
  slashing_tx_sigs: v.array(base64Text),
  unbonding_tx_sig: base64Text,
  slashing_unbonding_tx_sigs: v.array(base64Text),
  stake_expansion_tx_sig: v.nullish(base64Text),
});

/** A message of a transaction, in JSON. */
const body = v.looseObject({ body: v.looseObject({ messages: list(v.unknown()) }) });

/**
 * The messages `MsgAddCovenantSigs` of a document: one as `messageToJson` writes it; one as the chain's programs print
 * it, with `pk` and signatures in base64; a list of such; or a transaction whose messages they are.
 * @param json the JSON text, or the result of `JSON.parse`
 * @throws TapstakeError `invalid-json`, `invalid-message`, `invalid-hex`, `invalid-bytes`
 */
export function readMemberMessages(json: unknown): readonly MessageOf<"MsgAddCovenantSigs">[] {
  const value = typeof json === "string" ? parseJson(json, "message") : json;
  if (Array.isArray(value)) return value.flatMap((one) => readMemberMessages(one));
  if (v.is(body, value)) return (value.body.messages ?? []).flatMap((one) => readMemberMessages(one));
  if (typeof value === "object" && value !== null && "typeUrl" in value) {
    return [memberMessage(messageFromJson(JSON.stringify(value)))];
  }
  const name = "message";
  const raw = readAnswer(printed, value, name);
  const signatures = (field: "slashing_tx_sigs" | "slashing_unbonding_tx_sigs") =>
    raw[field].map((text, i) => bytesOf(text, `${name}.${field}[${i}]`, 65));
  const expansion = raw.stake_expansion_tx_sig;
  return [
    {
      signer: raw.signer,
      pk: keyOf(raw.pk, `${name}.pk`),
      stakingTxHash: raw.staking_tx_hash,
      slashingTxSigs: signatures("slashing_tx_sigs"),
      unbondingTxSig: bytesOf(raw.unbonding_tx_sig, `${name}.unbonding_tx_sig`, 64),
      slashingUnbondingTxSigs: signatures("slashing_unbonding_tx_sigs"),
      ...(expansion && {
        stakeExpansionTxSig: bytesOf(expansion, `${name}.stake_expansion_tx_sig`, 64),
      }),
    },
  ];
}

/** The bytes of a `MsgAddCovenantSigs`. @throws TapstakeError `invalid-message`, also for another message */
export function memberMessage(message: AnyMessage | Uint8Array): MessageOf<"MsgAddCovenantSigs"> {
  const any =
    message instanceof Uint8Array ? { typeUrl: TYPE_URLS.MsgAddCovenantSigs, value: message } : message;
  const read = decodeMessage(any);
  if (read.name === "MsgAddCovenantSigs") return read.message;
  throw new TapstakeError("invalid-message", `the message must be a MsgAddCovenantSigs, not a ${read.name}`);
}

/**
 * A delegation with the signatures of members' messages added, each verified.
 * @throws TapstakeError the codes of `readCovenantSignatures`
 */
export const addMemberMessages = (
  delegation: Delegation,
  messages: readonly MessageOf<"MsgAddCovenantSigs">[],
): Delegation =>
  messages.reduce(
    (signed, message) => addCovenantSignatures(signed, readCovenantSignatures(message, signed).signatures),
    delegation,
  );
