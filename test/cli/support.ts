import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import type { Transaction } from "../../src/bitcoin/transaction-class.js";
import { concatBytes, hex } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { adviceOf } from "../../src/core/error-codes.js";
import type { ErrorCode } from "../../src/core/errors.js";
import { afterFile } from "../support/after-file.js";
import { secretOf } from "../support/stake.js";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

const lightScrypt = new URL("../support/light-scrypt-preload.mjs", import.meta.url);

/** As it was before any test: tests that run in this process change it meanwhile. Passphrases are quick to try. */
const inherited: NodeJS.ProcessEnv = {
  ...process.env,
  NODE_OPTIONS: `${process.env["NODE_OPTIONS"] ?? ""} --import=${lightScrypt.href}`.trimStart(),
};

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Surroundings {
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** Runs the built command as a process of its own. */
export function tapstake(args: readonly string[], surroundings: Surroundings = {}): Promise<Outcome> {
  if (!existsSync(main)) throw new Error("the command is not built: npm run build");
  return runProcess(process.execPath, [main, ...args], surroundings);
}

/** Runs lines in a shell that knows `tapstake`. */
export function shell(script: string, surroundings: Surroundings = {}): Promise<Outcome> {
  const bin = temporaryFolder();
  writeFileSync(join(bin, "tapstake"), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`);
  chmodSync(join(bin, "tapstake"), 0o755);
  const PATH = `${bin}${delimiter}${inherited["PATH"]}`;
  return runProcess("bash", ["-e", "-o", "pipefail", "-c", script], {
    ...surroundings,
    env: { ...surroundings.env, PATH },
  });
}

/** Runs the built command until it first says something, then does what Ctrl-C does. */
export function interrupted(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args], { env: { ...inherited, ...env } });
    child.stdout.once("data", () => child.kill("SIGINT"));
    child.stdout.resume();
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal }));
  });
}

/** Whether a terminal can be had for a test: util-linux's script makes one. */
export const hasTerminal = /util-linux/.test(
  spawnSync("script", ["--version"], { encoding: "utf8" }).stdout ?? "",
);

/** What is typed at a question. It can depend on what was said so far. */
export type Answer = readonly [question: string | RegExp, typed: string | ((said: string) => string)];

/** Runs the built command on a terminal, where everything it says is on standard output, and types the answers. */
export function onTerminal(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  ...answers: readonly Answer[]
): Promise<Outcome> {
  const quoted = args.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  return lineOnTerminal(`tapstake ${quoted}`, { env }, typing(answers));
}

/** Types each answer once its question is there. */
export function typing(answers: readonly Answer[]): (said: string) => string | undefined {
  const waiting = [...answers];
  let answered = 0;
  return (said) => {
    const [question, typed] = waiting[0] ?? [];
    const unanswered = said.slice(answered);
    if (question === undefined || typed === undefined) return undefined;
    if (typeof question === "string" ? !unanswered.includes(question) : !question.test(unanswered)) {
      return undefined;
    }
    waiting.shift();
    answered = said.length;
    return typeof typed === "string" ? typed : typed(said);
  };
}

/** Runs a line of a shell that knows `tapstake` on a terminal, and types what `answer` makes of all that was said. */
export function lineOnTerminal(
  line: string,
  { env = {}, cwd }: Omit<Surroundings, "input">,
  answer: (said: string) => string | undefined,
): Promise<Outcome> {
  const known = `tapstake() { '${process.execPath}' '${main}' "$@"; }`;
  const sized = `stty cols ${env["COLUMNS"] ?? 100} rows 30; ${known}; ${line}`;
  return new Promise((resolve, reject) => {
    const child = spawn("script", ["-qec", sized, "/dev/null"], {
      env: { ...inherited, ...env },
      cwd: cwd ?? process.cwd(),
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      const typed = answer(stdout);
      if (typed !== undefined) child.stdin.write(typed);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
    child.stdin.on("error", () => {});
  });
}

function runProcess(
  command: string,
  args: readonly string[],
  { input, env = {}, cwd }: Surroundings,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...inherited, ...env }, cwd: cwd ?? process.cwd() });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
    // A process that ends before it reads closes its end: that is its answer, not an error of ours.
    child.stdin.on("error", () => {});
    child.stdin.end(input ?? "");
  });
}

/** A folder of its own, until the tests of the file have ended. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "tapstake-cli-"));
  // Tests of one file run at the same time, so what they made is removed after all of them.
  afterFile(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A file in a folder of its own, for its owner alone; returns its path. */
export function temporaryFile(name: string, content: string): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

/** The examples of a command's help, as shell lines. */
export function examplesOf(help: string): string {
  const block = /\nExamples:\n([\s\S]*?)\n\nExit codes:/.exec(help)?.[1];
  if (block === undefined) throw new Error("the help has no examples");
  return block.replace(/^ {2}/gm, "");
}

/** The real staking transactions that others found on Bitcoin: this project's copy. */
export const observed = JSON.parse(
  readFileSync(new URL("../vectors/observable-staking.json", import.meta.url), "utf8"),
) as Record<"mainnet-300.004BTC" | "signet-tag-bbt4", { hex: string; covenant: string[]; quorum: number }>;

/** Two votes at one height. */
export const EVIDENCE = {
  fp_btc_pk: "21ed83cac3dc51752ef004425b6bda2ddabeaaa3294ecf4ed596d25f863ac4c7",
  block_height: "5002",
  pub_rand: "419ae8a4b4df8fd113dcaff6a18d39b417181699d5049d37501957430b02e119",
  canonical_app_hash: "92c89d9853a2f5716d2a23633e86835afaa5d4213580dbee0844f53767d293c8",
  fork_app_hash: "5c91447ddccea0e3c935e4b41ce2d0a8f2535432478df5380507628bbe5e0525",
  canonical_finality_sig: "1c0c3c53013afaba7bf4866b9064c56164fcc31510f7bb1f568c8cb43225b249",
  fork_finality_sig: "42f3e5663db376a0149a1f5b905359c0a74d50ef953c7aa9245f5049e3ef0c66",
} as const;

/** As bitcoind's gettxoutproof gives it (BIP-37), of a block with another transaction before this one. */
export function txOutProof(transaction: Transaction): Uint8Array {
  const [first, own] = [secretOf("coinbase"), transaction.getHash()];
  const root = sha256(sha256(concatBytes(first, own)));
  const header = concatBytes(new Uint8Array(36), root, new Uint8Array(12));
  const [count, hashes, flags] = ["02000000", "02", "0105"].map((each) => hex.decode(each));
  return concatBytes(header, count!, hashes!, first, own, flags!);
}

export const hasBash = spawnSync("bash", ["-c", "true"]).status === 0;

/** The data that a command printed; fails when it is not JSON and nothing else. */
export const parsed = <T = Record<string, unknown>>({ stdout }: Outcome): T => JSON.parse(stdout) as T;

/** What standard error says of an error whose message does not say what to do. */
export const reportOf = (code: ErrorCode, message: string): string => {
  const { causes, never, do: remedy } = adviceOf(code);
  const more = (causes ?? never) === undefined ? "" : `More: tapstake help ${code}\n`;
  return `tapstake: ${code}: ${message}\nDo: ${remedy}\n${more}`;
};

/** With which code something was refused; the exit code where there is none. */
export function refusedWith({ code, stdout, stderr }: Outcome): string {
  expect(stdout).toBe("");
  expect(stderr).toMatch(/^tapstake: [a-z-]+: .*\n(Do: .*\n)?(More: .*\n)?$/);
  const [, name] = /^tapstake: ([a-z-]+): /.exec(stderr)!;
  expect(code).toBe(name === "usage" ? 2 : 1);
  return name!;
}
