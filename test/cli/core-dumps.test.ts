import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { block, chain, homeWithKey, passphrase, publicKey } from "./fp-support.js";
import { temporaryFolder } from "./support.js";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const hasFilter = existsSync("/proc/self/coredump_filter") && spawnSync("mkfifo", ["--version"]).status === 0;

/**
 * What of its memory a command would leave in a core dump while it reads a secret from a file. The file is a pipe, which
 * opens for the writer when the command opens it, and nothing is ever written to it.
 */
async function filterWhileReading(args: (secret: string) => readonly string[]): Promise<string> {
  const pipe = join(temporaryFolder(), "secret");
  expect(spawnSync("mkfifo", [pipe]).status).toBe(0);
  const env = { ...process.env, TAPSTAKE_PASSPHRASE: passphrase, TAPSTAKE_HOME: homeWithKey() };
  const child = spawn(process.execPath, [main, ...args(pipe)], { env, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const ended = once(child, "close");
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  // A command that never opens it ends: then no process could.
  const reader = Promise.race([open(pipe, "w"), ended.then(() => undefined)]);
  const writer = await reader;
  if (!writer) {
    // Frees a writer that waits for a reader.
    await (await open(pipe, "r+")).close();
    throw new Error(`the command did not read the secret: ${said}`);
  }
  const filter = readFileSync(`/proc/${child.pid}/coredump_filter`, "utf8").trim();
  child.kill("SIGKILL");
  await ended;
  await writer.close();
  return filter;
}

const named = ["--key", publicKey, "--chain", chain, "--remote", "127.0.0.1:1"];
const voting = ["vote", ...named, "--height", "5", "--hash", block(1)];
const committing = ["commit", ...named, "--start", "1", "--count", "8"];

describe.runIf(hasFilter)("a core dump of a command that reads a secret: has no memory", () => {
  it.each<[string, (secret: string) => readonly string[]]>([
    ["fp unlock", (file) => ["fp", "unlock", publicKey, "--remote", "127.0.0.1:1", "--hmac-key-file", file]],
    ["fp vote --remote", (file) => ["fp", ...voting, "--hmac-key-file", file]],
    ["fp commit --remote", (file) => ["fp", ...committing, "--hmac-key-file", file]],
    ["fp status --remote", (file) => ["fp", "status", "--remote", "127.0.0.1:1", "--hmac-key-file", file]],
    [
      "fp serve",
      (file) => ["fp", "serve", "--address", "127.0.0.1:0", "--no-metrics", "--hmac-key-file", file],
    ],
    ["fp keys export", (file) => ["fp", "keys", "export", "validator-1", "--yes", "--passphrase-file", file]],
    ["stake key", (file) => ["stake", "key", "--secret-file", file]],
  ])("tapstake %s", async (_, args) => {
    expect(await filterWhileReading(args)).toMatch(/^0+$/);
  });
});
