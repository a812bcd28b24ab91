import { describeType, TapstakeError } from "../core/errors.js";
import type { Field, Schema } from "../core/protobuf.js";
import type { Release } from "../params/rules.js";
import { type MessageName, schemaOf } from "./releases.js";
import { SCHEMA } from "./schema.js";

/**
 * Refuses a message that lacks a field, or has one of another type. Lengths and ranges are the rules' own: they say what
 * the chain would answer.
 * @throws TapstakeError `invalid-message`; `details.path` says where
 */
export function assertShape(release: Release, name: MessageName, message: object): void {
  const own: Schema = schemaOf(release);
  // A rule of its own refuses a message that the release lacks.
  assertFields(Object.hasOwn(own, name) ? own : SCHEMA, name, name, message);
}

/**
 * {@link assertShape} for a message of any release, before anything of it is read.
 * @throws TapstakeError `invalid-message`
 */
export const assertMessage = (name: MessageName, message: unknown): void =>
  assertField(SCHEMA, name, { id: 0, type: name }, message);

function assertFields(schema: Schema, path: string, type: string, message: object): void {
  for (const [name, field] of Object.entries(schema[type]!)) {
    const value = (message as Readonly<Record<string, unknown>>)[name];
    const at = `${path}.${name}`;
    if (!field.repeated) assertField(schema, at, field, value);
    else if (!Array.isArray(value)) throw invalid(at, "a list", value);
    else for (const [i, each] of value.entries()) assertField(schema, `${at}[${i}]`, field, each);
  }
}

const TYPES = {
  bytes: ["a Uint8Array", (value) => value instanceof Uint8Array],
  string: ["text", (value) => typeof value === "string"],
  uint32: ["a whole number", (value) => Number.isSafeInteger(value)],
  uint64: ["a bigint", (value) => typeof value === "bigint"],
  int64: ["a bigint", (value) => typeof value === "bigint"],
} as const satisfies Readonly<Record<string, readonly [what: string, is: (value: unknown) => boolean]>>;

function assertField(schema: Schema, path: string, { type, optional }: Field, value: unknown): void {
  if (value === undefined && optional) return;
  const simple = Object.hasOwn(TYPES, type) ? TYPES[type as keyof typeof TYPES] : undefined;
  if (!simple) {
    if (typeof value !== "object" || value === null || value instanceof Uint8Array) {
      throw invalid(path, "an object", value);
    }
    return assertFields(schema, path, type, value);
  }
  const [what, is] = simple;
  if (!is(value)) throw invalid(path, what, value);
}

function invalid(path: string, what: string, value: unknown): TapstakeError {
  const got = value === undefined ? "nothing" : describeType(value);
  return new TapstakeError("invalid-message", `${path}: expected ${what}, got ${got}`, { path });
}
