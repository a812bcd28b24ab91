import { randomInt } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { folderInMemory } from "./test/support/folder-in-memory.js";

/** Tests read the sources; only the bundle and package tests look at dist. */
const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const textOf = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");

// One seed for all that a run draws at random; who gives it back sees the same run. Each project reads this file.
if (process.env["TAPSTAKE_SEED"] === undefined) {
  process.env["TAPSTAKE_SEED"] = String(randomInt(2 ** 31));
  process.stderr.write(`random cases start from TAPSTAKE_SEED=${process.env["TAPSTAKE_SEED"]}\n`);
}

// Where tests, and the processes that they start, make their temporary folders.
process.env["TMPDIR"] ??= folderInMemory() ?? tmpdir();

/** Rooms whose code keeps no state and asks nothing of the system: their tests share a process. */
const shared = [
  "{core,crypto,bitcoin,script,params,funding,spending,psbt,stake,delegation,covenant,vote,extract,babylon,wallets,restaking}",
  "{chain,babylon-client,derivation,fuzz}",
].map((room) => `test/${room}/**/*.test.ts`);

/**
 * Tests that put another module in the place of one need a process that has not loaded it yet. Those that run commands
 * beside a daemon make scrypt light for the whole process.
 */
const alone = readdirSync(source("./test"), { recursive: true, encoding: "utf8" })
  .map((path) => `test/${path.replaceAll("\\", "/")}`)
  .filter((path) => path.endsWith(".test.ts"))
  .filter((path) => /\bvi\.(mock|doMock|resetModules)\(|"\.\.\/cli\/fp-support\.js"/.test(textOf(path)));

const project = (name: string, test: TestProjectInlineConfiguration["test"]) => ({
  extends: true as const,
  test: { name, ...test },
});

export default defineConfig({
  resolve: {
    alias: {
      "#curve": source("./src/core/curve/node.ts"),
      "#points": source("./src/core/curve/node.ts"),
      "#hashing": source("./src/core/hashing/node.ts"),
    },
  },
  test: {
    // More than there are processors: a worker often waits for a disk, a node or a process that it started.
    maxWorkers: Math.ceil(1.5 * availableParallelism()),
    setupFiles: [source("./test/support/setup.ts")],
    // For what hangs, and for nothing else: no test is right because it was quick.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    projects: [
      project("pure", { include: shared, exclude: alone, pool: "threads", isolate: false }),
      // In processes, as their tests change a process's folder, variables and streams. Three rooms have workers of their
      // own: tests of commands seal keys at a light cost there, which other processes cannot open.
      ...["cli", "finality", "signerd"].map((room) =>
        project(room, {
          include: [`test/${room}/**/*.test.ts`],
          exclude: alone,
          pool: "forks",
          isolate: false,
        }),
      ),
      project("processes", {
        include: ["{test,regtest}/**/*.test.ts"],
        exclude: [...shared, ...alone, "test/{cli,finality,signerd,pages,babylond}/**"],
        pool: "forks",
        isolate: false,
      }),
      project("alone", { include: alone, pool: "forks" }),
    ],
  },
});
