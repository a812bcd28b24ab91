import { describe, expect, it } from "vitest";
import { reflowed, wrapped } from "../../src/cli/wrap.js";

describe("a text for a narrow terminal", () => {
  it("continues a row below its second column, and a step behind its number", () => {
    const text =
      "  --rpc <url>   the URL of a bitcoind of your own\n  1. read the whole page before you begin";
    expect(wrapped(text, 36)).toBe(
      "  --rpc <url>   the URL of a\n                bitcoind of your own\n" +
        "  1. read the whole page before you\n     begin",
    );
  });

  it("gives a long label a line of its own", () => {
    expect(wrapped("  stake sign --export <folder>   writes the PSBTs of the slashings", 40)).toBe(
      "  stake sign --export <folder>\n      writes the PSBTs of the slashings",
    );
  });

  it("leaves words that are too long, and examples", () => {
    const text = `Examples:\n  tapstake ${"word ".repeat(20)}\n\n${"x".repeat(60)}`;
    expect(reflowed(text, 40)).toBe(text);
  });

  const full = `${"four ".repeat(19)}four.`;

  it("joins lines that were broken because the next word had no room", () => {
    const paragraph = `${full}\nFives begin here.`;
    expect(reflowed(paragraph, 99).split("\n")).toEqual([
      `${"four ".repeat(18)}four`,
      "four. Fives begin here.",
    ]);
    expect(reflowed(paragraph, 100)).toBe(paragraph);
  });

  it.each([
    ["after an empty line", "", "Fives begin here."],
    ["at another indentation", "  Fives begin here."],
    ["that are rows of a list", "fives   begin here"],
    ["with room before them", "no"],
  ])("does not join lines %s", (_, ...next) => {
    const text = [next[0] === "no" ? "four." : full, ...next].join("\n");
    expect(reflowed(text, 99)).toBe(wrapped(text, 99));
  });

  it("joins the lines of a row's second column", () => {
    const row = `  label   ${"four ".repeat(17)}four`;
    expect(reflowed(`${row}\n          fives begin`, 60).split("\n")).toEqual([
      `  label   ${"four ".repeat(9)}four`,
      `          ${"four ".repeat(7)}four fives begin`.replace(" begin", ""),
      "          begin",
    ]);
  });
});
