import { realpathSync } from "node:fs";
import { isAbsolute, join, relative, resolve } from "node:path";
import { TapstakeError } from "../core/errors.js";
import type { Home } from "../finality/home.js";
import { makePrivateFolder } from "../finality/private-files.js";

/**
 * Where a copy of the votes' history goes: the interchange form, as importing it merges and never lowers a mark,
 * while a copy of the store's own file could only ever be put back as an older one, which is refused. Callers are not
 * trusted with the file system: the store is the one of this home, and the copy lands in the home's `backups` folder,
 * or in a folder below it.
 * @throws TapstakeError `not-permitted`, `insecure-permissions`, `file-error`
 */
export function backupTarget(
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
  // A link that someone put there must not lead out of it.
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
