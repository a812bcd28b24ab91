import { bech32m } from "@scure/base";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeBech32m } from "../../src/bitcoin/bech32m.js";
import { hex } from "../../src/core/bytes.js";
import { runs } from "../support/runs.js";

describe("bech32m", () => {
  // BIP-350's own examples.
  it.each([
    [
      "bc",
      1,
      "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
      "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
    ],
    [
      "tb",
      1,
      "000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
      "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c",
    ],
    ["bc", 16, "751e", "bc1sw50qgdz25j"],
    ["bc", 2, "751e76e8199196d454941c45d1b3a323", "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs"],
  ] as const)("encodes %s, version %i, as %s", (hrp, version, program, address) => {
    expect(encodeBech32m(hrp, version, hex.decode(program))).toBe(address);
  });

  it("equals the encoding of @scure/base", () => {
    const program = fc.uint8Array({ minLength: 2, maxLength: 40 });
    fc.assert(
      fc.property(
        fc.constantFrom("bc", "tb", "bcrt"),
        fc.integer({ min: 1, max: 16 }),
        program,
        (hrp, version, bytes) => {
          const expected = bech32m.encode(hrp, [version, ...bech32m.toWords(bytes)]);
          expect(encodeBech32m(hrp, version, bytes)).toBe(expected);
        },
      ),
      { numRuns: runs(200) },
    );
  });
});
