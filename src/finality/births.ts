import { lstatSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { hex } from "../core/bytes.js";
import { assertPublicKey } from "../core/keys.js";
import type { Home } from "./home.js";
import { makePrivateFolder, removePrivateFile, writePrivateFile } from "./private-files.js";

/**
 * Notes that a key was generated in this home, just now, so that it cannot have signed before: at its first vote it
 * needs no `protection init`. The note is apart from the key's file and names this very folder, and the store takes
 * it over when it is opened next: a key file alone, or a home, restored from a backup does not pass for a new one.
 * @throws TapstakeError `invalid-public-key`, `file-error`
 */
export function recordBirth(home: Home, publicKey: Uint8Array): void {
  assertPublicKey(publicKey, "public key");
  makePrivateFolder(folderOf(home));
  writePrivateFile(pathOf(home, publicKey), Buffer.from(placeOf(home)), "replace");
}

/** Whether a valid note of this key's birth is still there. */
export function hasBirth(home: Home, publicKey: Uint8Array): boolean {
  const path = pathOf(home, publicKey);
  return (
    (lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false) &&
    readFileSync(path, "utf8") === placeOf(home)
  );
}

/** The keys with valid notes that the store has not taken over. */
export function listBirths(home: Home): Uint8Array[] {
  if (!lstatSync(folderOf(home), { throwIfNoEntry: false })) return [];
  return readdirSync(folderOf(home))
    .filter((name) => /^[0-9a-f]{64}$/.test(name))
    .map((name) => hex.decode(name))
    .filter((publicKey) => hasBirth(home, publicKey));
}

/** Removes a note, durably. */
export function removeBirth(home: Home, publicKey: Uint8Array): void {
  removePrivateFile(pathOf(home, publicKey));
}

const folderOf = (home: Home) => join(home.path, "newborn");
const pathOf = (home: Home, publicKey: Uint8Array) => join(folderOf(home), hex.encode(publicKey));

/** What a copy of the folder, elsewhere or later, does not have. */
function placeOf(home: Home): string {
  const { ino, birthtimeNs } = statSync(folderOf(home), { bigint: true });
  return `${ino} ${birthtimeNs}\n`;
}
