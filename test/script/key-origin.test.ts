import { describe, expect, it } from "vitest";
import { normalPath } from "../../src/script/key-origin.js";
import { refusal } from "../support/refusal.js";

describe("a BIP-32 path", () => {
  it.each([
    ["m", "m"],
    ["m/0", "m/0"],
    ["86h/1'/0h/0/5", "m/86'/1'/0'/0/5"],
    ["m/2147483647'/2147483647", "m/2147483647'/2147483647"],
    [`m${"/1".repeat(255)}`, `m${"/1".repeat(255)}`],
  ])("%s is read", (path, normal) => expect(normalPath(path)).toBe(normal));

  it.each([
    "",
    "m/",
    "/0",
    "m//0",
    "M/0",
    "mm/0",
    "m/0/",
    "m/01",
    "m/-1",
    "m/0''",
    "m/0H",
    "m/*",
    "m/2147483648",
    "m 0",
    " m/0",
    `m${"/1".repeat(256)}`,
    undefined,
    null,
    5,
    ["m"],
  ])("%s is refused", (path) => {
    refusal("invalid-path", () => normalPath(path as string));
  });
});
