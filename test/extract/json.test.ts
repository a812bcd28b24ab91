import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { TapstakeError } from "../../src/core/errors.js";
import { evidenceFromJson, evidenceToJson } from "../../src/extract/evidence.js";

const filled = (byte: number) => new Uint8Array(32).fill(byte);
const evidence = {
  finalityProvider: filled(1),
  height: 2n ** 64n - 1n,
  publicRandomness: filled(2),
  canonical: { appHash: filled(3), signature: filled(4) },
  fork: { appHash: filled(5), signature: filled(6) },
};
const json = JSON.parse(evidenceToJson(evidence)) as Record<string, unknown>;
const read = (change: Record<string, unknown>) => evidenceFromJson(JSON.stringify({ ...json, ...change }));
const refusing = (code: string, message = "") =>
  expect.objectContaining({
    name: "TapstakeError",
    code,
    message: expect.stringContaining(message) as string,
  });

function answersOrRefuses(change: Record<string, unknown>): boolean {
  try {
    read(change);
    return true;
  } catch (error) {
    return error instanceof TapstakeError;
  }
}

describe("evidence in JSON", () => {
  it("has the field names of the protocol", () => {
    expect(json).toEqual({
      fp_btc_pk: "01".repeat(32),
      block_height: "18446744073709551615",
      pub_rand: "02".repeat(32),
      canonical_app_hash: "03".repeat(32),
      fork_app_hash: "05".repeat(32),
      canonical_finality_sig: "04".repeat(32),
      fork_finality_sig: "06".repeat(32),
    });
  });

  it("is read back unchanged, with and without signing contexts", () => {
    const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
    const context = fc.option(bytes.map(hex.encode), { nil: undefined });
    const vote = fc
      .tuple(bytes, bytes, context)
      .map(([appHash, signature, text]) =>
        text ? { appHash, signature, context: text } : { appHash, signature },
      );
    const any = fc.record({
      finalityProvider: bytes,
      height: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      publicRandomness: bytes,
      canonical: vote,
      fork: vote,
    });
    fc.assert(
      fc.property(any, (one) => {
        expect(evidenceFromJson(evidenceToJson(one))).toEqual(one);
      }),
    );
  });

  it("may have the height as a number, where that is exact", () => {
    expect(read({ block_height: 5002 }).height).toBe(5002n);
    for (const block_height of [2 ** 53, -1, 1.5, "0x10", "05", "", null]) {
      expect(() => read({ block_height })).toThrow(refusing("invalid-json", "evidence.block_height"));
    }
  });

  it("is refused with a field that is missing, of another type, not hexadecimal, or of another length", () => {
    for (const field of Object.keys(json)) {
      expect(() => read({ [field]: undefined })).toThrow(refusing("invalid-json", `evidence.${field}`));
      expect(() => read({ [field]: [] })).toThrow(refusing("invalid-json", `evidence.${field}`));
      if (field === "block_height") continue;
      expect(() => read({ [field]: "01" })).toThrow(refusing("invalid-hex", `evidence.${field}`));
      expect(() => read({ [field]: "zz".repeat(32) })).toThrow(refusing("invalid-hex", `evidence.${field}`));
    }
  });

  it("is refused with unknown fields, and when it is not JSON", () => {
    expect(() => read({ more: 1 })).toThrow(refusing("invalid-json", "evidence.more: unknown field"));
    expect(() => evidenceFromJson("{")).toThrow(refusing("invalid-json", "evidence: not JSON"));
  });

  it("gives evidence or a TapstakeError for any input", () => {
    const field = fc.constantFrom(...Object.keys(json));
    fc.assert(
      fc.property(fc.dictionary(field, fc.jsonValue()), (change) => {
        expect(answersOrRefuses(change)).toBe(true);
      }),
    );
  });
});
