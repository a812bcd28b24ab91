import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { basename } from "node:path";
import { equalBytes } from "../../core/bytes.js";

/** A file that this process appends to, and its last line. */
export interface Appended {
  readonly path: string;
  /** The open file, even if its name now leads to another one. */
  readonly file: number;
  /** The last line, and where it begins; a zero byte follows it. */
  readonly line: Uint8Array;
  readonly position: number;
}

/**
 * Detects that another program replaced, changed or deleted the store or the watermark log while this process has them
 * open. Later writes would be lost with those files.
 *
 * The store is compared by its status, as only a checkpoint writes to the file itself. The log is written at every
 * vote, so it is read by its name: the file of that name must end with the last line. The log's status is not read.
 * After such a read, a kernel (Linux since 6.13) also syncs the time of the next change, which takes half as long
 * again.
 */
export class FileCheck {
  readonly #store: string;
  readonly #log: () => Appended;
  #known: Status | string;

  constructor(store: string, log: () => Appended) {
    this.#store = store;
    this.#log = log;
    this.#known = look(store);
  }

  /** What another program did to a file; undefined if nothing. */
  changed(): string | undefined {
    return this.#compare(look(this.#store), isUnchanged);
  }

  /** {@link changed}, called after this process has written to the store itself. */
  accept(): string | undefined {
    const now = look(this.#store);
    const found = this.#compare(now, isSameFile);
    if (found === undefined) this.#known = now;
    return found;
  }

  #compare(now: Status | string, isOurs: (before: Status, now: Status) => boolean): string | undefined {
    const log = this.#log();
    return told(this.#store, difference(this.#known, now, isOurs)) ?? told(log.path, misread(log));
  }
}

const told = (path: string, found: string | undefined): string | undefined =>
  found === undefined ? undefined : `${basename(path)} was ${found}`;

interface Status {
  readonly dev: number;
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
  /** Another name may be in another home. */
  readonly nlink: number;
}

const isSameFile = (a: Status, b: Status): boolean =>
  a.dev === b.dev && a.ino === b.ino && a.nlink === b.nlink;

const isUnchanged = (a: Status, b: Status): boolean =>
  isSameFile(a, b) && a.size === b.size && a.mtimeMs === b.mtimeMs;

function difference(
  before: Status | string,
  now: Status | string,
  isOurs: (before: Status, now: Status) => boolean,
): string | undefined {
  if (typeof now === "string") return now;
  if (typeof before === "string") return "replaced";
  if (isOurs(before, now)) return undefined;
  return before.ino === now.ino && before.dev === now.dev ? "changed" : "replaced";
}

/** How a file differs from what was written at its end. */
function misread({ path, file, line, position }: Appended): string | undefined {
  return reaching(() => {
    const named = openSync(path, "r");
    try {
      const bytes = new Uint8Array(line.length + 1);
      const isWhole = readSync(named, bytes, 0, bytes.length, position) >= line.length;
      if (isWhole && equalBytes(bytes.subarray(0, -1), line) && bytes.at(-1) === 0) return undefined;
      return fstatSync(named).ino === fstatSync(file).ino ? "changed" : "replaced";
    } finally {
      closeSync(named);
    }
  });
}

const look = (path: string): Status | string => reaching(() => statSync(path));

function reaching<T>(work: () => T): T | string {
  try {
    return work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT" ? "deleted" : `out of reach (${code})`;
  }
}
