import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { countText } from "../../src/cli/format/text.js";

describe("the count of signatures", () => {
  it.each([
    [0, "0 of 2 signatures, 2 missing"],
    [1, "1 of 2 signatures, 1 missing"],
    [2, "2 of 2 signatures"],
    [3, "3 signatures, 2 needed"],
  ])("is %i of a quorum of 2", (signed, text) => {
    expect(stripVTControlCharacters(countText({ signed, quorum: 2 }))).toBe(text);
  });

  it("names the signers", () => {
    expect(stripVTControlCharacters(countText({ signed: 1, quorum: 1 }, "the staker"))).toBe(
      "1 of 1 signatures by the staker",
    );
  });
});
