import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, openSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { TapstakeError } from "../../core/errors.js";
import { jsonText } from "../../core/json.js";
import type { Home } from "../home.js";
import { readPrivateFile, writePrivateFile } from "../private-files.js";
import { assertFileSystem } from "./file-system.js";
import type { Database } from "./schema.js";
import { connect } from "./sqlite.js";

/** The process that has the lock of a home. */
export interface Holder {
  readonly pid: number;
  readonly host: string;
  /** The run of the system, and the PID namespace, that give the process id its meaning; "unknown" if the system does not say. */
  readonly boot: string;
  readonly pidNamespace: string;
  /** When the process started, as the system says: process ids are used again. */
  readonly start: string;
  readonly command: string;
  readonly since: string;
  /** Distinguishes this lock from every other. */
  readonly token: string;
}

export interface Lock {
  readonly holder: Holder;
  /** Whether the lock file is still the one that was written here. */
  isHeld(): boolean;
  release(): void;
}

/**
 * Makes this process the one signer of a home, or says at once which process is. It takes two locks:
 *
 * - the operating system's (as SQLite takes it) on `signer.guard`, which ends with its process in every case;
 * - the file `signer.lock`, which names the process. It still protects if the guard was removed by hand, or does not
 *   work, as on some network file systems. A lock that a killed process left is recognised by its process id and start
 *   time, but only where this process could see it run: on this host, since this start of the system, and in this PID
 *   namespace. Any other holder may run, and is respected.
 *
 * @throws TapstakeError `unsafe-file-system`; `signer-running`; `file-error` if the home cannot be written to
 */
export function lockHome(home: Home): Lock {
  assertFileSystem(home);
  const guard = takeGuard(home);
  try {
    const holder = describeThisProcess();
    const content = Buffer.from(jsonText(holder));
    // While this process has the guard, no other process examines or removes a stale file.
    if (!writePrivateFile(home.lockFile, content, "create")) {
      const other = readHolder(home);
      if (!other || !isGone(other)) throw running(home, other);
      rmSync(home.lockFile);
      if (!writePrivateFile(home.lockFile, content, "create")) throw running(home, readHolder(home));
    }
    const isHeld = () => readHolder(home)?.token === holder.token;
    let released = false;
    return {
      holder,
      isHeld,
      release() {
        if (released) return;
        released = true;
        try {
          if (isHeld()) rmSync(home.lockFile, { force: true });
        } catch {
          // A file that cannot be removed stays. After the end of this process, it counts as an ended process's file.
        } finally {
          releaseGuard(guard);
        }
      },
    };
  } catch (error) {
    releaseGuard(guard);
    throw error;
  }
}

/** The refusal for the second signer. */
export function running(home: Home, holder: Holder | undefined = readHolder(home)): TapstakeError {
  const { lockFile } = home;
  const why = "Two signers of one key can sign two messages at one height, which reveals the key.";
  if (!holder) {
    return new TapstakeError(
      "signer-running",
      `another process is the signer of ${home.path}; ${lockFile} does not say which. ${why} ` +
        `Find and stop it (fuser ${guardOf(home)}). If you are certain that there is none: rm ${lockFile}`,
      { lockFile },
    );
  }
  const { pid, host, command, since } = holder;
  const unseen = unseenBecause(holder);
  return new TapstakeError(
    "signer-running",
    `process ${pid} on ${host} is the signer of ${home.path} since ${since}: ${command}. ${why} ` +
      (unseen === undefined
        ? `${ASK} For anything else, stop it first: if it runs as a service, stop the service (systemctl stop <its unit>), as systemd would start it again; else kill ${pid}. Do not remove ${lockFile}.`
        : `${unseen}, so tapstake cannot see whether it runs. ` +
          `${ASK} For anything else, stop it there. If you are certain that it has ended: rm ${lockFile}`),
    { lockFile, pid, host, command, since },
  );
}

const ASK =
  "If it is a daemon, ask it with --remote (tapstake fp vote, commit, unlock and status) or --commitment (tapstake fp proof).";

/** When a process started; "ended" for a zombie; undefined if the system does not say. */
export function startOf(pid: number): string | undefined {
  if (process.platform === "linux") {
    try {
      // The name of the command, in parentheses, may contain anything; the 22nd field is the start in ticks since boot.
      const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)!.split(" ");
      if (fields[0] === "Z" || fields[0] === "X") return "ended";
      return fields[19];
    } catch {
      return undefined;
    }
  }
  const { status, stdout } = spawnSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

const guardOf = (home: Home) => join(home.path, "signer.guard");

function takeGuard(home: Home): Database {
  const path = guardOf(home);
  makeGuard(path);
  let guard: Database | undefined;
  try {
    guard = connect(path, { timeout: 0 });
    guard.exec("BEGIN EXCLUSIVE");
    return guard;
  } catch (error) {
    guard?.close();
    if (error instanceof TapstakeError) throw error;
    if ((error as { code?: string }).code === "SQLITE_BUSY") throw running(home);
    throw new TapstakeError("file-error", `cannot lock ${path}: ${(error as Error).message}`, { path });
  }
}

/**
 * Makes the guard file if there is none: SQLite would let the umask decide who can read it. It does not open an
 * existing one. Under POSIX, closing it again would end the lock that this process may have on it.
 */
function makeGuard(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (cause) {
    const { code = "unknown error" } = cause as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    throw new TapstakeError("file-error", `cannot write ${path}: ${code}`, { path, code }, { cause });
  }
}

function releaseGuard(guard: Database): void {
  // Without this, the garbage collector would free the lock at some later time.
  try {
    guard.exec("ROLLBACK");
  } finally {
    guard.close();
  }
}

function describeThisProcess(): Holder {
  return {
    pid: process.pid,
    ...thisPlace(),
    start: startOf(process.pid) ?? UNKNOWN,
    command: [process.title, ...process.argv.slice(1)].join(" ").slice(0, 500),
    since: new Date().toISOString(),
    token: randomBytes(16).toString("hex"),
  };
}

/** Where a process id of this process's own view means one process. Other systems than Linux have no such namespaces. */
export function thisPlace(): Pick<Holder, "host" | "boot" | "pidNamespace"> {
  const host = hostname();
  if (process.platform !== "linux") return { host, boot: process.platform, pidNamespace: process.platform };
  const said = (read: () => string) => {
    try {
      return read().trim();
    } catch {
      return UNKNOWN;
    }
  };
  return {
    host,
    boot: said(() => readFileSync("/proc/sys/kernel/random/boot_id", "latin1")),
    pidNamespace: said(() => readlinkSync("/proc/self/ns/pid")),
  };
}

const UNKNOWN = "unknown";

/** Why this process could not see a holder that runs; undefined if it could. */
function unseenBecause({ host, boot, pidNamespace }: Holder): string | undefined {
  const here = thisPlace();
  if (host !== here.host) return `That is another host than this one (${here.host})`;
  if (boot !== here.boot || boot === UNKNOWN) {
    return "It was started before the last start of this machine, or on another machine with the same host name";
  }
  if (pidNamespace !== here.pidNamespace || pidNamespace === UNKNOWN) {
    return "It was started in another container, or PID namespace, than this process";
  }
  return undefined;
}

/** Whether a process has certainly ended. */
function isGone(holder: Holder): boolean {
  const { pid, start } = holder;
  if (unseenBecause(holder) !== undefined) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return true;
  }
  const now = startOf(pid);
  return now !== undefined && start !== UNKNOWN && now !== start;
}

const schema = v.object({
  pid: v.pipe(v.number(), v.integer(), v.minValue(1)),
  host: v.string(),
  // Those of earlier releases say neither.
  boot: v.optional(v.string(), "unknown"),
  pidNamespace: v.optional(v.string(), "unknown"),
  start: v.string(),
  command: v.string(),
  since: v.string(),
  token: v.string(),
});

function readHolder(home: Home): Holder | undefined {
  const bytes = readPrivateFile(home.lockFile, 1 << 16);
  if (!bytes) return undefined;
  try {
    return v.parse(schema, JSON.parse(Buffer.from(bytes).toString("utf8")));
  } catch {
    return undefined;
  }
}
