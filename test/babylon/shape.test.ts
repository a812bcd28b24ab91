import { describe, expect, it } from "vitest";
import * as lifecycle from "../../src/babylon/lifecycle.js";
import type { MessageName } from "../../src/babylon/messages.js";
import * as provider from "../../src/babylon/provider.js";
import * as reports from "../../src/babylon/reports.js";
import { SCHEMA } from "../../src/babylon/schema.js";
import * as stake from "../../src/babylon/stake.js";
import { readUndelegate } from "../../src/babylon/undelegation.js";
import type { Field } from "../../src/core/protobuf.js";
import { refusal } from "../support/refusal.js";

/** Every function that reads a message. What else they take is looked at after the message. */
const READERS: Partial<Record<MessageName, (message: never, ...others: never[]) => unknown>> = {
  MsgCreateBTCDelegation: stake.readCreateDelegation,
  MsgBtcStakeExpand: stake.readExpand,
  MsgAddBTCDelegationInclusionProof: lifecycle.readAddInclusionProof,
  MsgBTCUndelegate: readUndelegate,
  MsgAddCovenantSigs: lifecycle.readCovenantSignatures,
  MsgSelectiveSlashingEvidence: lifecycle.readSelectiveSlashing,
  MsgCreateFinalityProvider: provider.readCreateFinalityProvider,
  MsgEditFinalityProvider: provider.readEditFinalityProvider,
  MsgUnjailFinalityProvider: provider.readUnjailFinalityProvider,
  MsgInsertHeaders: reports.readInsertHeaders,
  MsgInsertBTCSpvProof: reports.readInsertSpvProof,
  MsgEquivocationEvidence: provider.readEquivocation,
  MsgCommitPubRandList: provider.readCommitRandomness,
  MsgAddFinalitySig: provider.readAddFinalitySignature,
};

const fieldsOf = (type: string) =>
  Object.entries(SCHEMA[type as keyof typeof SCHEMA] as Readonly<Record<string, Field>>);

/** A message of the right form, and of nothing else that is right. */
const example = (type: string): object =>
  Object.fromEntries(fieldsOf(type).map(([name, field]) => [name, field.repeated ? [] : one(field)]));

function one({ type, length = 1 }: Field): unknown {
  if (type === "bytes") return new Uint8Array(length);
  if (type === "string") return "";
  if (type === "uint32") return 0;
  return type in SCHEMA ? example(type) : 0n;
}

describe.each(Object.entries(READERS))("reading %s", (name, read) => {
  const expectRefused = (message: unknown, path: string) =>
    expect(refusal("invalid-message", () => read(message as never)).details).toEqual({ path });

  it("message: refuses what is no object by its name", () => {
    for (const wrong of [undefined, null, 7, "text", new Uint8Array(3)]) expectRefused(wrong, name);
  });

  it("message: refuses a field that is missing, or of another type, by its name", () => {
    const whole = example(name);
    for (const [field, { optional, repeated }] of fieldsOf(name)) {
      const path = `${name}.${field}`;
      if (!optional || repeated) expectRefused({ ...whole, [field]: undefined }, path);
      expectRefused({ ...whole, [field]: Symbol("wrong") }, path);
      if (repeated) expectRefused({ ...whole, [field]: [Symbol("wrong")] }, `${path}[0]`);
    }
  });
});
