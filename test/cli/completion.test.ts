import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { manPage, walk } from "../../src/cli/man.js";
import type { Node } from "../../src/cli/walk.js";
import { randomOf } from "../support/runs.js";
import { inProcess, onTerminalHere } from "./in-process.js";
import { hasBash, hasTerminal, onTerminal, temporaryFile, temporaryFolder } from "./support.js";

const has = (program: string) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
const script = async (shell: string) => (await inProcess(["completion", shell])).stdout;

let nodes: readonly Node[];
beforeAll(async () => {
  nodes = await walk();
});

describe("completion", () => {
  it.each(["bash", "zsh", "fish"])("%s: names every command and option", async (shell) => {
    const { code, stdout, stderr } = await inProcess(["completion", shell]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const { path, options } of nodes) {
      expect(stdout).toContain(["tapstake", ...path].join(" "));
      for (const { flags } of options) {
        for (const flag of flags) expect(stdout).toContain(shell === "fish" ? flag.replace(/^-+/, "") : flag);
      }
    }
  });

  it("refuses another shell as wrong usage", async () => {
    expect((await inProcess(["completion", "tcsh"])).code).toBe(2);
  });

  it.skipIf(!hasBash).each([
    [["tapstake", "st"], ["stake"]],
    [["tapstake", "stake", "cr"], ["create"]],
    [["tapstake", "fp", "keys", "n"], ["new"]],
    [["tapstake", "stake", "create", "--val"], ["--value"]],
    [
      ["tapstake", "pop", "make", "--kind", ""],
      ["bip340", "bip322", "ecdsa"],
    ],
    [["tapstake", "pop", "make", "--kind", "ecdsa", "--outp"], ["--output"]],
    [
      ["tapstake", "completion", ""],
      ["bash", "zsh", "fish", "-h", "--help"],
    ],
    [["tapstake", "stake", "sign", "--secret-file", ""], []],
    [["tapstake", "no-such", "x"], []],
  ])("bash: completes %j", async (words, expected) => {
    const file = temporaryFile("tapstake.bash", await script("bash"));
    const typed = words.map((word) => `'${word}'`).join(" ");
    const lines = `set -u; source ${file}; complete -p tapstake >&2
      COMP_WORDS=(${typed}); COMP_CWORD=${words.length - 1}; _tapstake; printf '%s\\n' "\${COMPREPLY[@]-}"`;
    const { status, stdout, stderr } = spawnSync("bash", ["--norc", "-c", lines], { encoding: "utf8" });
    expect(stderr.trim()).toBe("complete -F _tapstake tapstake");
    expect(status).toBe(0);
    expect(stdout.split("\n").filter((line) => line !== "")).toEqual(expected);
  });

  it.skipIf(!has("fish")).each([
    ["tapstake st", ["stake"]],
    ["tapstake fp keys n", ["new"]],
    ["tapstake pop make --kind ", ["bip322", "bip340", "ecdsa"]],
    ["tapstake stake psbt --step unb", ["unbonding", "unbonding-slashing"]],
  ])("fish: completes %j", async (line, expected) => {
    const file = temporaryFile("tapstake.fish", await script("fish"));
    const lines = `source ${file}; complete -C '${line}'`;
    const env = { ...process.env, HOME: temporaryFolder() };
    const { status, stdout } = spawnSync("fish", ["--no-config", "-c", lines], { encoding: "utf8", env });
    expect(status).toBe(0);
    const names = stdout.split("\n").map((each) => each.split("\t")[0]!);
    expect(names.filter((name) => name !== "").toSorted()).toEqual(expected);
  });

  const zshLines: readonly (readonly [line: string, expected: readonly string[]])[] = [
    ["tapstake st", ["stake"]],
    ["tapstake fp keys n", ["new"]],
    ["tapstake pop make --kind ", ["bip340", "bip322", "ecdsa"]],
    ["tapstake stake psbt --step unb", ["unbonding-slashing", "unbonding"]],
  ];

  /** What zsh offers for each line. One process answers for all, as it takes long to begin. */
  async function offeredByZsh(): Promise<string[][]> {
    const file = temporaryFile("tapstake.zsh", await script("zsh"));
    // Completion runs in an editor only: this one lists what it would offer.
    const lines = `autoload -Uz compinit; compinit -D -u; source ${file}
      compadd() { builtin print -rl -- "$known[@]" }; _files() { : }
      for line; do
        words=(\${(Q)\${(z)line}}); [[ $line == *" " ]] && words+=(''); CURRENT=$#words; _tapstake || exit 1; print -r -- =
      done`;
    const env = { ...process.env, HOME: temporaryFolder() };
    const typed = zshLines.map(([line]) => line);
    const args = ["-f", "-c", lines, "zsh", ...typed];
    const { status, stdout } = spawnSync("zsh", args, { encoding: "utf8", env });
    expect(status).toBe(0);
    return stdout.split("=\n").map((part) => part.split("\n").filter((name) => name !== ""));
  }

  it.skipIf(!has("zsh"))("zsh: completes each line", async () => {
    const offered = await offeredByZsh();
    for (const [i, [line, expected]] of zshLines.entries()) {
      const typed = line.split(" ").at(-1)!;
      const names = offered[i]!.filter((name) => name.startsWith(typed));
      expect([line, names.toSorted()]).toEqual([line, [...expected].toSorted()]);
    }
  });

  const absent = ["zsh", "fish"].filter((shell) => !has(shell));
  if (absent.length > 0)
    process.stdout.write(`completion is not tried in ${absent.join(" and ")}: not installed\n`);

  it.each(["bash", "zsh", "fish"].filter(has))("%s: loads the script", async (shell) => {
    const file = temporaryFile(`tapstake.${shell}`, await script(shell));
    const { status, stderr } = spawnSync(shell, ["-n", file], { encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });
});

describe("the manual page", () => {
  const file = fileURLToPath(new URL("../../dist/tapstake.1", import.meta.url));
  const { version, man } = JSON.parse(
    readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
  ) as { version: string; man: string };

  it("names every command and option, with macros and escapes that roff knows", () => {
    const page = manPage(nodes, version);
    for (const line of page.split("\n")) {
      if (/^[.']/.test(line)) expect(line).toMatch(/^\.(?:TH|SH|SS|TP|PP|B)(?: |$)/);
      expect(line.replace(/\\(?:[-e&]|\[u[0-9A-F]{4,5}\])/g, "")).not.toContain("\\");
    }
    for (const { path, options } of nodes) {
      expect(page).toContain(["tapstake", ...path].join(" ").replace(/-/g, "\\-"));
      for (const { flags } of options) expect(page).toContain(flags.join(", ").replace(/-/g, "\\-"));
    }
  });

  it.runIf(existsSync(file))("is at the path in package.json after a build", () => {
    expect(man).toBe("dist/tapstake.1");
    expect(readFileSync(file, "utf8")).toBe(manPage(nodes, version));
  });

  it.runIf(has("groff"))("is rendered by groff without a warning", () => {
    const input = manPage(nodes, version);
    const { status, stdout, stderr } = spawnSync("groff", ["-man", "-Tutf8", "-ww", "-z"], {
      input,
      encoding: "utf8",
    });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" });
  });
});

describe("a terminal", () => {
  /** A line is too long if it could have been broken: examples are copied whole, and long words stay whole. */
  const tooLong = (text: string, columns: number) =>
    text
      .replace(/\nExamples:\r?\n[^]*?(?=\nExit codes:)/, "\n")
      .split(/\r?\n/)
      .filter((line) => line.length > columns && /\S\s+\S/.test(line.slice(0, columns)));

  it.each([40, 60, 80])("of %d columns: wraps help and errors", async (columns) => {
    const env = { COLUMNS: `${columns}`, TAPSTAKE_HOME: `${temporaryFolder()}/home` };
    const asked = [
      ["pop", "make", "--help"],
      ["stake", "psbt", "--help"],
      ["help", "servers"],
      ["help", "double-vote"],
      ["fp", "vote", "--key", "a", "--chain", "bbn-1", "--batch", "no-such-file"],
    ];
    const real = hasTerminal ? randomOf(`${columns}`).below(asked.length) : -1;
    for (const [i, args] of asked.entries()) {
      const { stdout } = await (i === real ? onTerminal : onTerminalHere)(args, env);
      expect(stdout).not.toBe("");
      expect(tooLong(stdout, columns)).toEqual([]);
    }
  });

  const secret = "11".repeat(32);
  const questions: readonly (readonly [string, readonly string[], string])[] = [
    [
      "a secret",
      ["pop", "make", "--address", "bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu"],
      "The secret key",
    ],
    ["a passphrase", ["fp", "keys", "new", "a"], "A passphrase"],
    ["agreement or a word", ["fp", "keys", "import", "a"], "The words, or the secret"],
  ];
  it.skipIf(!hasTerminal).each(questions)(
    "Ctrl-C at the question for %s: exits with code 130",
    async (_, args, question) => {
      const home = { TAPSTAKE_HOME: `${temporaryFolder()}/home` };
      const { code, stdout } = await onTerminal(args, home, [question, "\u0003"]);
      expect(code).toBe(130);
      expect(stdout).toContain("cancelled: nothing was changed");
      expect(stdout).not.toContain(secret);
    },
  );
});
