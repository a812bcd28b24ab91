import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { opReturnData } from "../../src/bitcoin/data-output.js";

describe("opReturnData", () => {
  it.each([
    ["6a07626162796c6f6e", "626162796c6f6e"],
    ["6a4c03010203", "010203"],
    ["6a00", ""],
  ])("is what the single push of %s carries", (script, data) => {
    expect(hex.encode(opReturnData(hex.decode(script))!)).toBe(data);
  });

  it.each(["", "6a", "51", "6a0201", "6a020102ff", "6a4c", "6a4c02ff", "6a5101", "0014" + "00".repeat(20)])(
    "is null for %j",
    (script) => {
      expect(opReturnData(hex.decode(script))).toBeNull();
    },
  );
});
