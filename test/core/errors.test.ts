import { describe, expect, it } from "vitest";
import { describeType, TapstakeError } from "../../src/core/errors.js";

describe("TapstakeError", () => {
  it("is an Error with a code, details and a cause", () => {
    const cause = new Error("why");
    const error = new TapstakeError("invalid-hex", "key: bad", { position: 3 }, { cause });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: "TapstakeError", code: "invalid-hex", message: "key: bad", cause });
    expect(error.details).toEqual({ position: 3 });
    expect(new TapstakeError("invalid-hex", "").details).toEqual({});
  });
});

describe("describeType", () => {
  it("names the type of a value and shows nothing of its content", () => {
    expect(
      [null, undefined, new Uint8Array(3), [1, 2], "secret", 7, 7n, {}, () => {}].map(describeType),
    ).toEqual([
      "null",
      "undefined",
      "3 bytes",
      "an array of 2",
      "string",
      "number",
      "bigint",
      "object",
      "function",
    ]);
  });
});
