import { readFileSync } from "node:fs";
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { describe, expect, it } from "vitest";
import { commandTree } from "../../src/cli/run.js";
import { callsIn, parse } from "./calls.js";
import { inProcess } from "./in-process.js";
import { shellInProcess } from "./shell-in-process.js";
import { examplesOf, hasBash, temporaryFolder } from "./support.js";

const PAGES = [
  "README.md",
  "docs/daemon.md",
  "docs/emergency.md",
  "docs/keys.md",
  "docs/operators.md",
  "docs/recipes.md",
  "docs/service.md",
  "docs/stakers.md",
];

/** Every block of code; what shells and service managers run is in those of these languages. */
const BLOCKS = /^( *)```(\w*).*\n([\s\S]*?)^\1```$/gm;
const RUN_BLOCKS = new Set(["", "bash", "ini"]);

/** Whose examples another test runs, with what they need. */
const RUN_ELSEWHERE: Readonly<Record<string, string>> = {
  "": "an example is the help of another command",
  demo: "demo.test.ts",
  "fp serve": "signerd/command.test.ts",
};

/** What an example says on standard error although it is done, without its end of line. */
const SAID: Readonly<Record<string, RegExp>> = {
  "fp status": /^tapstake: signer-unreachable: |^Do: |^More: tapstake help signer-unreachable$/,
  "fp unlock": /^tapstake: signer-unreachable: |^Do: |^More: tapstake help signer-unreachable$/,
  "fp keys export": /\{"note":"The secret of .*two places\."\}/,
};

/** The command at a path: commands are loaded only when they are named. */
async function commandAt(path: readonly string[]): Promise<CommandUnknownOpts> {
  let at: CommandUnknownOpts = await commandTree(path);
  for (const name of path) at = at.commands.find((each) => each.name() === name)!;
  return at;
}

async function pathsBelow(path: readonly string[] = []): Promise<string[][]> {
  const { commands } = await commandAt(path);
  const below = await Promise.all(commands.map((each) => pathsBelow([...path, each.name()])));
  return [[...path], ...below.flat()];
}

const helpOf = async (path: readonly string[]) => (await inProcess([...path, "--help"])).stdout;

const COMMANDS = (await pathsBelow()).map((path) => [path.join(" "), path] as const);

describe.each(COMMANDS)("the help of tapstake %s", (name, path) => {
  it("describes the command and all that it takes", async () => {
    const command = await commandAt(path);
    expect(command.description()).not.toBe("");
    expect(path.length === 0 || command.summary() !== "").toBe(true);
    for (const { description } of [...command.options, ...command.registeredArguments]) {
      expect(description).toMatch(/\S/);
    }
  });

  it("fits 100 columns, and is what help says too", async () => {
    const { code, stdout, stderr } = await inProcess([...path, "--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/\nExit codes:\n {2}0 {2}done\n {2}1 {2}refused\S* .*\n {2}2 {2}wrong usage\n$/);
    // A transaction or a signature of an example cannot be broken.
    const lines = stdout.replace(/[0-9a-f]{100,}/g, "").split("\n");
    expect(lines.filter((line) => line.length > 100)).toEqual([]);
    if (path.length === 1) expect((await inProcess(["help", name])).stdout).toBe(stdout);
  });

  it("has examples of it that use only what there is", async () => {
    const examples = examplesOf(await helpOf(path));
    expect(examples).toContain(["tapstake", ...path].join(" "));
    const calls = callsIn(examples);
    expect(calls).not.toEqual([]);
    for (const call of calls) await parse(call);
  });
});

const RUN_HERE = hasBash ? COMMANDS.filter(([name]) => !Object.hasOwn(RUN_ELSEWHERE, name)) : [];

describe.each(RUN_HERE)("the help of tapstake %s", (name, path) => {
  it("has examples that run as they stand", async () => {
    const folder = temporaryFolder();
    const surroundings = { cwd: folder, env: { HOME: folder } };
    const { code, stderr } = await shellInProcess(examplesOf(await helpOf(path)), surroundings);
    const left = stderr
      .split("\n")
      // Commands of a finality provider tell which files they wrote.
      .filter((line) => line !== "" && !/^wrote .* to /.test(line))
      .filter((line) => !SAID[name]?.test(line));
    expect({ code, left }).toEqual({ code: 0, left: [] });
  });
});

describe("an example of tapstake uses only what there is", () => {
  it.each(PAGES)("in %s", async (page) => {
    const text = readFileSync(new URL(`../../${page}`, import.meta.url), "utf8");
    const blocks = [...text.matchAll(BLOCKS)].filter(([, , language]) => RUN_BLOCKS.has(language!));
    const calls = blocks.flatMap(([, , , block]) => callsIn(block!));
    expect(calls).not.toEqual([]);
    for (const call of calls) await parse(call);
  });

  it("or it is found out", async () => {
    await expect(parse(["fp", "serve", "--no-such-option"])).rejects.toThrow(
      "unknown option '--no-such-option'",
    );
    await expect(parse(["fp", "no-such-command"])).rejects.toThrow("unknown command");
    expect(
      callsIn("x | tapstake fp vote --key 'a b' \\\n  --batch - # so\nA=$(tapstake pop make|cat)"),
    ).toEqual([
      ["fp", "vote", "--key", "a b", "--batch", "-"],
      ["pop", "make"],
    ]);
  });
});

describe("the tree of commands", () => {
  it("is one that the tests above have walked: groups, and commands in them", () => {
    const names = COMMANDS.map(([name]) => name);
    expect(names.length).toBeGreaterThan(60);
    for (const name of ["", "stake", "stake create", "fp keys new", "covenant sign", "register show"]) {
      expect(names).toContain(name);
    }
    for (const name of Object.keys({ ...RUN_ELSEWHERE, ...SAID })) expect(names).toContain(name);
  });
});
