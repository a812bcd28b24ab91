import { cpSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { TOPICS } from "../../src/cli/help-topics.js";
import { commandTree } from "../../src/cli/run.js";
import { PAGES, parsePage, read } from "../support/pages.js";
import { forbiddenIn } from "../support/words.js";
import { callsIn, parse } from "./calls.js";
import { environment, exampleFiles } from "./example-files.js";
import { inProcess } from "./in-process.js";
import { simulatedLcd } from "./simulated-lcd.js";
import { shellInProcess } from "./shell-in-process.js";
import { examplesOf, hasBash, temporaryFolder } from "./support.js";

/** Blocks of a page that shells run, and service managers. */
const LANGUAGES = new Set(["", "bash", "console", "ini"]);

/** Whose examples another test runs, with what they need. */
const RUN_ELSEWHERE: Readonly<Record<string, string>> = {
  "": "an example is the help of another command",
  demo: "demo.test.ts",
  "fp serve": "signerd/command.test.ts",
  ...Object.fromEntries(
    ["watch", "watch run", "watch verify", "watch show"].map((name) => [name, "watch/node.test.ts"]),
  ),
  "checkpoint verify": "cli/checkpoint.test.ts",
  "fp protection init": "it asks at the terminal: cli/fp-protection.test.ts",
  ...Object.fromEntries(
    ["", " init", " enrol", " status", " halt", " retire", " renew"].map((name) => [
      `fp arbiter${name}`,
      "it asks an etcd cluster: cli/fp-arbiter.test.ts",
    ]),
  ),
};

/** In which state an example finds its stake, where it is not complete: see `exampleFiles`. */
const STATES: Readonly<Record<string, "unsigned.json" | "signed.json">> = {
  "stake sign": "unsigned.json",
  "stake combine": "signed.json",
  "covenant check": "signed.json",
  "covenant sign": "signed.json",
};

/** What an example makes itself, and so does not find in its folder. */
const MADE: Readonly<Record<string, readonly string[]>> = {
  "stake create": ["stake.json", "stake.psbt"],
  "stake key": ["staker.key"],
  expand: ["larger.json", "larger.psbt"],
  unbond: ["unbonding.hex"],
  "pop make": ["pop.json"],
  "watch init": ["watch.db"],
  "fp commit": ["commitment.json"],
  "fp vote": ["vote.json"],
  "fp proof": ["proof.json"],
  "fp protection export": ["interchange.json"],
  "fp keys export": ["secret.json"],
  ...Object.fromEntries(
    ["fp", "fp keys", "fp keys new", "fp keys import"].map((name) => [name, [".tapstake"]]),
  ),
};

/** What an example says on standard error although it is done, without its end of line. */
const SAID: Readonly<Record<string, RegExp>> = {
  "stake psbt": /^Next: tapstake withdraw stake\.json --from staking .* --signed <answer>$/,
  "fp status": /^tapstake: signer-unreachable: |^Do: |^More: tapstake help signer-unreachable$/,
  "fp unlock": /^tapstake: signer-unreachable: |^Do: |^More: tapstake help signer-unreachable$/,
  "fp keys export": /\{"note":"tapstake will print the secret of .*two places\."\}/,
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

const asked = new Map<string, ReturnType<typeof inProcess>>();

/** What `--help` of a command says, asked once for all tests. */
function askedHelp(path: readonly string[]): ReturnType<typeof inProcess> {
  const name = path.join(" ");
  const outcome = asked.get(name) ?? inProcess([...path, "--help"]);
  asked.set(name, outcome);
  return outcome;
}

const helpOf = async (path: readonly string[]) => (await askedHelp(path)).stdout;

const sources = readdirSync(new URL("../../src/cli", import.meta.url), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .toSorted();

const COMMANDS = (await pathsBelow()).map((path) => [path.join(" "), path] as const);

describe.each(COMMANDS)("the help of tapstake %s", (name, path) => {
  it("describes the command and each argument and option", async () => {
    const command = await commandAt(path);
    expect(command.description()).not.toBe("");
    if (path.length > 0) expect(command.summary()).toMatch(/^[A-Z].{1,68}[^.]$/);
    for (const { description } of [...command.options, ...command.registeredArguments]) {
      expect(description).toMatch(/\S/);
    }
  });

  it("fits 100 columns, and equals the output of help", async () => {
    const { code, stdout, stderr } = await askedHelp(path);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/\nExit codes:\n {2}0 {2}done\n {2}1 {2}refused\S* .*\n {2}2 {2}wrong usage\n$/);
    // A transaction or a signature of an example cannot be broken.
    const lines = stdout
      .replace(/[0-9a-f]{100,}/g, "")
      .trimEnd()
      .split("\n");
    expect(lines.filter((line) => line.length > 100)).toEqual([]);
    if (path.length === 1) expect((await inProcess(["help", name])).stdout).toBe(stdout);
  });

  it("has at most 50 lines, five of them between the first and the options", async () => {
    const lines = (await helpOf(path)).trimEnd().split("\n");
    expect(lines.length).toBeLessThanOrEqual(50);
    const [usage, ...about] = lines.slice(
      0,
      lines.findIndex((line) => /^(Arguments|Options|Commands):$/.test(line)),
    );
    expect(usage).toMatch(/^Usage: /);
    expect(about.filter((line) => line !== "").length).toBeLessThanOrEqual(6);
  });

  it("has no word that the style sheet forbids", async () => {
    expect(forbiddenIn(await helpOf(path))).toEqual([]);
  });

  it("has examples of it with existing commands and options only", async () => {
    const examples = examplesOf(await helpOf(path));
    expect(examples).toContain(["tapstake", ...path].join(" "));
    const calls = callsIn(examples);
    expect(calls).not.toEqual([]);
    for (const call of calls) await parse(call);
  });
});

const RUN_HERE = hasBash ? COMMANDS.filter(([name]) => !Object.hasOwn(RUN_ELSEWHERE, name)) : [];

let files: string;
let made: Promise<string> | undefined;

/** A folder of its own for the examples of a command. */
function folderFor(name: string): string {
  const folder = join(temporaryFolder(), "example");
  cpSync(files, folder, { recursive: true });
  if (name in STATES) cpSync(join(folder, STATES[name]!), join(folder, "stake.json"));
  for (const file of MADE[name] ?? []) rmSync(join(folder, file), { recursive: true });
  return folder;
}

describe.each(RUN_HERE)("the help of tapstake %s", (name, path) => {
  beforeAll(async () => {
    made ??= exampleFiles();
    files = await made;
    vi.stubGlobal("fetch", simulatedLcd(readFileSync(join(files, "stake.json"), "utf8")));
  });
  afterAll(() => void vi.unstubAllGlobals());

  it("has examples that run unchanged", async () => {
    const folder = folderFor(name);
    const surroundings = { cwd: folder, env: environment(folder) };
    const { code, stderr } = await shellInProcess(examplesOf(await helpOf(path)), surroundings);
    const left = stderr
      .split("\n")
      // Commands of a finality provider tell which files they wrote.
      .filter((line) => line !== "" && !/^wrote .* to /.test(line))
      .filter((line) => !SAID[name]?.test(line));
    expect({ code, left }).toEqual({ code: 0, left: [] });
  });
});

describe("a text of the command line", () => {
  it.each(sources)("in %s has no word that the style sheet forbids", (file) => {
    const text = readFileSync(new URL(`../../src/cli/${file}`, import.meta.url), "utf8");
    const withoutComments = text.replace(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, "");
    const strings = withoutComments.match(/"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g) ?? [];
    expect(strings.flatMap(forbiddenIn)).toEqual([]);
  });
});

describe("a topic of tapstake help", () => {
  it.each(Object.keys(TOPICS))(
    "%s fits 50 lines of 100 columns, in words of the style sheet",
    async (topic) => {
      const { code, stdout, stderr } = await inProcess(["help", topic]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      const lines = stdout.trimEnd().split("\n");
      expect(lines.length).toBeLessThanOrEqual(50);
      expect(lines.filter((line) => line.length > 100)).toEqual([]);
      expect(forbiddenIn(stdout)).toEqual([]);
    },
  );

  it.each([
    [["fp", "help", "client-not-permitted"], "client-not-permitted"],
    [["fp", "help", "Double-Vote:"], "double-vote"],
    [["fp", "keys", "help", "secrets"], "secrets"],
    [["stake", "help", "codes"], "codes"],
  ])("or an error code behind a group's help is refused with its place: %j", async (args, word) => {
    const { code, stdout, stderr } = await inProcess(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(`: tapstake help ${word}`);
  });

  it("does not hide a command of the same name behind a group's help", async () => {
    expect(await inProcess(["fp", "help", "keys"])).toMatchObject({ code: 0 });
    expect(await inProcess(["fp", "help", "arbiter"])).toMatchObject({ code: 0 });
  });

  it("is named by a command whose help refers to it", async () => {
    const helps = await Promise.all(COMMANDS.map(([, path]) => helpOf(path)));
    const named = helps.flatMap((help) =>
      [...(/^More: tapstake (.*)$/m.exec(help)?.[1] ?? "").matchAll(/help ([a-z0-9]+)/g)].map(
        ([, topic]) => topic,
      ),
    );
    for (const topic of named) expect(TOPICS).toHaveProperty(topic!);
    // Every other one is in the list.
    const { stdout } = await inProcess(["help", "topics"]);
    const listed = [...stdout.matchAll(/^ {2}tapstake help ([a-z0-9]+) /gm)].map(([, topic]) => topic);
    expect([...listed, "topics"]).toEqual(Object.keys(TOPICS));
  });
});

/** What the pages say to type. */
const CALLS = PAGES.map((page) => {
  const blocks = parsePage(read(page)).blocks.filter(({ language }) => LANGUAGES.has(language));
  return [page, blocks.flatMap(({ code }) => callsIn(code))] as const;
});

describe("an example of tapstake uses only existing commands and options", () => {
  it.each(CALLS)("in %s", async (_page, calls) => {
    for (const call of calls) await expect(parse(call)).resolves.toBeUndefined();
  });

  it("in more than 30 places", () => {
    expect(CALLS.flatMap(([, calls]) => calls).length).toBeGreaterThan(30);
  });

  it("and an unknown option or command in one is detected", async () => {
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

describe("the list of commands", () => {
  it("is complete: groups, and commands in them", () => {
    const names = COMMANDS.map(([name]) => name);
    expect(names.length).toBeGreaterThan(60);
    for (const name of ["", "stake", "stake create", "fp keys new", "covenant sign", "register show"]) {
      expect(names).toContain(name);
    }
    for (const name of Object.keys({ ...RUN_ELSEWHERE, ...SAID, ...STATES, ...MADE }))
      expect(names).toContain(name);
  });
});
