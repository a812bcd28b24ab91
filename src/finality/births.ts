import { lstatSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { hex } from "../core/bytes.js";
import { assertPublicKey } from "../core/keys.js";
import type { Home } from "./home.js";
import { makePrivateFolder, writePrivateFile } from "./private-files.js";

/**
 * Notes that a key was generated in this home, just now, so that it cannot have signed before: at its first vote it
 * needs no `protection init`. The note is apart from the key's file, and the store takes it over when it is opened
 * next: a key file alone, restored from a backup, does not pass for a new key.
 * @throws TapstakeError `invalid-public-key`, `file-error`
 */
export function recordBirth(home: Home, publicKey: Uint8Array): void {
  assertPublicKey(publicKey, "public key");
  makePrivateFolder(folderOf(home));
  writePrivateFile(pathOf(home, publicKey), new Uint8Array(), "replace");
}

/** Whether the note of a key's birth is still there. */
export function hasBirth(home: Home, publicKey: Uint8Array): boolean {
  return lstatSync(pathOf(home, publicKey), { throwIfNoEntry: false })?.isFile() ?? false;
}

/** The keys whose notes the store has not taken over. */
export function listBirths(home: Home): Uint8Array[] {
  if (!lstatSync(folderOf(home), { throwIfNoEntry: false })) return [];
  return readdirSync(folderOf(home))
    .filter((name) => /^[0-9a-f]{64}$/.test(name))
    .map((name) => hex.decode(name));
}

export function removeBirth(home: Home, publicKey: Uint8Array): void {
  rmSync(pathOf(home, publicKey), { force: true });
}

const folderOf = (home: Home) => join(home.path, "newborn");
const pathOf = (home: Home, publicKey: Uint8Array) => join(folderOf(home), hex.encode(publicKey));
