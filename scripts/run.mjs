// Runs `npm run demo`, `npm test` and others on a fresh clone: it installs what is missing, then runs the command. A
// second run starts at once.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { join } from "node:path";
import { BABYLOND_HELP, findBabylond } from "./babylond.mjs";
import { ensureBitcoind } from "./bitcoind.mjs";
import { ensureBuilt } from "./build.mjs";
import { ensureChromium } from "./chromium.mjs";
import { ensureEtcd } from "./etcd.mjs";
import { ETCD_HELP } from "./find-etcd.mjs";
import { ensureInstalled } from "./install.mjs";
import { fail, root, say } from "./shared.mjs";

const commands = {
  demo: [join(root, "dist/cli/main.js"), "demo"],
  test: [join(root, "node_modules/vitest/vitest.mjs"), "run"],
  "test:pages": [
    join(root, "node_modules/vitest/vitest.mjs"),
    "run",
    "--config",
    "test/pages/vitest.config.ts",
  ],
  "test:chain": [
    join(root, "node_modules/vitest/vitest.mjs"),
    "run",
    "--config",
    "test/babylond/vitest.config.ts",
  ],
  "test:long": [join(root, "node_modules/vitest/vitest.mjs"), "run"],
  bench: [join(root, "scripts/bench.mjs")],
  docs: [join(root, "site/build.mjs")],
  example: [join(root, "scripts/example.mjs")],
};

/** What asks an arbiter of votes. */
const withEtcd = ["test", "test:long", "bench"];

/** The site needs no bitcoind; an example finds one itself. */
const withoutNode = ["docs", "example"];

/** Runs Node on a script in the foreground, and exits with the script's code. */
function become(args) {
  const child = spawn(process.execPath, args, { cwd: root, stdio: "inherit" });
  // Ctrl-C reaches the child directly; `kill` reaches only this process. In both cases the child decides how to end.
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
  if (name === "test:chain") {
    const babylond = findBabylond();
    if (babylond === undefined) {
      say(BABYLOND_HELP);
      process.exit(0);
    }
    process.env.BABYLOND = babylond;
  }
  ensureInstalled(root);
  await ensureBuilt();
  const { attach } = withoutNode.includes(name) ? { attach: false } : await ensureBitcoind();
  // Files that share one node must not run at the same time: each counts its own blocks.
  const shared = attach && name.startsWith("test") ? ["--no-file-parallelism"] : [];
  if (withEtcd.includes(name)) {
    const found = await ensureEtcd();
    if (found) process.env.ETCD = found.etcd;
    else say(ETCD_HELP);
  }
  if (name === "test:pages") process.env.CHROMIUM = await ensureChromium();
  // Every random case, every step that can be killed, the whole million: see test/support/runs.ts.
  if (name === "test:long") process.env.TAPSTAKE_LONG = "1";
  become([...command, ...shared, ...args]);
} catch (error) {
  fail(error);
}
