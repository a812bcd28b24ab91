// Programs from Debian's packages, unpacked into a folder of the project. apt checks every signature and hash; nothing
// is installed into the system, and no rights are needed.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root, run } from "./shared.mjs";

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

const has = (command) => !spawnSync(command, ["--version"], { stdio: "ignore" }).error;

/** Whether this machine is a Debian that can unpack packages. */
export function canUnpack() {
  return existsSync(keyring) && has("apt-get") && has("dpkg-deb") && archive() !== undefined;
}

/** The release of this machine's Debian, for example `bookworm`. */
export const codename = () => /^VERSION_CODENAME=(.*)$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1];

/**
 * Unpacks packages into a folder below the root. The folder appears in one step, so that simultaneous runs do not disturb
 * each other.
 * @param name of the folder, for example `.bitcoind`
 * @param of.suites the releases to look in; of the last one first
 * @param of.installed the list of packages that need not be unpacked, as dpkg has it; none if it is left out
 * @param of.wanted whether to unpack a file `<package>_<version>_<architecture>.deb`
 * @param of.finish writes what is missing into the unpacked folder, and throws if it does not work
 * @param of.works whether the folder in its place works
 */
export function unpack(name, { packages, suites, installed, wanted, finish, works }) {
  removeLeftovers(name);
  const work = mkdtempSync(join(root, `${name}-${process.pid}-`));
  try {
    const prefix = join(work, "home");
    const files = download(join(work, "apt"), { packages, suites, installed });
    for (const file of files.filter((path) => wanted(path.slice(path.lastIndexOf("/") + 1)))) {
      run("dpkg-deb", ["-x", file, prefix]);
    }
    finish(prefix);
    settle(prefix, join(root, name), works);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Folders of killed runs. */
function removeLeftovers(name) {
  for (const entry of readdirSync(root)) {
    if (!entry.startsWith(`${name}-`)) continue;
    const pid = /^(\d+)-/.exec(entry.slice(name.length + 1))?.[1];
    if (pid && !isAlive(Number(pid))) rmSync(join(root, entry), { recursive: true, force: true });
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

/** Downloads packages and what they need with a private apt; returns the paths of the files. */
function download(state, { packages, suites, installed }) {
  for (const folder of ["etc", "lists/partial", "cache/archives/partial", "log"]) {
    mkdirSync(join(state, folder), { recursive: true });
  }
  const sources = join(state, "etc/sources.list");
  writeFileSync(
    sources,
    suites.map((suite) => `deb [signed-by=${keyring}] ${archive()} ${suite} main\n`).join(""),
  );
  writeFileSync(join(state, "status"), "");
  const options = [
    `Dir::State=${state}`,
    `Dir::State::status=${installed ?? join(state, "status")}`,
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
  const newest = ["-t", suites.at(-1)];
  run("apt-get", ["install", "-y", "-qq", "--download-only", ...newest, ...options, ...packages]);
  const archives = join(state, "cache/archives");
  return readdirSync(archives)
    .filter((name) => name.endsWith(".deb"))
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

/** Puts the finished folder in place. If another run has put one there meanwhile, that one is used. */
function settle(prefix, home, works) {
  if (existsSync(home) && !works()) rmSync(home, { recursive: true, force: true });
  try {
    renameSync(prefix, home);
  } catch (error) {
    if (!works()) throw error;
  }
}
