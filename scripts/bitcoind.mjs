// A bitcoind for the tests and the demo, without touching the system:
// BITCOIND, then PATH, then the project's own .bitcoind/, which is installed here on Debian.
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { spawnSync } from "node:child_process";
import { ensureBuilt } from "./build.mjs";
import { canUnpack, unpack } from "./debian.mjs";
import { fail, isMain, root, run, say } from "./shared.mjs";

const home = join(root, ".bitcoind");

/** The harness knows where a node may be. Its compiled form is used, so that there is one set of rules. */
const harness = () => import("../dist/regtest/index.js");

/** `{ path, version, from }` of the bitcoind to use, or undefined. */
export async function findBitcoind() {
  return (await harness()).findBitcoind({ onSkip: say });
}

/**
 * Makes sure that the harness will have a node, installing one when it must and can.
 * Returns `{ path, version, from }` of a bitcoind, or `{ attach: url }` of a running regtest node.
 */
export async function ensureBitcoind() {
  const { attachableUrl, BITCOIND_HELP } = await harness();
  const asked = process.env.TAPSTAKE_REGTEST_URL;
  const found = asked ? undefined : await findBitcoind();
  // An installation of an earlier release has no wrapper of bitcoin-cli.
  if (found?.from === "installed") writeWrappers(home);
  if (found) return found;
  if (!asked && canUnpack()) {
    say("installing bitcoind into .bitcoind/ (Bitcoin Knots, from Debian's archive)");
    installBitcoind();
    const installed = await findBitcoind();
    if (installed) return installed;
  }
  const attach = await attachableUrl();
  if (attach) return { attach };
  throw new Error(asked ? "TAPSTAKE_REGTEST_URL is set, but no regtest node answers there" : BITCOIND_HELP);
}

/** Unpacks bitcoind and the C library that it needs into .bitcoind/. */
export function installBitcoind() {
  unpack(".bitcoind", {
    packages: ["bitcoin-knots"],
    suites: ["trixie", "trixie-backports"],
    wanted: (name) => /^(lib|bitcoin)/.test(name),
    finish(prefix) {
      rmSync(join(prefix, "usr/share"), { recursive: true, force: true });
      writeWrappers(prefix);
      run(join(prefix, "bin/bitcoind"), ["-version"]);
    },
    works: () => spawnSync(join(home, "bin/bitcoind"), ["-version"], { stdio: "ignore" }).status === 0,
  });
}

/**
 * Starts bitcoind and bitcoin-cli through their own loader and libraries, by paths relative to the wrapper: the folder
 * can move, and a link can lead to it. An existing wrapper stays: it may be running.
 */
export function writeWrappers(prefix) {
  const loader = readdirSync(prefix, { recursive: true }).find((path) =>
    /^usr\/lib\/[^/]+\/ld-linux[^/]*\.so\.\d+$/.test(path),
  );
  if (!loader) throw new Error("the unpacked C library has no loader (ld-linux*.so.*)");
  mkdirSync(join(prefix, "bin"), { recursive: true });
  for (const name of ["bitcoind", "bitcoin-cli"]) {
    const wrapper = join(prefix, "bin", name);
    if (existsSync(wrapper)) continue;
    writeFileSync(
      wrapper,
      `#!/bin/sh
self=$(readlink -f -- "$0") && here=$(CDPATH= cd -- "$(dirname -- "$self")/.." && pwd -P) || exit 1
exec "$here/${loader}" --library-path "$here/${dirname(loader)}" "$here/usr/bin/${name}" "$@"
`,
    );
    chmodSync(wrapper, 0o755);
  }
}

if (isMain(import.meta.url)) {
  try {
    ensureBuilt();
    const node = await ensureBitcoind();
    process.stdout.write(`${node.attach ?? `${node.path} (${node.version})`}\n`);
  } catch (error) {
    fail(error);
  }
}
