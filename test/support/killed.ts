import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { signerProgram } from "./signer.js";

const program = fileURLToPath(new URL("killed.mjs", import.meta.url));

/** What is done in a home: by a mode of killed.mjs, or by a command of `tapstake`. */
export type Deed = readonly [mode: "init" | "vote" | "command", ...args: string[]];

/** What a deed printed that was killed before its n-th step. */
export function killedAt(n: number, path: string, deed: Deed, env: Record<string, string> = {}): string {
  const { signal, stdout } = spawned(n, path, deed, env);
  expect(signal).toBe("SIGKILL");
  return stdout;
}

/** How many steps a deed has that nobody kills. */
export function stepsOf(path: string, deed: Deed, env: Record<string, string> = {}): number {
  const { status, stdout, stderr } = spawned(0, path, deed, env);
  expect(status, stderr).toBe(0);
  return Number(stdout.trimEnd().split("\n").at(-1));
}

function spawned(n: number, path: string, [mode, ...args]: Deed, env: Record<string, string>) {
  void signerProgram();
  const command = [program, mode, path, String(n), ...args];
  return spawnSync(process.execPath, command, { encoding: "utf8", env: { ...process.env, ...env } });
}
