import { base64 } from "@scure/base";
import * as v from "valibot";
import { assertBytes, hex } from "../core/bytes.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { parseJson, readJson } from "../core/json.js";
import { decodeProtobuf, encodeProtobuf } from "../core/protobuf.js";
import { show } from "../core/text.js";
import { type MessageOf, SCHEMA } from "./schema.js";

/** Where the chain finds each message: the `typeUrl` in a transaction of its own. */
export const TYPE_URLS = {
  MsgCreateFinalityProvider: "/babylon.btcstaking.v1.MsgCreateFinalityProvider",
  MsgCreateBTCDelegation: "/babylon.btcstaking.v1.MsgCreateBTCDelegation",
  MsgBtcStakeExpand: "/babylon.btcstaking.v1.MsgBtcStakeExpand",
  MsgAddBTCDelegationInclusionProof: "/babylon.btcstaking.v1.MsgAddBTCDelegationInclusionProof",
  MsgBTCUndelegate: "/babylon.btcstaking.v1.MsgBTCUndelegate",
  MsgAddCovenantSigs: "/babylon.btcstaking.v1.MsgAddCovenantSigs",
  MsgSelectiveSlashingEvidence: "/babylon.btcstaking.v1.MsgSelectiveSlashingEvidence",
  MsgCommitPubRandList: "/babylon.finality.v1.MsgCommitPubRandList",
  MsgAddFinalitySig: "/babylon.finality.v1.MsgAddFinalitySig",
  MsgEquivocationEvidence: "/babylon.finality.v1.MsgEquivocationEvidence",
} as const;

export type MessageName = keyof typeof TYPE_URLS;

/** A message as a transaction of the chain carries it: protobuf's `Any`. */
export interface AnyMessage {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

/** A message that was read, under its name. */
export type NamedMessage = {
  [Name in MessageName]: { readonly name: Name; readonly message: MessageOf<Name> };
}[MessageName];

/**
 * A message's bytes, as the published protobuf package writes them.
 * @throws TapstakeError `invalid-argument`, `invalid-message`, `invalid-bytes`, `invalid-number`
 */
export function encodeMessage<Name extends MessageName>(name: Name, message: MessageOf<Name>): AnyMessage {
  const typeUrl = Object.hasOwn(TYPE_URLS, name) ? TYPE_URLS[name] : undefined;
  if (typeUrl === undefined) {
    throw new TapstakeError("invalid-argument", `expected the name of a message, got ${show(name)}`);
  }
  if (typeof message !== "object" || message === null) {
    throw new TapstakeError("invalid-message", `${name}: expected its fields, got ${describeType(message)}`);
  }
  return { typeUrl, value: encodeProtobuf(SCHEMA, name, message) };
}

/**
 * The inverse of {@link encodeMessage}. Refused are bytes that end early, fields of another wire type or length, twice
 * or missing, numbers that are longer than they need to be, text that is not UTF-8; and fields of unknown number: a
 * later release of the chain may say something in them that changes what the rest means.
 * @throws TapstakeError `invalid-message`
 */
export function decodeMessage({ typeUrl, value }: AnyMessage): NamedMessage {
  const name = (Object.keys(TYPE_URLS) as MessageName[]).find((each) => TYPE_URLS[each] === typeUrl);
  if (!name) throw new TapstakeError("invalid-message", `expected a known typeUrl, got ${show(typeUrl)}`);
  if (!(value instanceof Uint8Array)) {
    throw new TapstakeError("invalid-message", `${name}: expected bytes, got ${describeType(value)}`);
  }
  return { name, message: decodeProtobuf(SCHEMA, name, value, "refuse") } as unknown as NamedMessage;
}

/**
 * A message as JSON text: its bytes in base64, as protobuf's own JSON has bytes.
 * @throws TapstakeError `invalid-bytes` when its value is none
 */
export function messageToJson({ typeUrl, value }: AnyMessage): string {
  assertBytes(value, "value");
  return `${JSON.stringify({ typeUrl, value: base64.encode(value) }, null, 2)}\n`;
}

/**
 * The inverse of {@link messageToJson}: for `decodeMessage`.
 * @throws TapstakeError `invalid-json`, `invalid-message` when the value is no base64
 */
export function messageFromJson(text: string): AnyMessage {
  const { typeUrl, value } = readJson(anyForm, parseJson(text, "message"), "message");
  try {
    return { typeUrl, value: base64.decode(value) };
  } catch {
    throw new TapstakeError("invalid-message", "message.value: expected base64", { path: "message.value" });
  }
}

const anyForm = v.strictObject({ typeUrl: v.string(), value: v.string() });

/**
 * A txid in a message, of a transaction that it must name.
 * @throws TapstakeError `invalid-hex`, `message-mismatch`
 */
export function assertTxid(txid: string, expected: string, name: string): void {
  hex.decode(txid, 32, name);
  if (txid.toLowerCase() === expected) return;
  throw new TapstakeError("message-mismatch", `${name}: expected ${expected}, got ${txid}`, { expected });
}
