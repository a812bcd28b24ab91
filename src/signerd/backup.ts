import { readdirSync, realpathSync, rmdirSync, rmSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { isAbsolute, join, relative, resolve } from "node:path";
import { setImmediate as pause } from "node:timers/promises";
import { TapstakeError } from "../core/errors.js";
import type { Home } from "../finality/home.js";
import { attempt, makePrivateFolder, writePrivateParts } from "../finality/private-files.js";
import { interchangeText } from "../finality/protection/export.js";
import type { Protection } from "../finality/protection/protection.js";

/** The copies that are kept: each contains all that older ones do, and callers must not fill the disk with them. */
const KEPT = 10;

/** The space left on the disk for votes: a tenth of the disk, or 1 GiB if that is less. */
const leastFree = (size: number): number => Math.min(size / 10, 2 ** 30);

/** Copies of all votes for callers. One copy is written at a time; votes do not wait for it. */
export class Backups {
  readonly #root: string;
  #isWriting = false;

  constructor(
    private readonly home: Home,
    private readonly protection: Protection,
  ) {
    this.#root = join(home.path, "backups");
  }

  /**
   * Writes a copy, whole or not at all, and removes the oldest of those above {@link KEPT}. Returns its name.
   * @param where the folder and database that the caller names
   * @param cancelled whether the caller no longer waits for it
   * @throws TapstakeError `backup-running`, `disk-nearly-full`, `signer-stopping`, and the codes of
   * {@link backupTarget} and of the store
   */
  async write(where: { database: string; folder: string }, cancelled: () => boolean): Promise<string> {
    if (this.#isWriting) {
      throw new TapstakeError("backup-running", "a copy is being written: ask again when it is there");
    }
    this.#isWriting = true;
    try {
      // Checked before a folder is made.
      await this.#mustHaveRoom();
      const { name, path } = backupTarget(this.home, where);
      try {
        if (!(await writePrivateParts(path, this.#parts(cancelled)))) {
          throw new TapstakeError("file-error", `${path} is there already`, { path });
        }
      } finally {
        attempt("clean up", this.#root, () => this.#cleanUp());
      }
      return name;
    } finally {
      this.#isWriting = false;
    }
  }

  async *#parts(cancelled: () => boolean): AsyncGenerator<string, void> {
    for (const part of interchangeText(this.protection)) {
      yield part;
      await pause();
      if (cancelled()) {
        throw new TapstakeError(
          "signer-stopping",
          "tapstake gave up the copy: its caller no longer waits for it",
        );
      }
      await this.#mustHaveRoom();
    }
  }

  async #mustHaveRoom(): Promise<void> {
    const { bavail, blocks, bsize } = await statfs(this.home.path);
    if (bavail * bsize >= leastFree(blocks * bsize)) return;
    throw new TapstakeError(
      "disk-nearly-full",
      `no copy is written, as the disk of ${this.home.path} is nearly full and the votes need what is left of it`,
    );
  }

  /** Removes old copies, the remains of a killed copy, and empty folders. */
  #cleanUp(): void {
    const entries = readdirSync(this.#root, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    const copies = files.filter(({ name }) => COPY.test(name)).sort((a, b) => (a.name < b.name ? 1 : -1));
    for (const { name, parentPath } of [
      ...copies.slice(KEPT),
      ...files.filter((file) => UNFINISHED.test(file.name)),
    ]) {
      rmSync(join(parentPath, name), { force: true });
    }
    const folders = entries.filter((entry) => entry.isDirectory());
    for (const { name, parentPath } of folders.toReversed()) removeEmpty(join(parentPath, name));
  }
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // The folder is not empty.
  }
}

const COPY = /^protection-\d{4}-[\dTZ-]+\.json$/;
const UNFINISHED = /^\.protection-\d{4}-[\dTZ-]+\.json\.\d+\.[0-9a-f]{12}\.tmp$/;

/**
 * Where a copy of all votes goes. The copy is an interchange file, as importing it merges and never lowers a watermark.
 * A copy of the store's own file could only be put back as an older store, and the signer refuses that.
 *
 * Callers are not trusted with the file system: the store is the one of this home, and the copy goes to the home's
 * `backups` folder, or to a folder below it.
 * @throws TapstakeError `not-permitted`, `insecure-permissions`, `file-error`
 */
function backupTarget(
  home: Home,
  { database, folder }: { database: string; folder: string },
  now: Date = new Date(),
): { name: string; path: string } {
  if (database !== "" && resolve(home.path, database) !== home.protectionFile) {
    throw new TapstakeError(
      "not-permitted",
      "db_path: only this home's own store is backed up; leave it empty",
    );
  }
  const root = join(home.path, "backups");
  const target = resolve(root, folder);
  if (!isWithin(root, target)) {
    throw new TapstakeError(
      "not-permitted",
      "backup_dir: copies are written below the backups folder of the signer's home only; leave it empty",
    );
  }
  makePrivateFolder(root);
  makePrivateFolder(target);
  // A link in the home must not lead out of it.
  if (!isWithin(realpathSync(root), realpathSync(target))) {
    throw new TapstakeError("not-permitted", "backup_dir: a symbolic link leads out of the backups folder");
  }
  const name = `protection-${now.toISOString().replace(/[:.]/g, "-")}.json`;
  return { name, path: join(target, name) };
}

function isWithin(root: string, path: string): boolean {
  const way = relative(root, path);
  return way !== ".." && !way.startsWith("../") && !isAbsolute(way);
}
