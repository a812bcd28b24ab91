import { randomBytes } from "node:crypto";
import {
  type BigIntStats,
  chmodSync,
  closeSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from "node:fs";
import { open, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { TapstakeError } from "../core/errors.js";

/** Modes of what only its owner can reach. */
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

/**
 * Makes a folder for its owner alone, with any umask, or checks an existing one.
 * @throws TapstakeError `insecure-permissions`, `file-error`
 */
export function makePrivateFolder(path: string): void {
  attempt("make the folder", path, () => {
    assertFolder(path);
    if (mkdirSync(path, { recursive: true, mode: FOLDER_MODE }) !== undefined) {
      chmodSync(path, FOLDER_MODE);
      syncFolder(dirname(path));
    }
    assertPrivate(path, statSync(path));
  });
}

/** @throws TapstakeError `file-error` if something else than a folder is there; nothing may be there */
export function assertFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== false) return;
  throw new TapstakeError("file-error", `${path} must be a folder, not a file`, { path });
}

/**
 * @param stats of the open file, so that the check is of the file that is read
 * @throws TapstakeError `insecure-permissions` if group or others can reach `path`, or another user owns it
 */
export function assertPrivate(path: string, stats: Stats): void {
  const user = process.geteuid?.();
  // Windows has no such modes.
  if (user === undefined) return;
  const mode = (stats.mode & 0o777).toString(8).padStart(4, "0");
  if (stats.uid !== user) {
    throw new TapstakeError(
      "insecure-permissions",
      `${path} belongs to user ${stats.uid}, but this process runs as user ${user}: run it as the owner`,
      { path, owner: stats.uid, user },
    );
  }
  if ((stats.mode & 0o077) !== 0) {
    const wanted = stats.isDirectory() ? "700" : "600";
    throw new TapstakeError(
      "insecure-permissions",
      `${path} has mode ${mode}, so others than its owner can reach it: find out who could, then chmod ${wanted} it`,
      { path, mode },
    );
  }
}

/**
 * The content of a file that only its owner can reach; undefined when there is none.
 * @throws TapstakeError `insecure-permissions`, `file-error` (also for a file of more than `limit` bytes)
 */
export function readPrivateFile(path: string, limit: number): Uint8Array | undefined {
  return attempt("read", path, () => {
    let file: number;
    try {
      file = openSync(path, "r");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    try {
      const stats = fstatSync(file);
      assertPrivate(path, stats);
      if (!stats.isFile() || stats.size > limit) {
        throw new TapstakeError("file-error", `${path} must be a file of at most ${limit} bytes`, { path });
      }
      return readFileSync(file);
    } finally {
      closeSync(file);
    }
  });
}

/**
 * Writes a file that only its owner can read. After a crash at any moment, the old state or the new one is there. When
 * it returns, the file is on the disk.
 * @param content may be made from the status of the file that it goes into
 * @param mode `create` never replaces a file; `replace` does
 * @returns false if `create` found a file there
 * @throws TapstakeError `file-error`
 */
export function writePrivateFile(path: string, content: Content, mode: "create" | "replace"): boolean {
  return attempt("write", path, () => {
    removeAbandoned(path);
    const temporary = temporaryFor(path);
    try {
      writeDurably(temporary, content);
      if (mode === "replace") renameSync(temporary, path);
      else if (!linkIfNone(temporary, path)) return false;
    } finally {
      rmSync(temporary, { force: true });
    }
    syncFolder(dirname(path));
    return true;
  });
}

/**
 * {@link writePrivateFile} for content that is too long for memory, or too slow to write while others wait. It never
 * replaces a file.
 * @param parts the content; what they throw ends the writing, and leaves no file
 * @returns false if a file was there
 * @throws TapstakeError `file-error`
 */
export const writePrivateParts = (path: string, parts: Parts): Promise<boolean> =>
  writeParts(path, parts, { mode: FILE_MODE, exactly: true });

type Parts = AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>;

interface Manner {
  readonly mode: number;
  /** Whether it gets this mode with any umask. */
  readonly exactly?: boolean;
  readonly replace?: boolean;
}

/**
 * Writes a file part by part. After a crash at any moment, the old state or the new one is there. When it returns, the
 * file is on the disk.
 * @param parts the content; what they throw ends the writing, and leaves no file
 * @returns false if a file was there that may not be replaced
 * @throws TapstakeError `file-error`, with the system's code in its details
 */
export async function writeParts(
  path: string,
  parts: Parts,
  { mode, exactly = false, replace = false }: Manner,
): Promise<boolean> {
  const temporary = temporaryFor(path);
  try {
    const file = await open(temporary, "wx", mode);
    try {
      if (exactly) await file.chmod(mode);
      let unsynced = 0;
      for await (const part of parts) {
        await file.writeFile(part);
        unsynced += part.length;
        // Written in small parts: other processes' writes wait until the disk has taken what it was given before.
        if (unsynced < SYNCED_AT_ONCE) continue;
        await file.datasync();
        unsynced = 0;
      }
      await file.sync();
    } finally {
      await file.close();
    }
    return attempt("write", path, () => {
      if (replace) renameSync(temporary, path);
      else if (!linkIfNone(temporary, path)) return false;
      syncFolder(dirname(path));
      return true;
    });
  } catch (cause) {
    throw failed("write", path, cause);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** In bytes. */
const SYNCED_AT_ONCE = 1 << 22;

/** @throws TapstakeError `file-error` */
export function removePrivateFile(path: string): void {
  attempt("remove", path, () => {
    // Removed first: no later call would remove copies of a file that is gone.
    removeAbandoned(path);
    rmSync(path);
    syncFolder(dirname(path));
  });
}

/**
 * {@link removePrivateFile}, and empties the file first, as it may have other names elsewhere.
 * @throws TapstakeError `file-error`
 */
export function erasePrivateFile(path: string): void {
  attempt("remove", path, () => {
    const file = openSync(path, "r+");
    try {
      ftruncateSync(file);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  });
  removePrivateFile(path);
}

/** Makes changes of names in a folder durable. */
export function syncFolder(path: string): void {
  // Windows cannot open folders, and does not need this.
  if (process.platform === "win32") return;
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

type Content = Uint8Array | ((file: BigIntStats) => Uint8Array);

function writeDurably(path: string, content: Content): void {
  const file = openSync(path, "wx", FILE_MODE);
  try {
    fchmodSync(file, FILE_MODE);
    const stats = () => fstatSync(file, { bigint: true });
    writeFileSync(file, content instanceof Uint8Array ? content : content(stats()));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** A link, unlike a rename, fails if a file is there: of two processes, one wins. */
function linkIfNone(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

const temporaryFor = (path: string) =>
  join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(6).toString("hex")}.tmp`);

/**
 * Removes what processes left that were killed while they wrote this file. If one of them is still alive (in another
 * container), its write fails.
 */
function removeAbandoned(path: string): void {
  const prefix = `.${basename(path)}.`;
  for (const name of readdirSync(dirname(path))) {
    const pid = name.startsWith(prefix) && /^(\d+)\.[0-9a-f]{12}\.tmp$/.exec(name.slice(prefix.length))?.[1];
    if (pid && !isAlive(Number(pid))) rmSync(join(dirname(path), name), { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Runs what touches `path`; a failure becomes a `file-error`. @throws TapstakeError */
export function attempt<T>(what: string, path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw failed(what, path, cause);
  }
}

function failed(what: string, path: string, cause: unknown): TapstakeError {
  if (cause instanceof TapstakeError) return cause;
  const { code = "unknown error" } = cause as NodeJS.ErrnoException;
  return new TapstakeError("file-error", `cannot ${what} ${path}: ${code}`, { path, code }, { cause });
}
