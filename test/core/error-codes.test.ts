import { describe, expect, it } from "vitest";
import { adviceText } from "../../src/core/advice.js";
import { adviceOf, ERROR_CODES } from "../../src/core/error-codes.js";
import type { ErrorCode } from "../../src/core/errors.js";
import { forbiddenIn } from "../support/words.js";

const CODES = Object.keys(ERROR_CODES) as ErrorCode[];

/** Sentences without the commands in them, which are copied and not read. */
const sentencesOf = (text: string): string[] =>
  text
    .replace(/`[^`]*`/g, "command")
    .split(/(?<=[.?!])\s+/)
    .filter((sentence) => sentence !== "");

const wordsOf = (sentence: string) => sentence.split(/\s+/).length;

describe("error codes", () => {
  it("are lower-case words with hyphens, each with its meaning", () => {
    for (const code of CODES) expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(new Set(CODES.map((code) => adviceOf(code).means)).size).toBe(CODES.length);
  });
});

describe.each(CODES.map((code) => [code, adviceOf(code)] as const))("the advice of %s", (_, advice) => {
  const texts = Object.values(advice) as string[];

  it("says what is wrong in one sentence, then what to do", () => {
    expect(sentencesOf(advice.means)).toHaveLength(1);
    expect(advice.do).toMatch(/^[A-Z`]/);
    for (const text of texts) expect(text).toMatch(/\S[.]$/);
    if (advice.never !== undefined) expect(advice.never).toMatch(/^Do not /);
  });

  it("has sentences of at most 25 words, without words of the house's list", () => {
    const sentences = texts.flatMap(sentencesOf);
    expect(sentences.filter((sentence) => wordsOf(sentence) > 25)).toEqual([]);
    expect(sentences.flatMap(forbiddenIn)).toEqual([]);
  });

  it("has its commands and options in backticks", () => {
    const prose = texts.join(" ").replace(/`[^`]*`/g, "");
    expect(prose).not.toMatch(/`|--[a-z]|\btapstake (stake|fp|pop|register|params|inspect|help)\b/);
  });
});

describe("the text of advice", () => {
  it("has one line for each part, and the details of the case after it", () => {
    expect(adviceText("signer-unhealthy", { means: "So it is here.", never: "Do not ask again." })).toBe(
      [
        "What it means: The signer answers but signs nothing. So it is here.",
        "Causes: it is stopping, or its store of votes has failed.",
        `What to do: ${adviceOf("signer-unhealthy").do}`,
        "What not to do: Do not ask again.",
      ].join("\n"),
    );
    expect(adviceText("quorum-reached").split("\n")).toHaveLength(2);
  });

  it("prefers the advice of the case to the advice of the code", () => {
    const text = adviceText("signer-unhealthy", {}, { do: "Wait." });
    expect(text).toContain("\nWhat to do: Wait.");
    expect(text).not.toContain(adviceOf("signer-unhealthy").do);
  });
});
