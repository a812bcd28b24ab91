import { assertBytes, assertInteger, joinBytes, u64be, utf8 } from "./bytes.js";
import { describeType, TapstakeError } from "./errors.js";

/**
 * A field of a protobuf message (proto3): numbers up to 32 bits are `number`, longer ones `bigint`. An int64 is never
 * negative in the messages here. Any other type names a message of the same schema.
 */
export interface Field {
  readonly id: number;
  readonly type: string;
  readonly repeated?: true;
  /** For a number: written even when it is 0, if it is given. For text, bytes and messages: may be absent. */
  readonly optional?: true;
  /** For bytes: their required length. */
  readonly length?: number;
}

/** The fields of every message, by name, in the order of their numbers, which is the order of writing. */
export type Schema = Readonly<Record<string, Readonly<Record<string, Field>>>>;

type Message = Readonly<Record<string, unknown>>;

/**
 * A message's bytes as Go and the published packages write them: in the order of field numbers, without fields of
 * default value.
 * @throws TapstakeError `invalid-message`, `invalid-bytes`, `invalid-number`
 */
export function encodeProtobuf(schema: Schema, name: string, message: object): Uint8Array {
  const parts = Object.entries(schema[name]!).flatMap(([key, field]) =>
    encodeField(schema, `${name}.${key}`, field, (message as Message)[key]),
  );
  return joinBytes(parts);
}

/**
 * Reads a message's bytes strictly. Libraries accept a field of another wire type, and take the last of two values. The
 * same bytes must not mean something else to another reader, above all if they are authenticated.
 * @param unknown what to do with fields of unknown number: pass over them, as newer writers may send them; or refuse
 * them, as they could change the meaning of the rest
 * @throws TapstakeError `invalid-message`, which says where and never shows the value: a message may hold a secret
 */
export function decodeProtobuf(
  schema: Schema,
  name: string,
  bytes: Uint8Array,
  unknown: "skip" | "refuse",
): Record<string, unknown> {
  const fields = schema[name]!;
  const byId = new Map(Object.entries(fields).map(([key, field]) => [field.id, { key, field }]));
  const message: Record<string, unknown> = {};
  const reader = new Reader(bytes, name);
  while (!reader.atEnd) {
    const tag = reader.varint(32);
    const [id, wireType] = [Number(tag >> 3n), Number(tag & 7n)];
    if (id === 0) throw invalid(name, "a field has number 0");
    const known = byId.get(id);
    if (!known) {
      if (unknown === "refuse") throw invalid(name, `field ${id} is not known`);
      reader.skip(wireType);
      continue;
    }
    const { key, field } = known;
    const value = decodeField(schema, { name, key, field }, wireType, reader, unknown);
    if (field.repeated) ((message[key] ??= []) as unknown[]).push(value);
    else if (key in message) throw invalid(name, `${key} is there twice`);
    else message[key] = value;
  }
  return withDefaults(schema, name, message);
}

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

const NUMBERS = new Set(["uint32", "uint64", "int64"]);
const INT64_MAX = 2n ** 63n - 1n;

function encodeField(schema: Schema, path: string, field: Field, value: unknown): Uint8Array[] {
  if (field.repeated) {
    if (!Array.isArray(value)) throw invalid(path, `must be a list, not ${describeType(value)}`);
    const { repeated: _, ...single } = field;
    const one: Field = { ...single, optional: true };
    return (value as unknown[]).flatMap((each, i) => encodeField(schema, `${path}[${i}]`, one, each ?? null));
  }
  if (value === undefined && field.optional) return [];
  if (NUMBERS.has(field.type)) {
    const number = numberOf(path, field, value);
    return number === 0n && !field.optional ? [] : [tag(field.id, VARINT), varint(number)];
  }
  const content = contentOf(schema, path, field, value);
  // An element of a list and a message are there even when empty.
  if (content.length === 0 && !field.optional && !(field.type in schema)) return [];
  return [tag(field.id, DELIMITED), varint(BigInt(content.length)), content];
}

function numberOf(path: string, field: Field, value: unknown): bigint {
  if (field.type === "uint32") {
    assertInteger(value, path, 0, 0xffff_ffff);
    return BigInt(value);
  }
  u64be(value as bigint, path);
  if (field.type === "int64" && (value as bigint) > INT64_MAX) {
    throw new TapstakeError("invalid-number", `${path} must be at most 2^63 - 1, not ${String(value)}`);
  }
  return value as bigint;
}

function contentOf(schema: Schema, path: string, field: Field, value: unknown): Uint8Array {
  if (field.type === "bytes") {
    assertBytes(value, path, field.length);
    return value;
  }
  if (field.type === "string") {
    if (typeof value !== "string") throw invalid(path, `must be text, not ${describeType(value)}`);
    return utf8(value);
  }
  if (typeof value !== "object" || value === null) {
    throw invalid(path, `must be ${field.type}, not ${describeType(value)}`);
  }
  return encodeProtobuf(schema, field.type, value);
}

const tag = (id: number, wireType: number): Uint8Array => varint(BigInt(id * 8 + wireType));

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Uint8Array.from([...bytes, Number(rest)]);
}

function decodeField(
  schema: Schema,
  { name, key, field }: { name: string; key: string; field: Field },
  wireType: number,
  reader: Reader,
  unknown: "skip" | "refuse",
): unknown {
  const isNumber = NUMBERS.has(field.type);
  if (wireType !== (isNumber ? VARINT : DELIMITED)) throw invalid(name, `${key} has wire type ${wireType}`);
  if (isNumber) {
    const value = reader.varint(field.type === "uint32" ? 32 : 64);
    if (field.type === "int64" && value > INT64_MAX) throw invalid(name, `${key} is negative`);
    return field.type === "uint32" ? Number(value) : value;
  }
  const content = reader.delimited();
  if (field.type in schema) return decodeProtobuf(schema, field.type, content, unknown);
  if (field.type === "string") return textOf(name, key, content);
  assertLength(name, key, field, content);
  // A copy: a part would share the memory of the whole message.
  return Uint8Array.from(content);
}

function textOf(name: string, key: string, content: Uint8Array): string {
  try {
    // A byte order mark is part of the text here.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    throw invalid(name, `${key} is not UTF-8`);
  }
}

/** proto3 leaves defaults out: an absent field has its default, unless the schema requires it. */
function withDefaults(schema: Schema, name: string, message: Message): Record<string, unknown> {
  const entries = Object.entries(schema[name]!).flatMap(([key, field]) => {
    const value = message[key] ?? defaultOf(schema, name, key, field);
    return value === undefined ? [] : [[key, value] as const];
  });
  return Object.fromEntries(entries);
}

function defaultOf(schema: Schema, name: string, key: string, field: Field): unknown {
  if (field.repeated) return [];
  if (field.type === "uint32") return 0;
  if (NUMBERS.has(field.type)) return 0n;
  if (field.optional) return undefined;
  if (field.type === "string") return "";
  if (field.type in schema) throw invalid(name, `${key} is missing`);
  const none = new Uint8Array();
  assertLength(name, key, field, none);
  return none;
}

function assertLength(name: string, key: string, { length }: Field, bytes: Uint8Array): void {
  if (length !== undefined && bytes.length !== length) {
    throw invalid(name, `${key} must be ${length} bytes, not ${bytes.length}`);
  }
}

class Reader {
  #at = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly name: string,
  ) {}

  get atEnd(): boolean {
    return this.#at >= this.bytes.length;
  }

  varint(bits: 32 | 64): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.bytes[this.#at++];
      if (byte === undefined) throw invalid(this.name, "it ends within a number");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (value >> BigInt(bits) !== 0n) throw invalid(this.name, `a number has more than ${bits} bits`);
        if (byte === 0 && shift > 0n) throw invalid(this.name, "a number is longer than it needs to be");
        return value;
      }
    }
    throw invalid(this.name, "a number does not end");
  }

  delimited(): Uint8Array {
    const length = this.varint(32);
    if (length > BigInt(this.bytes.length - this.#at)) throw invalid(this.name, "it ends within a field");
    const start = this.#at;
    this.#at += Number(length);
    return this.bytes.subarray(start, this.#at);
  }

  skip(wireType: number): void {
    if (wireType === VARINT) this.varint(64);
    else if (wireType === DELIMITED) this.delimited();
    else if (wireType === FIXED64 || wireType === FIXED32) {
      this.#at += wireType === FIXED64 ? 8 : 4;
      if (this.#at > this.bytes.length) throw invalid(this.name, "it ends within a field");
    } else throw invalid(this.name, `a field has wire type ${wireType}`);
  }
}

const invalid = (name: string, what: string) => new TapstakeError("invalid-message", `${name}: ${what}`);
