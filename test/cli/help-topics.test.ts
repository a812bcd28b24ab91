import { describe, expect, it } from "vitest";
import { TOPICS } from "../../src/cli/help-topics.js";
import { commandTree } from "../../src/cli/run.js";
import { adviceOf, ERROR_CODES } from "../../src/core/error-codes.js";
import type { ErrorCode } from "../../src/core/errors.js";
import { callsIn, parse } from "./calls.js";
import { inProcess } from "./in-process.js";
import { parsed } from "./support.js";

const CODES = Object.keys(ERROR_CODES) as ErrorCode[];
const help = (...words: string[]) => inProcess(["help", ...words]);

describe("tapstake help with an error code", () => {
  it("explains the code: its meaning, causes, what to do and what never to do", async () => {
    const { means, causes, do: remedy, never } = adviceOf("double-vote");
    expect(await help("double-vote")).toEqual({
      code: 0,
      stdout: `double-vote\nWhat it means: ${means}\nCauses: ${causes}\nWhat to do: ${remedy}\nWhat not to do: ${never}\nMore: tapstake help emergency\n`,
      stderr: "",
    });
    expect((await help("quorum-reached")).stdout).not.toMatch(/Causes|What not to do/);
  });

  it("names the topic of emergencies wherever the code's advice names that page", async () => {
    for (const code of CODES) {
      const namesPage = Object.values(adviceOf(code)).join("\n").includes("docs/emergency.md");
      expect((await help(code)).stdout.includes("tapstake help emergency"), code).toBe(namesPage);
    }
  });

  it.each(["double-vote:", "Double-Vote"])("accepts the code in any copied form: %s", async (copied) => {
    expect(await help(copied)).toEqual(await help("double-vote"));
  });

  it("gives the same as data", async () => {
    expect(parsed(await help("double-vote", "--json"))).toEqual({
      code: "double-vote",
      ...ERROR_CODES["double-vote"],
    });
  });

  it.each([
    ["double-vot", "double-vote"],
    ["protection-behnd", "protection-behind"],
    ["stakes", "stake"],
    ["code", "codes"],
    ["watermark", "below-watermark"],
  ])("suggests for %s the code %s", async (mistyped, meant) => {
    expect(await help(mistyped)).toEqual({
      code: 2,
      stdout: "",
      stderr: `tapstake: usage: no command, error code or topic is named '${mistyped}' (Did you mean ${meant}?); see tapstake help --help\n`,
    });
  });
});

describe("tapstake help codes", () => {
  it("lists every code on one line", async () => {
    const { code, stdout, stderr } = await help("codes");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(
      stdout
        .trim()
        .split("\n")
        .map((line) => line.split(" ")[0]),
    ).toEqual(CODES);
  });

  it("lists them as data", async () => {
    const { codes } = parsed<{ codes: object[] }>(await help("codes", "--json"));
    expect(codes).toEqual(CODES.map((code) => ({ code, means: adviceOf(code).means })));
  });
});

describe("tapstake help", () => {
  it("shows the commands when it is alone", async () => {
    expect(await help()).toEqual(await inProcess(["--help"]));
  });

  it("shows the help of a command, and of a subcommand", async () => {
    expect(await help("fp")).toEqual(await inProcess(["fp", "--help"]));
    expect(await help("fp", "vote")).toEqual(await inProcess(["fp", "vote", "--help"]));
  });

  it.each(Object.entries(TOPICS))("shows the topic %s", async (name, { text }) => {
    expect(await help(name)).toEqual({ code: 0, stdout: `${text.trim()}\n`, stderr: "" });
  });

  it("has each name once, for a command, a code or a topic", async () => {
    const commands = (await commandTree([])).commands.map((each) => each.name());
    const names = [...commands, ...CODES, ...Object.keys(TOPICS), "codes"];
    expect(new Set(names).size).toBe(names.length);
  });
});

describe("a command in an advice", () => {
  it("exists, with its options", async () => {
    const texts = CODES.flatMap((code) => Object.values(adviceOf(code)) as string[]);
    const commands = texts.flatMap((text) => [...text.matchAll(/`([^`]*)`/g)].map(([, command]) => command!));
    const calls = commands.flatMap(callsIn);
    expect(calls).toContainEqual(["fp", "keys", "list"]);
    for (const call of calls) await parse(call);
  });
});
