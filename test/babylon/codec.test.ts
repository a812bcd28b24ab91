import { describe, expect, it } from "vitest";
import { type Codec, countOf, fields, hexOf, optional, txid } from "../../src/babylon/codec.js";
import { refusal } from "../support/refusal.js";

interface Message {
  readonly key: string;
  readonly total: bigint;
  readonly of: string;
  readonly note: string | undefined;
}

interface Record {
  readonly provider: { readonly key: Uint8Array; readonly total: number };
  readonly note?: string;
}

const expected = "ab".repeat(32);
const rows = {
  of: [null, txid(expected, "stake")],
  key: ["provider.key", hexOf("key")],
  total: ["provider.total", countOf("total")],
  note: "note",
} as const;
const codec: Codec<Record, Message> = fields<Message, Record>(rows);

describe("the codec of a message's fields", () => {
  const record = { provider: { key: new Uint8Array(32).fill(1), total: 3 }, note: "x" };
  const message = { key: "01".repeat(32), total: 3n, of: expected, note: "x" };

  it("writes a record, and reads it back", () => {
    expect(codec.write(record)).toEqual(message);
    expect(codec.read(message)).toEqual(record);
  });

  it("omits from the record what the message omits", () => {
    const read = codec.read({ ...message, note: undefined });
    expect(Object.keys(read)).toEqual(["provider"]);
    expect(codec.write(read).note).toBeUndefined();
    expect(optional(hexOf("key")).read(undefined)).toBeUndefined();
  });

  it("refuses what a field's codec refuses, in the table's order", () => {
    refusal("message-mismatch", () => codec.read({ ...message, of: "cd".repeat(32), key: "no hex" }));
    refusal("invalid-hex", () => codec.read({ ...message, of: "no hex" }));
    refusal("invalid-hex", () => codec.read({ ...message, key: "01" }));
    refusal("invalid-message", () => codec.read({ ...message, total: 2n ** 53n }));
  });

  it("accepts only tables that name every field, with a place of the field's type", () => {
    const { note: _, ...short } = rows;
    const wrong = [
      // @ts-expect-error a place of another type needs a codec
      fields<Message, Record>({ ...rows, key: "provider.key" }),
      // @ts-expect-error there is no such place
      fields<Message, Record>({ ...rows, note: "nota" }),
      // @ts-expect-error a field is missing
      fields<Message, Record>(short),
    ];
    expect(wrong).toHaveLength(3);
  });
});
