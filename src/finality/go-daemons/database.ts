import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { TapstakeError } from "../../core/errors.js";
import { attempt } from "../private-files.js";
import { BoltFile } from "./bolt.js";

/** One of the two daemons: its folder, and the names of what is in it. */
export interface Daemon {
  readonly name: "eotsd" | "fpd";
  /** Its configuration, in its folder. */
  readonly config: string;
  /** Its database, in the folder `data`. */
  readonly database: string;
}

/** An open database of a daemon. */
export interface OpenDatabase {
  readonly file: BoltFile;
  /**
   * Whether the daemon is kept from opening the database until it is closed here. If not, this system has no way to see
   * whether the daemon runs.
   */
  readonly isLocked: boolean;
}

/**
 * Opens the database in the folder of a daemon that does not run, and keeps the daemon from starting until it is closed.
 * @throws TapstakeError `database-in-use`, `invalid-database`, `file-error`
 */
export function openDatabase(daemon: Daemon, folder: string): OpenDatabase {
  const file = BoltFile.open(databaseIn(daemon, folder));
  try {
    const lock = takeLock(file.descriptor);
    if (lock === "taken") throw inUse(daemon, file.path);
    return { file, isLocked: lock === "held" };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** @throws TapstakeError `database-in-use` if another program has written to the database since it was opened */
export function assertUnchanged(daemon: Daemon, { file }: OpenDatabase): void {
  if (file.hasChanged()) throw inUse(daemon, file.path);
}

/** The settings of the daemon's configuration by their names; empty without a configuration. */
export function settingsIn({ config }: Daemon, folder: string): ReadonlyMap<string, string> {
  const path = join(folder, config);
  if (!existsSync(path)) return new Map();
  const lines = attempt("read", path, () => readFileSync(path, "utf8")).split(/\r?\n/);
  return new Map(
    lines.flatMap((line) => {
      const [, name, value] = /^\s*([A-Za-z]\w*)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value] as const];
    }),
  );
}

function databaseIn(daemon: Daemon, folder: string): string {
  const remedy = `Do: give the folder that has data/${daemon.database}: by default, ${daemon.name} makes .${daemon.name} in its user's folder`;
  attempt("read", folder, () => {
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return;
    const is = existsSync(folder) ? "is a file" : "does not exist";
    const text = `${folder} must be the folder of ${daemon.name}, and ${is}. ${remedy}`;
    throw new TapstakeError("file-error", text, { path: folder });
  });
  const settings = settingsIn(daemon, folder);
  const own = join(folder, "data", daemon.database);
  const named = resolve(
    folder,
    settings.get("DBPath") || "data",
    settings.get("DBFileName") || daemon.database,
  );
  const found = [own, named].filter((path) => existsSync(path));
  const [first, second] = [...new Set(found.map((path) => realpathSync(path)))];
  if (first === undefined) {
    const places = resolve(own) === named ? own : `${own} or ${named}`;
    const text = `${folder} has no database of ${daemon.name}: there is no ${places}. ${remedy}`;
    throw new TapstakeError("file-error", text, { path: own });
  }
  if (second !== undefined) {
    const text = `${folder} has two databases: ${own}, and ${named} of ${daemon.config}. Move away the one that ${daemon.name} does not use`;
    throw new TapstakeError("file-error", text, { path: own });
  }
  return first;
}

/**
 * Takes a shared lock of the open file, as flock(2) does it, which is the lock of bbolt. It ends when the file is closed.
 */
function takeLock(descriptor: number): "held" | "taken" | "unknown" {
  // The lock belongs to the open file, which the child process shares, so it outlives the child process.
  const { status } = spawnSync("flock", ["-n", "-s", "3"], {
    stdio: ["ignore", "ignore", "ignore", descriptor],
    timeout: 10_000,
  });
  if (status === 0) return "held";
  return status === 1 ? "taken" : "unknown";
}

function inUse({ name }: Daemon, path: string): TapstakeError {
  const text = `${path} is open in another program: ${name} runs, or started meanwhile; nothing was imported`;
  return new TapstakeError("database-in-use", text, { path });
}
