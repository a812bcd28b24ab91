import { CommanderError, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { describe, expect, it } from "vitest";
import { commandTree } from "../../src/cli/run.js";
import { PAGES, parsePage, read } from "../support/pages.js";
import { inProcess } from "./in-process.js";
import { shellInProcess } from "./shell-in-process.js";
import { examplesOf, hasBash, temporaryFolder } from "./support.js";

/** Blocks of a page that shells run, and service managers. */
const LANGUAGES = new Set(["", "bash", "console", "ini"]);

/** Whose examples another test runs, with what they need. */
const RUN_ELSEWHERE: Readonly<Record<string, string>> = {
  "": "an example is the help of another command",
  demo: "demo.test.ts",
  "fp serve": "signerd/command.test.ts",
};

/** What an example says on standard error although it is done, without its end of line. */
const SAID: Readonly<Record<string, RegExp>> = {
  "fp status": /tapstake: signer-unreachable: .*/,
  "fp unlock": /tapstake: signer-unreachable: .*/,
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

/** The arguments of every `tapstake` in some lines of a shell, with values for what people fill in. */
function callsIn(lines: string): string[][] {
  const filled = lines
    .replace(/\\\n\s*/g, "")
    .replace(/(?:^|\s)#.*|^Description=.*/gm, "")
    .replace(/<[a-z][^<>\n]*>/g, "1")
    .replace(/(?<=--hash )[0-9a-f]+…/g, "00".repeat(32));
  return [...filled.matchAll(/(?<=(?:^|[ (=/])tapstake ).*/gm)].map(([call]) => {
    const [simple] = /^(?:'[^']*'|"[^"]*"|\$\([^)]*\)|[^'"|;&#<>()`])*/.exec(call)!;
    const words = simple.match(/(?:'[^']*'|"[^"]*"|\$\([^)]*\)|[^\s'"])+/g) ?? [];
    return words.map((word) => word.replace(/['"]/g, "")).filter((word) => word !== "…");
  });
}

/** Reads arguments as the command line does, and does nothing with them. */
async function parse(args: readonly string[]): Promise<void> {
  const program = await commandTree(args);
  const silence = (at: CommandUnknownOpts) => {
    at.exitOverride().configureOutput({ writeOut: () => {}, writeErr: () => {} });
    if (at.commands.length === 0) at.action(() => {});
    at.commands.forEach(silence);
  };
  silence(program);
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError && error.exitCode === 0)) throw error;
  }
}

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

/** What the pages say to type. */
const CALLS = PAGES.map((page) => {
  const blocks = parsePage(read(page)).blocks.filter(({ language }) => LANGUAGES.has(language));
  return [page, blocks.flatMap(({ code }) => callsIn(code))] as const;
});

describe("an example of tapstake uses only what there is", () => {
  it.each(CALLS)("in %s", async (_page, calls) => {
    for (const call of calls) await expect(parse(call)).resolves.toBeUndefined();
  });

  it("and there are many", () => {
    expect(CALLS.flatMap(([, calls]) => calls).length).toBeGreaterThan(30);
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
