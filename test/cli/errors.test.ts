import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { reportError, UsageError } from "../../src/cli/errors.js";
import { tellInJson } from "../../src/cli/output.js";
import { adviceText } from "../../src/core/advice.js";
import { adviceOf } from "../../src/core/error-codes.js";
import { type ErrorCode, TapstakeError } from "../../src/core/errors.js";

// Commands that other files ran in this process may have asked for JSON.
beforeEach(() => tellInJson(false));

afterEach(() => {
  vi.restoreAllMocks();
  tellInJson(false);
});

/** What is said of an error on standard error, with the exit code. */
function reported(error: unknown): { code: number; said: string } {
  let said = "";
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    said += String(text);
    return true;
  });
  return { code: reportError(error), said };
}

const linesOf = (code: ErrorCode, message: string, details = {}) =>
  reported(new TapstakeError(code, message, details))
    .said.trimEnd()
    .split("\n");

describe("the report of an error", () => {
  it("has what to do below the message, and which help has more", () => {
    expect(linesOf("quorum-reached", "3 members have signed")).toEqual([
      "tapstake: quorum-reached: 3 members have signed",
      `Do: ${adviceOf("quorum-reached").do}`,
    ]);
    expect(linesOf("duplicate-height", "height 5 is there twice")).toEqual([
      "tapstake: duplicate-height: height 5 is there twice",
      `Do: ${adviceOf("duplicate-height").do}`,
      "More: tapstake help duplicate-height",
    ]);
  });

  it.each(["run tapstake fp unlock key", "give --chain-height", "choose one (--value)"])(
    "adds nothing to a message that says what to do: %s",
    (message) => {
      expect(linesOf("quorum-reached", message)).toHaveLength(1);
      expect(linesOf("duplicate-height", message)[1]).toBe("More: tapstake help duplicate-height");
    },
  );

  it("adds only the help command to a message with the whole advice", () => {
    const message = `What happened: this.\n${adviceText("protection-replaced")}`;
    const lines = linesOf("protection-replaced", message);
    expect(lines).toHaveLength(message.split("\n").length + 1);
    expect(lines.at(-1)).toBe("More: tapstake help protection-replaced");
  });

  it.each<ErrorCode>([
    "below-watermark",
    "protection-uninitialised",
    "unauthenticated",
    "key-locked",
    "home-not-found",
    "key-exists",
    "commitment-overlap",
  ])("names the help of frequent refusals: %s", (code) => {
    expect(linesOf(code, "so it is").at(-1)).toBe(`More: tapstake help ${code}`);
  });

  it("says for two votes in an imported file what to do about the key, and to stop voting", () => {
    tellInJson(true);
    const { said } = reported(new TapstakeError("double-vote", "two votes", { imported: true }));
    const { error } = JSON.parse(said) as { error: { do: string } };
    expect(error.do).toMatch(/^Stop every signer of this key now\./);
  });

  it("prefers the advice of some cases to that of their code", () => {
    expect(linesOf("insufficient-funds", "too little", { unconfirmed: 5n })[1]).toContain(
      "`--allow-unconfirmed`",
    );
    const gone = { reason: "bad-txns-inputs-missingorspent" };
    expect(linesOf("node-refused", "refused", gone)[1]).toContain("was spent before");
    expect(linesOf("node-refused", "refused", { reason: "dust" })[1]).toBe(
      `Do: ${adviceOf("node-refused").do}`,
    );
  });

  it("is one line of JSON for a program", () => {
    tellInJson(true);
    const { code, said } = reported(new TapstakeError("invalid-hex", "key: bad", { position: 3 }));
    expect(code).toBe(1);
    expect(JSON.parse(said)).toEqual({
      error: {
        code: "invalid-hex",
        message: "key: bad",
        do: adviceOf("invalid-hex").do,
        help: "tapstake help invalid-hex",
        details: { position: 3 },
      },
    });
  });

  it("has the message's advice for a program, where the message has one", () => {
    tellInJson(true);
    const { said } = reported(new TapstakeError("invalid-hex", "key: bad. Do: give tapstake another key"));
    expect(JSON.parse(said)).toMatchObject({ error: { do: "give tapstake another key" } });
  });

  it("has no advice for wrong usage and for bugs", () => {
    expect(reported(new UsageError("give --out"))).toEqual({
      code: 2,
      said: "tapstake: usage: give --out\n",
    });
    expect(reported(new Error("odd"))).toEqual({
      code: 1,
      said: "tapstake: internal-error: a bug in tapstake: odd\n",
    });
  });
});
