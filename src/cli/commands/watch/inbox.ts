import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { encodeHex } from "../../../core/bytes.js";
import { TapstakeError } from "../../../core/errors.js";
import { sha256 } from "../../../core/hashes.js";
import { fileReason } from "../../errors.js";
import { warn } from "../../output.js";

/** What others put there can be anything: a pipe, a device, a file without an end. */
const MAX_MEGABYTES = 16;
/** What the store says, and not the content. */
const OF_STORE: ReadonlySet<string> = new Set(["store-unwritable", "watch-running"]);
/** So long the files may hold up everything else, in milliseconds. */
const TURN = 20;
/** Two changes of a file within the grain of a file system's clock look like one; in milliseconds. */
const SETTLED = 2_000;

/**
 * Files that others write, read again and again: each content once. What is wrong with one is a warning, and hinders no
 * other. What the store could not take is tried again.
 */
export class Inbox {
  readonly #take: (text: string, name: string) => void;
  /** What each path was when it was read last. */
  readonly #marks = new Map<string, string>();
  /** The digest of what was taken from each path last, or why it could not be read. */
  readonly #seen = new Map<string, string>();
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  /**
   * @param take called for each new content, with the path as messages have it. It throws TapstakeError for what is wrong
   * with the content, or with the store
   */
  constructor(take: (text: string, name: string) => void) {
    this.#take = take;
  }

  /** Reads files, and lets other work go on between them. A reading that runs already is the one that is waited for. */
  read(list: () => readonly string[]): Promise<void> {
    return (this.#running ??= this.#readAll(list).finally(() => (this.#running = undefined)));
  }

  /** Returns when no file is being read. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** A warning about a path, once until it changes. */
  fault(path: string, error: unknown): void {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    if (this.#seen.get(path) === code) return;
    this.#seen.set(path, code);
    warn(error instanceof TapstakeError ? error : unreadable(path, fileReason(code), code));
  }

  async #readAll(list: () => readonly string[]): Promise<void> {
    let began = performance.now();
    for (const path of list()) {
      if (this.#stop.signal.aborted) return;
      this.#read(path);
      if (performance.now() - began < TURN) continue;
      await setImmediate();
      began = performance.now();
    }
  }

  #read(path: string): void {
    let text: string;
    let stat: BigIntStats;
    let mark: string;
    try {
      stat = statSync(path, { bigint: true });
      mark = [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(" ");
      if (this.#marks.get(path) === mark) return;
      text = textOf(path);
    } catch (error) {
      return this.fault(path, error);
    }
    const digest = encodeHex(sha256(Buffer.from(text)));
    if (this.#seen.get(path) !== digest && !this.#give(text, path)) return;
    this.#seen.set(path, digest);
    if (Number(stat.ctimeMs) < Date.now() - SETTLED) this.#marks.set(path, mark);
  }

  /** @returns whether the content need not come again */
  #give(text: string, path: string): boolean {
    try {
      this.#take(text, nameOf(path));
      return true;
    } catch (error) {
      const isOurs = error instanceof TapstakeError;
      // The text of another error could hold anything.
      const { name } = error as Error;
      warn(isOurs ? error : { code: "file-error", message: `cannot read ${nameOf(path)}: ${name}` });
      return !isOurs || !OF_STORE.has(error.code);
    }
  }
}

/** The files of a folder whose names end with `.json`. @throws an error of the system */
export const jsonFilesIn = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => join(folder, name));

/** @throws TapstakeError `file-error`, or an error of the system */
function textOf(path: string): string {
  // A pipe without a writer would hold up the opening for ever.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(file);
    if (stat.isDirectory()) throw unreadable(path, fileReason("EISDIR"), "EISDIR");
    if (!stat.isFile()) throw unreadable(path, "it is not a file", "not-a-file");
    const limit = MAX_MEGABYTES * 1024 * 1024;
    if (stat.size > limit) throw unreadable(path, `it is larger than ${MAX_MEGABYTES} MB`, "size");
    // It can grow meanwhile.
    const bytes = Buffer.alloc(stat.size);
    let length = 0;
    for (let count = -1; count !== 0 && length < bytes.length; length += count) {
      count = readSync(file, bytes, length, bytes.length - length, null);
    }
    return bytes.toString("utf8", 0, length);
  } finally {
    closeSync(file);
  }
}

const unreadable = (path: string, reason: string, code: string): TapstakeError =>
  new TapstakeError("file-error", `cannot read ${nameOf(path)}: ${reason}`, { path, code });

/** Who names a file must not write lines of the log, or move a terminal's cursor. */
const nameOf = (path: string): string => path.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\ufffd");
