import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { run, runs } from "./run.js";

/**
 * Programs from Debian's packages, unpacked into a folder. apt checks every signature and hash; nothing is installed
 * into the system, and no rights are needed.
 */

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Which packages are unpacked, and into what they become. */
export interface Unpacking {
  readonly packages: readonly string[];
  /** The releases to look in; the last one comes first. */
  readonly suites: readonly string[];
  /** The list of packages that need not be unpacked, as dpkg has it; without it, all are unpacked. */
  readonly installed?: string;
  /** Whether to unpack a file `<package>_<version>_<architecture>.deb`. */
  wanted(name: string): boolean;
  /** Writes what is missing into the unpacked folder, and throws if it does not work. */
  finish(prefix: string): Promise<void> | void;
  /** Whether the folder in its place works. */
  works(): Promise<boolean> | boolean;
}

/** Whether this machine is a Debian that can unpack packages. */
export async function canUnpack(): Promise<boolean> {
  if (!existsSync(KEYRING)) return false;
  const tools = await Promise.all(["apt-get", "dpkg-deb"].map((tool) => runs(tool, ["--version"])));
  return tools.every(Boolean) && (await archive()) !== undefined;
}

/** The release of this machine's Debian, for example `bookworm`. */
export async function codename(): Promise<string | undefined> {
  return /^VERSION_CODENAME=(.*)$/m.exec(await readFile("/etc/os-release", "utf8"))?.[1];
}

/**
 * Unpacks packages into a folder. The folder appears in one step, so that simultaneous runs do not disturb each other.
 */
export async function unpack(home: string, unpacking: Unpacking): Promise<void> {
  await inWorkFolder(home, async (work) => {
    const prefix = join(work, "home");
    const files = await download(join(work, "apt"), unpacking);
    for (const file of files.filter((path) => unpacking.wanted(basename(path)))) {
      await run("dpkg-deb", ["-x", file, prefix]);
    }
    await unpacking.finish(prefix);
    await settle(prefix, home, unpacking.works);
  });
}

/** Works in a folder beside `home`, which is removed at the end; those of killed runs are removed first. */
export async function inWorkFolder(home: string, work: (folder: string) => Promise<void>): Promise<void> {
  const parent = dirname(home);
  await mkdir(parent, { recursive: true });
  await removeLeftovers(home);
  const folder = await mkdtemp(join(parent, `${basename(home)}-${process.pid}-`));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Puts the finished folder in place. If another run has put one there meanwhile, that one is used. */
export async function settle(prefix: string, home: string, works: Unpacking["works"]): Promise<void> {
  if (existsSync(home) && !(await works())) await rm(home, { recursive: true, force: true });
  try {
    await rename(prefix, home);
  } catch (error) {
    if (!(await works())) throw error;
  }
}

async function removeLeftovers(home: string): Promise<void> {
  const start = `${basename(home)}-`;
  for (const entry of await readdir(dirname(home))) {
    if (!entry.startsWith(start)) continue;
    const pid = /^(\d+)-/.exec(entry.slice(start.length))?.[1];
    if (pid && !isAlive(Number(pid))) await rm(join(dirname(home), entry), { recursive: true, force: true });
  }
}

/** Whether a process of this machine runs. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Downloads packages and what they need with a private apt; returns the paths of the files. */
async function download(
  state: string,
  { packages, suites, installed }: Pick<Unpacking, "packages" | "suites" | "installed">,
): Promise<string[]> {
  for (const folder of ["etc", "lists/partial", "cache/archives/partial", "log"]) {
    await mkdir(join(state, folder), { recursive: true });
  }
  const sources = join(state, "etc/sources.list");
  const uri = await archive();
  await writeFile(
    sources,
    suites.map((suite) => `deb [signed-by=${KEYRING}] ${uri} ${suite} main\n`).join(""),
  );
  await writeFile(join(state, "status"), "");
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
  await run("apt-get", ["update", "-qq", ...options]);
  const newest = ["-t", suites.at(-1)!];
  await run("apt-get", ["install", "-y", "-qq", "--download-only", ...newest, ...options, ...packages]);
  const archives = join(state, "cache/archives");
  return (await readdir(archives))
    .filter((name) => name.endsWith(".deb"))
    .map((name) => join(archives, name));
}

/** The archive that this machine's apt already uses; undefined if it is not Debian's. */
async function archive(): Promise<string | undefined> {
  const wanted = ["Created-By: Packages", "Origin: Debian", "Component: main"];
  const targets = await run("apt-get", ["indextargets", "--format", "$(REPO_URI)", ...wanted]).catch(
    () => "",
  );
  return targets.split("\n").find((uri) => uri !== "" && !uri.includes("security"));
}
