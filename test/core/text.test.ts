import { describe, expect, it } from "vitest";
import { scriptOfAddress } from "../../src/bitcoin/address.js";
import { parseOutpoint } from "../../src/bitcoin/transaction.js";
import { parseBtc, parseRate } from "../../src/core/amount.js";
import { hex } from "../../src/core/bytes.js";
import { assertNetwork } from "../../src/core/network.js";
import { assertChoice, show } from "../../src/core/text.js";
import { paramSet } from "../../src/params/sets.js";
import { parseLeaf } from "../../src/script/leaf.js";
import { decodeOpReturn } from "../../src/script/op-return.js";
import { refusal } from "../support/refusal.js";

/** What a careless copy could paste anywhere. */
const SECRET = "c0ffee11c0ffee22c0ffee33c0ffee44c0ffee55c0ffee66c0ffee77c0ffee88";

describe("input shown in a message", () => {
  it.each([
    ["", '""'],
    ["8 of all", '"8 of all"'],
    ["9 of them", '"9 of the"… (9 characters)'],
    [SECRET, '"c0ffee11"… (64 characters)'],
    [hex.decode(SECRET), "c0ffee11… (32 bytes)"],
    [Uint8Array.of(1, 2, 3, 4), "01020304"],
    [new Uint8Array(0), "0 bytes"],
    [null, "null"],
    [[1, 2], "an array of 2"],
  ])("is cut to its beginning and its size: %j", (value, shown) => {
    expect(show(value)).toBe(shown);
  });

  it.each([
    ["invalid-amount", () => parseBtc(SECRET)],
    ["invalid-rate", () => parseRate(SECRET)],
    ["unknown-params", () => paramSet(SECRET)],
    ["invalid-network", () => assertNetwork(SECRET)],
    ["invalid-coin", () => parseOutpoint(SECRET)],
    ["invalid-address", () => scriptOfAddress(SECRET, "mainnet")],
    ["invalid-script", () => parseLeaf(hex.decode(SECRET))],
    ["invalid-op-return", () => decodeOpReturn(hex.decode(SECRET))],
    ["invalid-argument", () => assertChoice(SECRET, "from", ["staking"])],
  ] as const)("never contains a whole secret: %s", (code, run) => {
    const { message, details } = refusal(code, run);
    expect(message).toContain("c0ffee11");
    expect(JSON.stringify([message, details])).not.toContain(SECRET.slice(0, 9));
  });
});

describe("a choice option", () => {
  it("accepts the documented values only", () => {
    assertChoice("b", "letter", ["a", "b"]);
    for (const bad of ["c", "constructor", "", 0, null, undefined, ["a"]]) {
      const { message } = refusal("invalid-argument", () => assertChoice(bad, "letter", ["a", "b"]));
      expect(message).toMatch(/^letter must be one of a, b, not /);
    }
  });
});
