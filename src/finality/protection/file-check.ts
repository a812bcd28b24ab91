import { readSync, statSync } from "node:fs";
import { basename } from "node:path";
import { equalBytes } from "../../core/bytes.js";

/** What tells a file from every other one. */
export interface Place {
  readonly dev: number;
  readonly ino: number;
}

/** What also tells it from itself after a change. */
interface Trace extends Place {
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  /** Another name is another home, perhaps. */
  readonly nlink: number;
}

/** What a file holds that this process appends to, as far as it is known by heart. */
export interface Ending {
  /** Where the file is, whatever else may have taken its name. */
  readonly place: Place;
  /** Open to read. */
  readonly file: number;
  /** What was written last, where, and a zero byte after it. */
  readonly line: Uint8Array;
  readonly position: number;
}

interface Watched {
  readonly path: string;
  /** Of a file that is appended to at every vote. */
  readonly ending?: () => Ending;
}

/**
 * Watches files of one folder that only this process writes: whoever replaces, changes or deletes one of them while it
 * is open takes what is written next away with it.
 *
 * A file that is written at every vote is not asked when it was changed. A kernel (Linux, since 6.13) that was asked
 * gives the next change a time of its own, and has it written with the next sync, which takes half as long again.
 * Such a file is read instead, and its place is looked at when the folder has changed: no name leads to another file
 * without that.
 */
export class FileWatch {
  readonly #folder: string;
  readonly #files: readonly Watched[];
  #names: Names;
  #traces: readonly (Seen | undefined)[];
  #found: string | undefined;

  constructor(folder: string, files: readonly Watched[]) {
    this.#folder = folder;
    this.#files = files;
    this.#names = namesIn(folder);
    this.#traces = this.#look(() => true);
  }

  /** What somebody else did to the files since the last look, or before; undefined where it was nothing. */
  changed(): string | undefined {
    const moved = this.#haveNamesMoved();
    const now = this.#look((file) => moved || !file.ending);
    return this.#first(({ ending }, i) => {
      const found = ending
        ? now[i] && difference(ending().place, now[i], isOnlyName)
        : difference(this.#traces[i]!, now[i]!, isSame);
      return found ?? (ending && misread(ending()));
    });
  }

  /** What `changed` finds and `renew` would not, before this process writes to a file with an ending. */
  misread(): string | undefined {
    return this.#first(({ ending }) => ending && misread(ending()));
  }

  /**
   * What somebody else did, now that this process has written to files with an ending, or, if `all`, to each: what it
   * did itself is of no interest.
   */
  renew(all: boolean): string | undefined {
    const moved = this.#haveNamesMoved();
    const now = this.#look((file) => moved || !file.ending);
    const found = this.#first(({ ending }, i) =>
      ending
        ? now[i] && difference(ending().place, now[i], isOnlyName)
        : difference(this.#traces[i]!, now[i]!, all ? isSameFile : isSame),
    );
    this.#traces = now;
    return found;
  }

  /** Whether a name may lead elsewhere than at the last look. Comes before a look, so that it misses nothing. */
  #haveNamesMoved(): boolean {
    const before = this.#names;
    this.#names = namesIn(this.#folder);
    return !before.settled || difference(before.seen, this.#names.seen, isUntouched) !== undefined;
  }

  #look(at: (file: Watched) => boolean): (Seen | undefined)[] {
    return this.#files.map((file) => (at(file) ? look(file.path) : undefined));
  }

  /** What is found once stays found: a second look may have nothing to compare with. */
  #first(differenceAt: (file: Watched, i: number) => string | undefined): string | undefined {
    for (const [i, file] of this.#files.entries()) {
      const found = differenceAt(file, i);
      if (found !== undefined) this.#found ??= `${basename(file.path)} was ${found}`;
    }
    return this.#found;
  }
}

/** What a look at a name found: a file, or why there is none. */
type Seen = Trace | string;

/** A look at a folder. */
interface Names {
  readonly seen: Seen;
  /** Whether a later change would show: clocks of file systems tick, and what happens in one tick looks alike. */
  readonly settled: boolean;
}

/** Milliseconds, and more than there are between two: some file systems keep every second second, others finer ones. */
const tickOf = ({ ctimeMs }: Trace): number => (ctimeMs % 1000 === 0 ? 2_500 : 100);

function namesIn(folder: string): Names {
  const now = Date.now();
  const seen = look(folder);
  return { seen, settled: typeof seen !== "string" && now - seen.ctimeMs > tickOf(seen) };
}

function look(path: string): Seen {
  return reaching(() => statSync(path));
}

function reaching<T>(work: () => T): T | string {
  try {
    return work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT" ? "deleted" : `out of reach (${code})`;
  }
}

/** What is wrong with a file that should end as it was written; undefined where it does. */
function misread({ file, line, position }: Ending): string | undefined {
  const bytes = new Uint8Array(line.length + 1);
  const length = reaching(() => readSync(file, bytes, 0, bytes.length, position));
  if (typeof length === "string") return length;
  const isWhole = length >= line.length && equalBytes(bytes.subarray(0, line.length), line);
  return isWhole && bytes[line.length] === 0 ? undefined : "changed";
}

function difference<T extends Place>(
  before: T | string,
  now: Seen,
  isUnchanged: (before: T, now: Trace) => boolean,
): string | undefined {
  if (typeof now === "string") return now;
  if (typeof before === "string") return "replaced";
  if (isUnchanged(before, now)) return undefined;
  return isSameFile(before, now) ? "changed" : "replaced";
}

const isSameFile = (a: Place, b: Place): boolean => a.dev === b.dev && a.ino === b.ino;

const isOnlyName = (a: Place, b: Trace): boolean => isSameFile(a, b) && b.nlink === 1;

const isSame = (a: Trace, b: Trace): boolean =>
  isSameFile(a, b) && a.size === b.size && a.mtimeMs === b.mtimeMs && a.nlink === b.nlink;

/** What was put back to an earlier time was touched too. */
const isUntouched = (a: Trace, b: Trace): boolean => isSame(a, b) && a.ctimeMs === b.ctimeMs;
