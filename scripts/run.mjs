// `npm run demo` and `npm test` on a fresh clone: brings what is missing, then runs. A second run starts at once.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { ensureBitcoind } from "./bitcoind.mjs";
import { ensureBuilt } from "./build.mjs";
import { fail, root, run, say } from "./shared.mjs";

const commands = {
  demo: [join(root, "dist/cli/main.js"), "demo"],
  test: [join(root, "node_modules/vitest/vitest.mjs"), "run"],
  bench: [join(root, "scripts/bench.mjs")],
};

/** Installs the dependencies unless those of package-lock.json are there. */
function ensureDependencies() {
  if (isInstalled()) return;
  say("installing dependencies (npm ci)");
  const npm = process.env.npm_execpath;
  const args = ["ci", "--loglevel=error", "--no-audit", "--no-fund"];
  // npm sets npm_execpath when it runs a script; another package manager sets its own there.
  if (npm?.endsWith("npm-cli.js")) run(process.execPath, [npm, ...args], { cwd: root });
  else run("npm", args, { cwd: root, shell: process.platform === "win32" });
}

/** npm notes what it installed in node_modules/.package-lock.json; packages for other systems are not in it. */
function isInstalled() {
  const noted = join(root, "node_modules/.package-lock.json");
  if (!existsSync(noted)) return false;
  const installed = readPackages(noted);
  return Object.entries(readPackages(join(root, "package-lock.json"))).every(([path, wanted]) => {
    const there = installed[path];
    if (path === "") return true;
    if (!there) return wanted.optional === true;
    return there.version === wanted.version && there.integrity === wanted.integrity;
  });
}

const readPackages = (path) => JSON.parse(readFileSync(path, "utf8")).packages ?? {};

/** Runs Node on a script in the foreground, and ends as it ends. */
function become(args) {
  const child = spawn(process.execPath, args, { cwd: root, stdio: "inherit" });
  // Ctrl-C reaches the child by itself; `kill` reaches only us. Either way the child decides how to end.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on("error", fail);
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

try {
  const [name, ...args] = process.argv.slice(2);
  const command = commands[name];
  if (!command) throw new Error(`usage: node scripts/run.mjs ${Object.keys(commands).join("|")} [arguments]`);
  ensureDependencies();
  await ensureBuilt();
  const { attach } = await ensureBitcoind();
  // Files that share one node must not run at the same time: each counts on its own blocks.
  const shared = attach && name === "test" ? ["--no-file-parallelism"] : [];
  become([...command, ...shared, ...args]);
} catch (error) {
  fail(error);
}
