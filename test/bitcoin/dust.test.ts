import { expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { dustThreshold } from "../../src/bitcoin/dust.js";

it.each([
  ["P2TR", `5120${"01".repeat(32)}`, 330n],
  ["P2WPKH", `0014${"01".repeat(20)}`, 294n],
  ["P2WSH", `0020${"01".repeat(32)}`, 330n],
  ["P2PKH", `76a914${"01".repeat(20)}88ac`, 546n],
  ["P2SH", `a914${"01".repeat(20)}87`, 540n],
  ["OP_RETURN", "6a0101", 0n],
  ["a push that is no witness program", `5121${"01".repeat(32)}`, 573n],
  ["an empty script", "", 471n],
])("the dust threshold of %s is Bitcoin Core's", (_, script, threshold) => {
  expect(dustThreshold(hex.decode(script))).toBe(threshold);
});
