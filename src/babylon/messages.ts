import { base64 } from "@scure/base";
import * as v from "valibot";
import { assertBytes } from "../core/bytes.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { jsonText, parseJson, readJson } from "../core/json.js";
import type { Network } from "../core/network.js";
import type { Delegation } from "../delegation/delegation.js";
import { NEWEST_RELEASE, type Release } from "../params/rules.js";
import type { ProtocolParams } from "../params/types.js";
import type { Commitment } from "../vote/vote.js";
import { readAddInclusionProof, readCovenantSignatures, readSelectiveSlashing } from "./lifecycle.js";
import {
  readAddFinalitySignature,
  readCommitRandomness,
  readCreateFinalityProvider,
  readEditFinalityProvider,
  readEquivocation,
  readUnjailFinalityProvider,
} from "./provider.js";
import { decodeProtobuf, encodeProtobuf } from "../core/protobuf.js";
import { show } from "../core/text.js";
import { type MessageName, releasesOf, schemaOf, TYPE_URLS, unknownTo } from "./releases.js";
import { type MessageOf, SCHEMA } from "./schema.js";
import { readInsertHeaders, readInsertSpvProof } from "./reports.js";
import { readCreateDelegation, readExpand } from "./stake.js";
import { readUndelegate } from "./undelegation.js";

export { type MessageName, TYPE_URLS } from "./releases.js";

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
 * A message's bytes, as the chain's own program writes them.
 * @param release of the chain that the message is for: a chain cannot decode a field that its release does not know
 * @throws TapstakeError `not-in-release` when the release does not know the message, or a field that it holds;
 * `invalid-argument`, `invalid-message`, `invalid-bytes`, `invalid-number`
 */
export function encodeMessage<Name extends MessageName>(
  name: Name,
  message: MessageOf<Name>,
  release: Release = NEWEST_RELEASE,
): AnyMessage {
  const typeUrl = Object.hasOwn(TYPE_URLS, name) ? TYPE_URLS[name] : undefined;
  if (typeUrl === undefined) {
    throw new TapstakeError("invalid-argument", `name must be the name of a message, not ${show(name)}`);
  }
  if (typeof message !== "object" || message === null) {
    throw new TapstakeError("invalid-message", `${name} must be its fields, not ${describeType(message)}`);
  }
  assertInRelease(release, name, message);
  return { typeUrl, value: encodeProtobuf(schemaOf(release), name, message) };
}

/** @throws TapstakeError `not-in-release` */
export function assertInRelease(release: Release, name: MessageName, message: object): void {
  const unknown = unknownTo(release, name, message);
  if (unknown === undefined) return;
  const others = releasesOf(name, message);
  const known = others.length === 0 ? "" : `; ${others.join(", ")} would`;
  const text = `release ${release} of the chain does not know ${unknown}${known}`;
  throw new TapstakeError("not-in-release", text, { release, unknown, releases: others });
}

/**
 * The inverse of {@link encodeMessage}. Refused are bytes that end early, fields of another wire type or length, twice
 * or missing, numbers that are longer than they need to be, text that is not UTF-8; and fields of unknown number: a
 * later release of the chain may say something in them that changes what the rest means. What any known release wrote
 * is read: `releasesOf` says which of them could have written it.
 * @throws TapstakeError `invalid-message`
 */
export function decodeMessage({ typeUrl, value }: AnyMessage): NamedMessage {
  const name = (Object.keys(TYPE_URLS) as MessageName[]).find((each) => TYPE_URLS[each] === typeUrl);
  if (!name)
    throw new TapstakeError(
      "invalid-message",
      `typeUrl must be one that tapstake knows, not ${show(typeUrl)}`,
    );
  if (!(value instanceof Uint8Array)) {
    throw new TapstakeError("invalid-message", `${name} must be bytes, not ${describeType(value)}`);
  }
  return { name, message: decodeProtobuf(SCHEMA, name, value, "refuse") } as unknown as NamedMessage;
}

/**
 * A message as JSON text: its bytes in base64, as protobuf's own JSON has bytes.
 * @throws TapstakeError `invalid-bytes` when its value is none
 */
export function messageToJson({ typeUrl, value }: AnyMessage): string {
  assertBytes(value, "value");
  return jsonText({ typeUrl, value: base64.encode(value) });
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
    throw new TapstakeError("invalid-message", "message.value must be base64", { path: "message.value" });
  }
}

/** What messages do not hold, and checking them needs. */
export interface MessageSources {
  /** Of a new stake: the version that the chain applies. */
  readonly params?: ProtocolParams | undefined;
  /** The stake that a message is about; of an expansion, the one that is expanded. */
  readonly delegation?: Delegation | undefined;
  /** That covers a vote's height. */
  readonly commitment?: Commitment | undefined;
  /** The signing context, where the chain uses one. */
  readonly context?: string | undefined;
  /** Of the Bitcoin addresses in proofs of possession of a finality provider. */
  readonly network?: Network | undefined;
}

/**
 * Checks a message that was decoded, whichever it is, by the reader of its own.
 * @returns what is lacking for it; undefined when every rule was checked, and holds
 * @throws TapstakeError the codes of the message's reader
 */
export function checkedMessage(
  named: NamedMessage,
  { params, delegation, commitment, context, network }: MessageSources,
): "params" | "delegation" | "commitment" | undefined {
  const about = (check: (stake: Delegation) => unknown) => {
    if (!delegation) return "delegation" as const;
    check(delegation);
    return undefined;
  };
  switch (named.name) {
    case "MsgCreateBTCDelegation":
      if (!params) return "params";
      return void readCreateDelegation(named.message, params, { context });
    case "MsgBtcStakeExpand":
      if (!params) return "params";
      return about((previous) => readExpand(named.message, params, previous, { context }));
    case "MsgAddBTCDelegationInclusionProof":
      return about((stake) => readAddInclusionProof(named.message, stake));
    case "MsgBTCUndelegate":
      return about((stake) => readUndelegate(named.message, stake));
    case "MsgAddCovenantSigs":
      return about((stake) => readCovenantSignatures(named.message, stake));
    case "MsgSelectiveSlashingEvidence":
      return about((stake) => readSelectiveSlashing(named.message, stake));
    case "MsgCreateFinalityProvider":
      return void readCreateFinalityProvider(named.message, { context, network });
    case "MsgEditFinalityProvider":
      return void readEditFinalityProvider(named.message);
    case "MsgUnjailFinalityProvider":
      return void readUnjailFinalityProvider(named.message);
    case "MsgInsertHeaders":
      return void readInsertHeaders(named.message);
    case "MsgInsertBTCSpvProof":
      return void readInsertSpvProof(named.message);
    case "MsgAddBsnRewards":
    case "MsgUpdateStakingParams":
    case "MsgUpdateFinalityParams":
    case "MsgResumeFinalityProposal":
      return undefined;
    case "MsgEquivocationEvidence":
      return void readEquivocation(named.message);
    case "MsgCommitPubRandList":
      return void readCommitRandomness(named.message, { context });
    case "MsgAddFinalitySig":
      if (!commitment) return "commitment";
      return void readAddFinalitySignature(named.message, commitment, { context });
  }
}

const anyForm = v.strictObject({ typeUrl: v.string(), value: v.string() });
