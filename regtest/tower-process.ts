import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { TapstakeError } from "../src/core/errors.js";
import type { RegtestNode } from "./node.js";
import { waitFor } from "./wait.js";

/** A `tapstake watch run` as scanner and tower, in a process of its own. */
export interface TowerProcess {
  readonly pid: number;
  /** What another command prints of the store as JSON, while the tower runs. */
  ask<T>(command: "stakes" | "duties"): Promise<T>;
  /** Waits, and ends the wait with the tower's own words if it has ended. @throws TapstakeError `wait-timeout` */
  until(condition: () => Promise<boolean>, what: string): Promise<void>;
  /** The first line of its log that matches. */
  line(pattern: RegExp): Promise<string>;
  /** Stops it in order and removes its folder. Returns its last line. Again does nothing. */
  end(): Promise<string>;
}

/**
 * Starts a tower with a new store in `folder`, which watches its `delegations` and `evidence`.
 * @param command the program and its first arguments
 * @throws TapstakeError `unexpected-verdict` with the words of a command that fails
 */
export async function startTower(
  node: RegtestNode,
  folder: string,
  command: readonly string[],
): Promise<TowerProcess> {
  const [program, ...first] = command as [string, ...string[]];
  const store = ["--store", join(folder, "watch.db")];
  const watch = async (...args: readonly string[]) => {
    try {
      return (await promisify(execFile)(program, [...first, "watch", ...args, ...store])).stdout;
    } catch (error) {
      const { stderr } = error as { stderr?: string };
      throw new TapstakeError(
        "unexpected-verdict",
        `watch ${args[0]} failed: ${stderr}`,
        {},
        { cause: error },
      );
    }
  };
  const folders = { delegations: join(folder, "delegations"), evidence: join(folder, "evidence") };
  for (const each of Object.values(folders)) await mkdir(each);
  await watch("init", "--network", "regtest");
  const { url, cookieFile } = node.connection;
  const server = ["--rpc", url, ...(cookieFile === undefined ? [] : ["--rpc-auth-file", cookieFile])];
  const given = ["--folder", folders.delegations, "--evidence", folders.evidence];
  const child = spawn(program, [...first, "watch", "run", ...store, ...server, "--no-rest", ...given], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  return createProcess(child, folder, watch);
}

function createProcess(
  child: ChildProcess,
  folder: string,
  watch: (...args: string[]) => Promise<string>,
): TowerProcess {
  let said = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (said += text));
  const closed = once(child, "close");
  const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  // The program can end before the story does.
  const onExit = () => {
    child.kill("SIGKILL");
    remove();
  };
  process.once("exit", onExit);
  let ending: Promise<string> | undefined;
  const assertRuns = () => {
    if (child.exitCode === null && child.signalCode === null) return;
    throw new TapstakeError("unexpected-verdict", `the tower has ended: ${said.trim()}`);
  };
  const until: TowerProcess["until"] = async (condition, what) => {
    await waitFor(
      async () => {
        assertRuns();
        return condition();
      },
      { what, deadline: 600_000 },
    );
  };
  return {
    pid: child.pid!,
    ask: async (command) => JSON.parse(await watch(command, "--json")) as never,
    until,
    async line(pattern) {
      await until(async () => pattern.test(said), "the tower's log");
      return pattern.exec(said)![0];
    },
    end: () =>
      (ending ??= (async () => {
        child.kill("SIGTERM");
        await closed;
        process.off("exit", onExit);
        remove();
        return said.trim().split("\n").at(-1)!;
      })()),
  };
}
