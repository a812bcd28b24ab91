import { type BigIntStats, lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { hex, utf8 } from "../core/bytes.js";
import { assertPublicKey } from "../core/keys.js";
import type { Home } from "./home.js";
import { makePrivateFolder, removePrivateFile, writePrivateFile } from "./private-files.js";

/**
 * Notes that a key was generated in this home, just now, so that it cannot have signed before: at its first vote it
 * needs no `protection init`. The note is apart from the key's file and names its own place on the disk, and the store
 * takes it over when it is opened next: a key or a home that was copied, or copied back, does not pass for a new one.
 * @throws TapstakeError `invalid-public-key`, `file-error`
 */
export function recordBirth(home: Home, publicKey: Uint8Array): void {
  assertPublicKey(publicKey, "public key");
  makePrivateFolder(folderOf(home));
  writePrivateFile(pathOf(home, publicKey), (file) => utf8(placeOf(file)), "replace");
}

/** Whether a valid note of this key's birth is still there. */
export function hasBirth(home: Home, publicKey: Uint8Array): boolean {
  const path = pathOf(home, publicKey);
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  // Where files have no time of birth, another one may get the same place.
  if (!stats?.isFile() || stats.birthtimeNs === 0n) return false;
  return readFileSync(path, "utf8") === placeOf(stats);
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

/** What a copy of the file, elsewhere or later, does not have. */
const placeOf = ({ ino, birthtimeNs }: BigIntStats): string => `${ino} ${birthtimeNs}\n`;
