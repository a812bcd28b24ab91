import { TapstakeError } from "../core/errors.js";
import type { Field } from "./wire.js";

type Schema = Readonly<Record<string, Readonly<Record<string, Field>>>>;

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

/**
 * Reads a message's bytes strictly before protobufjs, which takes a field of another wire type for one of its
 * own, and the last of two values. HMACs do not cover the method's name (PROTOCOL 10), so bytes authenticated
 * for one method must not quietly mean something else to another. Fields with unknown numbers are skipped, as
 * newer callers may send them.
 * @throws TapstakeError `invalid-request`
 */
export function assertWire(schema: Schema, name: string, bytes: Uint8Array): void {
  const fields = new Map(Object.entries(schema[name]!).map(([key, field]) => [field.id, { key, ...field }]));
  const seen = new Set<number>();
  const reader = new Reader(bytes, name);
  while (!reader.atEnd) {
    const tag = reader.varint(32);
    const id = Number(tag >> 3n);
    const wireType = Number(tag & 7n);
    const field = fields.get(id);
    if (id === 0) throw invalid(name, "a field has number 0");
    if (!field) {
      reader.skip(wireType);
      continue;
    }
    if (seen.has(id) && field.rule !== "repeated") throw invalid(name, `${field.key} is there twice`);
    seen.add(id);
    readField(schema, name, field, wireType, reader);
  }
}

function readField(
  schema: Schema,
  name: string,
  field: Field & { key: string },
  wireType: number,
  reader: Reader,
): void {
  const isNumber = field.type === "uint64" || field.type === "uint32";
  if (wireType !== (isNumber ? VARINT : DELIMITED)) {
    throw invalid(name, `${field.key} has wire type ${wireType}`);
  }
  if (isNumber) reader.varint(field.type === "uint32" ? 32 : 64);
  else {
    const content = reader.delimited();
    if (field.type in schema) assertWire(schema, field.type, content);
    if (field.type === "string") assertText(name, field.key, content);
  }
}

function assertText(name: string, key: string, content: Uint8Array): void {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    throw invalid(name, `${key} is not UTF-8`);
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

/** Says where, never what: a request may hold a passphrase. */
const invalid = (name: string, what: string) => new TapstakeError("invalid-request", `${name}: ${what}`);
