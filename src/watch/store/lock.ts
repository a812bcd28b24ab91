import { closeSync, openSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import * as v from "valibot";
import { TapstakeError } from "../../core/errors.js";
import type { Database } from "../../finality/protection/schema.js";
import { connect } from "../../finality/protection/sqlite.js";

/** The process that writes to a store. */
export interface StoreLock {
  release(): void;
}

/**
 * Makes this process the one that writes to a store. The lock is the operating system's, as SQLite takes it, on a file
 * beside the store: it ends with its process in every case. A second file names the process, for messages only.
 * @throws TapstakeError `watch-running` with the other process
 */
export function lockStore(path: string): StoreLock {
  // A symbolic link is another name of the same store.
  const file = realpathSync(path);
  const guardFile = `${file}.lock`;
  const nameFile = `${file}.writer`;
  makeFile(guardFile);
  let guard: Database | undefined;
  try {
    guard = connect(guardFile, { timeout: 0 });
    guard.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    guard?.close();
    if (/^SQLITE_(BUSY|LOCKED)/.test((error as { code?: string }).code ?? "")) throw running(path, nameFile);
    throw error;
  }
  const held = guard;
  const unlock = () => {
    try {
      // Without this, the garbage collector would free the lock at some later time.
      held.exec("ROLLBACK");
    } finally {
      held.close();
    }
  };
  const writer = {
    pid: process.pid,
    host: hostname(),
    command: commandOf(),
    since: new Date().toISOString(),
  };
  try {
    writeFileSync(nameFile, `${JSON.stringify(writer)}\n`, { mode: 0o600 });
  } catch (error) {
    unlock();
    throw error;
  }
  let released = false;
  return {
    release() {
      if (released) return;
      released = true;
      rmSync(nameFile, { force: true });
      unlock();
    },
  };
}

/** Without its options: a URL or a command among them can hold a password. */
function commandOf(): string {
  const words = process.argv.slice(1);
  const options = words.findIndex((word) => word.startsWith("-"));
  return words
    .slice(0, options < 0 ? words.length : options)
    .join(" ")
    .slice(0, 500);
}

const writerForm = v.object({ pid: v.number(), host: v.string(), command: v.string(), since: v.string() });

function running(path: string, nameFile: string): TapstakeError {
  const text = `another process writes to the store ${path}`;
  const writer = readWriter(nameFile);
  if (!writer) return new TapstakeError("watch-running", `${text}; ${nameFile} does not say which`, { path });
  const { pid, host, command, since } = writer;
  return new TapstakeError(
    "watch-running",
    `${text}: process ${pid} on ${host} since ${since}: ${command}. Stop it first, or read with the commands that do not write. A watch takes delegations from its --folder while it runs`,
    { path, pid, host, command, since },
  );
}

function readWriter(nameFile: string): v.InferOutput<typeof writerForm> | undefined {
  try {
    const result = v.safeParse(writerForm, JSON.parse(readFileSync(nameFile, "utf8")));
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}

/** SQLite would let the umask decide who can read it. */
function makeFile(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}
