import { readFileSync } from "node:fs";
import { CommanderError, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { describe, expect, it } from "vitest";
import { command } from "../../src/cli/commands/fp/index.js";
import { examplesOf } from "./support.js";

const PAGES = ["README.md", "docs/daemon.md", "docs/keys.md", "docs/operators.md"];

/** What `tapstake fp` has at a path: commands are loaded only when they are named. */
async function commandAt(path: readonly string[]): Promise<CommandUnknownOpts> {
  let at: CommandUnknownOpts = await command(path);
  for (const name of path) at = at.commands.find((each) => each.name() === name)!;
  return at;
}

async function pathsBelow(path: readonly string[] = []): Promise<string[][]> {
  const { commands } = await commandAt(path);
  const below = await Promise.all(commands.map((each) => pathsBelow([...path, each.name()])));
  return [[...path], ...below.flat()];
}

function helpOf(at: CommandUnknownOpts): string {
  let help = "";
  at.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
  return help;
}

/** The arguments of every `tapstake fp` in some lines of a shell, with values for what people fill in. */
function callsIn(lines: string): string[][] {
  const filled = lines
    .replace(/\\\n\s*/g, "")
    .replace(/<[a-z][^<>\n]*>/g, "1")
    .replace(/(?<=--hash )[0-9a-f]+…/g, "00".repeat(32));
  return [...filled.matchAll(/(?<=tapstake fp ).*/g)].map(([call]) => {
    const [simple] = /^(?:'[^']*'|"[^"]*"|[^'"|;&#<>()`])*/.exec(call)!;
    const words = simple.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? [];
    return words.map((word) => word.replace(/['"]/g, "")).filter((word) => word !== "…");
  });
}

/** Reads arguments as the command line does, and does nothing with them. */
async function parse(args: readonly string[]): Promise<void> {
  const fp = await command(args);
  const silence = (at: CommandUnknownOpts) => {
    at.exitOverride().configureOutput({ writeOut: () => {}, writeErr: () => {} });
    if (at.commands.length === 0) at.action(() => {});
    at.commands.forEach(silence);
  };
  silence(fp);
  try {
    await fp.parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError && error.exitCode === 0)) throw error;
  }
}

describe("an example of tapstake fp uses only what there is", async () => {
  it.each((await pathsBelow()).map((path) => [path.join(" "), path] as const))(
    "in the help of: tapstake fp %s",
    async (_, path) => {
      const calls = callsIn(examplesOf(helpOf(await commandAt(path))));
      expect(calls).not.toEqual([]);
      for (const call of calls) await parse(call);
    },
  );

  it.each(PAGES)("in %s", async (page) => {
    const text = readFileSync(new URL(`../../${page}`, import.meta.url), "utf8");
    const blocks = [...text.matchAll(/^( *)```\w*\n([\s\S]*?)^\1```$/gm)].map(([, , block]) => block!);
    const calls = blocks.flatMap(callsIn);
    expect(calls).not.toEqual([]);
    for (const call of calls) await parse(call);
  });

  it("or it is found out", async () => {
    await expect(parse(["serve", "--no-such-option"])).rejects.toThrow("unknown option '--no-such-option'");
    await expect(parse(["no-such-command"])).rejects.toThrow("unknown command");
    expect(
      callsIn("x | tapstake fp vote --key 'a b' \\\n  --batch - # so\ntapstake fp pop make|cat"),
    ).toEqual([
      ["vote", "--key", "a b", "--batch", "-"],
      ["pop", "make"],
    ]);
  });
});
