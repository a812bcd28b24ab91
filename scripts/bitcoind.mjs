// A bitcoind for the tests and the demo, without touching the system:
// BITCOIND, then PATH, then the project's own .bitcoind/, which is installed here on Debian.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { spawnSync } from "node:child_process";
import { ensureBuilt } from "./build.mjs";
import { fail, isMain, root, run, say } from "./shared.mjs";

const home = join(root, ".bitcoind");
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

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
  if (!asked && canInstall()) {
    say("installing bitcoind into .bitcoind/ (Bitcoin Knots, from Debian's archive)");
    installBitcoind();
    const installed = await findBitcoind();
    if (installed) return installed;
  }
  const attach = await attachableUrl();
  if (attach) return { attach };
  throw new Error(asked ? "TAPSTAKE_REGTEST_URL is set, but no regtest node answers there" : BITCOIND_HELP);
}

const has = (command) => !spawnSync(command, ["--version"], { stdio: "ignore" }).error;

function canInstall() {
  return existsSync(keyring) && has("apt-get") && has("dpkg-deb") && archive() !== undefined;
}

/**
 * Unpacks bitcoind and the C library that it needs into .bitcoind/. apt checks every signature and hash; nothing is
 * installed into the system. The folder appears in one step, so that simultaneous runs do not disturb each other.
 */
export function installBitcoind() {
  removeLeftovers();
  const work = mkdtempSync(join(root, `.bitcoind-${process.pid}-`));
  try {
    const prefix = join(work, "home");
    for (const file of download(join(work, "apt"))) run("dpkg-deb", ["-x", file, prefix]);
    rmSync(join(prefix, "usr/share"), { recursive: true, force: true });
    writeWrappers(prefix);
    run(join(prefix, "bin/bitcoind"), ["-version"]);
    settle(prefix);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Folders of killed runs. */
function removeLeftovers() {
  for (const name of readdirSync(root)) {
    const pid = /^\.bitcoind-(\d+)-/.exec(name)?.[1];
    if (pid && !isAlive(Number(pid))) rmSync(join(root, name), { recursive: true, force: true });
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Downloads bitcoind and its libraries with a private apt; returns the paths of the packages to unpack. */
function download(state) {
  for (const folder of ["etc", "lists/partial", "cache/archives/partial", "log"]) {
    mkdirSync(join(state, folder), { recursive: true });
  }
  const sources = join(state, "etc/sources.list");
  const suites = ["trixie", "trixie-backports"];
  writeFileSync(
    sources,
    suites.map((suite) => `deb [signed-by=${keyring}] ${archive()} ${suite} main\n`).join(""),
  );
  writeFileSync(join(state, "status"), "");
  const options = [
    `Dir::State=${state}`,
    `Dir::State::status=${join(state, "status")}`,
    `Dir::State::lists=${join(state, "lists")}`,
    `Dir::Cache=${join(state, "cache")}`,
    `Dir::Log=${join(state, "log")}`,
    `Dir::Etc=${join(state, "etc")}`,
    `Dir::Etc::sourcelist=${sources}`,
    "APT::Install-Recommends=false",
    "APT::Sandbox::User=root",
    "Debug::NoLocking=true",
    "Acquire::Languages=none",
  ].flatMap((option) => ["-o", option]);
  run("apt-get", ["update", "-qq", ...options]);
  run("apt-get", [
    "install",
    "-y",
    "-qq",
    "--download-only",
    "-t",
    "trixie-backports",
    ...options,
    "bitcoin-knots",
  ]);
  const archives = join(state, "cache/archives");
  return readdirSync(archives)
    .filter((name) => /^(lib|bitcoin).*\.deb$/.test(name))
    .map((name) => join(archives, name));
}

/** The archive that this machine's apt already uses; undefined if it is not Debian's. */
function archive() {
  const targets = spawnSync(
    "apt-get",
    ["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian", "Component: main"],
    { encoding: "utf8" },
  );
  return targets.stdout?.split("\n").find((uri) => uri !== "" && !uri.includes("security"));
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

/** Puts the finished folder in place. If another run has put one there meanwhile, that one is used. */
function settle(prefix) {
  if (existsSync(home) && !works()) rmSync(home, { recursive: true, force: true });
  try {
    renameSync(prefix, home);
  } catch (error) {
    if (!works()) throw error;
  }
}

const works = () => spawnSync(join(home, "bin/bitcoind"), ["-version"], { stdio: "ignore" }).status === 0;

if (isMain(import.meta.url)) {
  try {
    ensureBuilt();
    const node = await ensureBitcoind();
    process.stdout.write(`${node.attach ?? `${node.path} (${node.version})`}\n`);
  } catch (error) {
    fail(error);
  }
}
