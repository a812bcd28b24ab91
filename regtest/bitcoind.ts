import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { TapstakeError } from "../src/core/errors.js";

/** A bitcoind that can be started. */
export interface Bitcoind {
  readonly path: string;
  /** For example `v29.2.0` or `v29.5.0.knots20260508`. */
  readonly version: string;
  /** `installed` is the clone's own, `cached` one that {@link installBitcoind} put into the user's cache. */
  readonly from: "BITCOIND" | "PATH" | "installed" | "cached";
}

/** What to do on a machine where none is found and none can be installed. */
export const BITCOIND_HELP =
  "no bitcoind: install Bitcoin Core 28 or later (`brew install bitcoin`, or bitcoincore.org/en/download), " +
  "set BITCOIND to its path, or start one with `docker compose up -d`";

const OLDEST = 28;

/**
 * Finds the bitcoind to use: `BITCOIND`, then PATH, then the one that this project installed, then the one in the
 * user's cache. It passes over one that is too old or does not run.
 * @param options.onSkip called with a line about each bitcoind that is passed over
 * @throws TapstakeError `bitcoind-not-found` if BITCOIND is not a bitcoind of version 28 or later
 */
export function findBitcoind(options: { onSkip?: (why: string) => void } = {}): Bitcoind | undefined {
  // The supervisor that guards against orphans is a POSIX shell: on Windows, Docker is the way.
  if (process.platform === "win32") return undefined;
  const explicit = process.env["BITCOIND"];
  if (explicit) {
    const checked = check(explicit);
    if ("problem" in checked) {
      throw new TapstakeError("bitcoind-not-found", `BITCOIND is ${explicit}: ${checked.problem}`);
    }
    return { ...checked, from: "BITCOIND" };
  }
  for (const { path, from } of candidates()) {
    const checked = check(path);
    if (!("problem" in checked)) return { ...checked, from };
    options.onSkip?.(`passing over ${path}: ${checked.problem}`);
  }
  return undefined;
}

function candidates(): Pick<Bitcoind, "path" | "from">[] {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return [
    ...folders.map((folder) => ({ path: join(folder, "bitcoind"), from: "PATH" as const })),
    { path: join(packageRoot(), ".bitcoind/bin/bitcoind"), from: "installed" as const },
    { path: join(cachedHome(), "bin/bitcoind"), from: "cached" as const },
  ].filter(({ path }) => existsSync(path));
}

function check(path: string): { path: string; version: string } | { problem: string } {
  const { status, stdout } = spawnSync(path, ["-version"], { encoding: "utf8", timeout: 10_000 });
  const match = /version (v(\d+)\.\S+)/.exec(stdout ?? "");
  if (status !== 0 || !match) return { problem: "it must answer -version as bitcoind does" };
  const version = match[1]!;
  if (Number(match[2]) < OLDEST) return { problem: `its version must be ${OLDEST} or later, not ${version}` };
  return { path, version };
}

/** The folder of package.json: this file is one below it in the sources, two below it in dist. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json")) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}

/** The folder of the bitcoind that a program without a clone of tapstake uses: in the user's own cache. */
export function cachedHome(): string {
  const cache =
    process.env["XDG_CACHE_HOME"] ||
    join(homedir(), process.platform === "darwin" ? "Library/Caches" : ".cache");
  return join(cache, "tapstake/bitcoind");
}
