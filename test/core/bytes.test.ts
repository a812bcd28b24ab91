import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  assertBytes,
  assertInteger,
  compareBytes,
  concatBytes,
  equalBytes,
  hex,
  isBytes,
  joinBytes,
  u64be,
  utf8,
} from "../../src/core/bytes.js";
import { NOT_BYTES } from "../support/arbitraries.js";
import { refusal } from "../support/refusal.js";

describe("joinBytes", () => {
  it("joins more parts than a call can have arguments", () => {
    const parts = Array.from({ length: 300_000 }, (_, i) => Uint8Array.of(i & 0xff));
    const joined = joinBytes(parts);
    expect(joined).toHaveLength(300_000);
    expect([joined[0], joined[255], joined[256], joined.at(-1)]).toEqual([0, 255, 0, 299_999 & 0xff]);
    expect(joinBytes([])).toEqual(new Uint8Array());
  });

  it("refuses parts that are not bytes", () => {
    refusal("invalid-bytes", () => joinBytes([new Uint8Array(1), "00" as never]));
  });
});

describe("hex", () => {
  it("decodes both letter cases and encodes, as Node does", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (data) => {
        const text = hex.encode(data);
        expect(text).toBe(Buffer.from(data).toString("hex"));
        expect(hex.decode(text)).toEqual(data);
        expect(hex.decode(text.toUpperCase())).toEqual(data);
      }),
    );
  });

  it("refuses invalid digits, where Node truncates silently", () => {
    expect(Buffer.from("abcdxx12", "hex")).toHaveLength(2);
    expect(refusal("invalid-hex", () => hex.decode("abcdxx12")).details["position"]).toBe(4);
    for (const bad of ["0x00", " 00", "00 ", "0g", "é0", "00\n0", "٠٠", "-1"]) {
      refusal("invalid-hex", () => hex.decode(bad));
    }
  });

  it("refuses an odd number of digits, another length than required, and values that are not text", () => {
    refusal("invalid-hex", () => hex.decode("abc"));
    const { details } = refusal("invalid-hex", () => hex.decode("abcd", 3, "key"));
    expect(details).toEqual({ expected: 3, actual: 2 });
    for (const bad of [undefined, null, 12, ["00"], new Uint8Array(2)] as never[]) {
      refusal("invalid-hex", () => hex.decode(bad));
    }
    expect(hex.decode("abcd", 2)).toEqual(Uint8Array.of(0xab, 0xcd));
    expect(hex.decode("")).toEqual(new Uint8Array());
  });

  it("names the value in the message without showing it", () => {
    const error = refusal("invalid-hex", () => hex.decode("deadbeefzz", undefined, "secret key"));
    expect(error.message).toContain("secret key");
    expect(error.message).not.toContain("deadbeef");
  });
});

describe("bytes", () => {
  it("assertBytes and isBytes accept a Uint8Array of the length only", () => {
    assertBytes(new Uint8Array(3), "value");
    assertBytes(Buffer.alloc(3), "value", 3);
    expect(isBytes(new Uint8Array(3), 3)).toBe(true);
    for (const bad of NOT_BYTES) {
      expect(isBytes(bad, 32)).toBe(false);
      refusal("invalid-bytes", () => assertBytes(bad, "value", 32));
    }
    refusal("invalid-bytes", () => assertBytes([1, 2], "value"));
  });

  it("compareBytes orders as hexadecimal does, and equalBytes agrees with its 0", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4 }), fc.uint8Array({ maxLength: 4 }), (a, b) => {
        expect(Math.sign(compareBytes(a, b))).toBe(Math.sign(Buffer.compare(a, b)));
        expect(equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0);
        expect(equalBytes(a, a.slice())).toBe(true);
      }),
    );
  });

  it("concatBytes copies its parts", () => {
    const part = Uint8Array.of(1);
    const joined = concatBytes(part, Uint8Array.of(2, 3));
    part[0] = 9;
    expect(joined).toEqual(Uint8Array.of(1, 2, 3));
    expect(concatBytes()).toEqual(new Uint8Array());
  });

  it("utf8 encodes UTF-8", () => expect(utf8("é€")).toEqual(Uint8Array.of(0xc3, 0xa9, 0xe2, 0x82, 0xac)));
});

describe("numbers as bytes", () => {
  it("u64be writes 8 bytes big-endian", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
        expect(hex.encode(u64be(value))).toBe(value.toString(16).padStart(16, "0"));
      }),
    );
    for (const bad of [-1n, 2n ** 64n, 1, "1", null] as never[]) refusal("invalid-number", () => u64be(bad));
  });

  it("assertInteger accepts whole numbers of its range only", () => {
    for (const good of [0, 5, 10]) expect(() => assertInteger(good, "value", 0, 10)).not.toThrow();
    for (const bad of [-1, 11, 0.5, NaN, Infinity, 1n, "1", null, undefined]) {
      refusal("invalid-number", () => assertInteger(bad, "value", 0, 10));
    }
  });
});
