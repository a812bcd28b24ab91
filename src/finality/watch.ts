import { statSync } from "node:fs";
import { basename } from "node:path";

/** What tells a file from every other one. */
export interface Place {
  readonly dev: number;
  readonly ino: number;
}

/** What also tells it from itself after a change. */
interface Trace extends Place {
  readonly size: number;
  readonly mtimeMs: number;
  /** Another name is another home, perhaps. */
  readonly nlink: number;
}

interface Watched {
  readonly path: string;
  /** Where the file is that this process writes to, when it may write it anew. */
  readonly place?: () => Place;
}

/**
 * Watches files that only this process writes: whoever replaces, changes or deletes one of them while it is open takes
 * what is written next away with it.
 */
export class FileWatch {
  readonly #files: readonly Watched[];
  #traces: readonly Seen[];

  constructor(files: readonly Watched[]) {
    this.#files = files;
    this.#traces = this.#look();
  }

  /** What somebody else did to the files since the last look; undefined where it was nothing. */
  changed(): string | undefined {
    const now = this.#look();
    return this.#first((i) => difference(this.#traces[i]!, now[i]!, isSame));
  }

  /** Looks after this process has written: what it did itself is of no interest. */
  renew(): string | undefined {
    const now = this.#look();
    const found = this.#first((i) =>
      difference(this.#files[i]!.place?.() ?? this.#traces[i]!, now[i]!, isSameFile),
    );
    this.#traces = now;
    return found;
  }

  #look(): Seen[] {
    return this.#files.map(({ path }) => look(path));
  }

  #first(differenceAt: (i: number) => string | undefined): string | undefined {
    for (const [i, { path }] of this.#files.entries()) {
      const found = differenceAt(i);
      if (found !== undefined) return `${basename(path)} was ${found}`;
    }
    return undefined;
  }
}

/** What a look at a name found: a file, or why there is none. */
type Seen = Trace | string;

function look(path: string): Seen {
  try {
    return statSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT" ? "deleted" : `out of reach (${code})`;
  }
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

const isSame = (a: Trace, b: Trace): boolean =>
  isSameFile(a, b) && a.size === b.size && a.mtimeMs === b.mtimeMs && a.nlink === b.nlink;
