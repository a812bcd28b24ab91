import { describe, expect, it } from "vitest";
import {
  dustThreshold,
  keyHashScript,
  opReturnData,
  outputKind,
  readKeyHash,
  taprootScript,
} from "../../src/bitcoin/output-script.js";
import { concatBytes, hex } from "../../src/core/bytes.js";

const bytes = (length: number, fill = 1) => new Uint8Array(length).fill(fill);

describe("an output script", () => {
  it.each([
    ["p2pkh", keyHashScript(bytes(20))],
    ["p2sh", hex.decode(`a914${"01".repeat(20)}87`)],
    ["p2wpkh", hex.decode(`0014${"01".repeat(20)}`)],
    ["p2wsh", hex.decode(`0020${"01".repeat(32)}`)],
    ["p2tr", taprootScript(bytes(32))],
  ])("is of kind %s in exactly one form", (kind, script) => {
    expect(outputKind(script)).toBe(kind);
    expect(outputKind(script.slice(1))).toBeNull();
    expect(outputKind(concatBytes(script, bytes(1)))).toBeNull();
    expect(outputKind(script.with(1, script[1]! + 1))).toBeNull();
    expect(outputKind(script.with(0, 0x52))).toBeNull();
  });

  it("names a key by its hash in exactly one form", () => {
    const good = keyHashScript(bytes(20, 7));
    expect(readKeyHash(good)).toEqual(bytes(20, 7));
    for (const at of [0, 1, 2, 23, 24]) expect(readKeyHash(good.with(at, 0))).toBeNull();
    expect(readKeyHash(good.slice(1))).toBeNull();
    expect(readKeyHash(concatBytes(good, Uint8Array.of(0x51)))).toBeNull();
  });
});

describe("the data of an OP_RETURN", () => {
  it.each([
    ["6a07626162796c6f6e", "626162796c6f6e"],
    ["6a4c03010203", "010203"],
    ["6a00", ""],
  ])("is the content of the single push of %s", (script, data) => {
    expect(hex.encode(opReturnData(hex.decode(script))!)).toBe(data);
  });

  it.each(["", "6a", "51", "6a0201", "6a020102ff", "6a4c", "6a4c02ff", "6a5101", "0014" + "00".repeat(20)])(
    "is null for %j",
    (script) => {
      expect(opReturnData(hex.decode(script))).toBeNull();
    },
  );
});

it.each([
  ["P2TR", `5120${"01".repeat(32)}`, 330n],
  ["P2WPKH", `0014${"01".repeat(20)}`, 294n],
  ["P2WSH", `0020${"01".repeat(32)}`, 330n],
  ["P2PKH", `76a914${"01".repeat(20)}88ac`, 546n],
  ["P2SH", `a914${"01".repeat(20)}87`, 540n],
  ["OP_RETURN", "6a0101", 0n],
  ["a push that is no witness program", `5121${"01".repeat(32)}`, 573n],
  ["an empty script", "", 471n],
])("the dust threshold of %s equals Bitcoin Core's", (_, script, threshold) => {
  expect(dustThreshold(hex.decode(script))).toBe(threshold);
});
