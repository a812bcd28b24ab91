import { describe, expect, it } from "vitest";
import { pushesOf } from "../../src/bitcoin/opcodes.js";
import { concatBytes, hex } from "../../src/core/bytes.js";

describe("the pushes of a script", () => {
  it("give their data, whichever push opcode writes the length", () => {
    const data = new Uint8Array(5).fill(9);
    for (const head of ["05", "4c05", "4d0500", "4e05000000"]) {
      expect(pushesOf(concatBytes(hex.decode(head), data, Uint8Array.of(0xac)))).toEqual([data]);
    }
    expect(pushesOf(hex.decode("0051ac"))).toEqual([]);
  });

  it("give nothing when one push runs beyond the end", () => {
    for (const text of ["05aabb", "4c", "4c05aa", "4d05", "4effffffff"]) {
      expect(pushesOf(hex.decode(text))).toBeNull();
    }
  });
});
