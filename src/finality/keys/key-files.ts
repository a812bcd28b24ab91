import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { describeType, TapstakeError } from "../../core/errors.js";
import type { Home } from "../home.js";
import { readPrivateFile } from "../private-files.js";
import { type KeyFile, parseKeyFile } from "./keyfile.js";

/** A key whose file cannot be used until it is repaired. */
export interface DamagedKey {
  readonly name: string;
  /** `invalid-key-file`, `unknown-version`, `insecure-permissions` or `file-error`, and what to do about it. */
  readonly error: TapstakeError;
}

const MAX_FILE_BYTES = 1 << 14;
const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const PUBLIC_KEY = /^[0-9a-fA-F]{64}$/;
const EXTENSION = ".json";

/** The path of the key file for a name, whether it exists or not. */
export const pathOf = (home: Home, name: string) => join(home.keysFolder, `${name}${EXTENSION}`);

/**
 * The file of one key, by its name or its public key in hexadecimal.
 * @throws TapstakeError `key-not-found`, `invalid-key-name`, and the codes of {@link DamagedKey}
 */
export function findKey(home: Home, nameOrPublicKey: string): KeyFile {
  if (typeof nameOrPublicKey === "string" && PUBLIC_KEY.test(nameOrPublicKey)) {
    return findPublicKey(home, nameOrPublicKey.toLowerCase());
  }
  checkName(nameOrPublicKey);
  const file = readKey(home, nameOrPublicKey);
  if (file) return file;
  const names = namesIn(home);
  const known = names.length === 0 ? "there are none" : `there are ${names.join(", ")}`;
  throw new TapstakeError("key-not-found", `no key ${nameOrPublicKey} in ${home.keysFolder}: ${known}`, {
    name: nameOrPublicKey,
  });
}

function findPublicKey(home: Home, publicKey: string): KeyFile {
  const { files, damaged } = readKeys(home);
  const file = files.find((each) => each.publicKey === publicKey);
  if (file) return file;
  const others = damaged.map(({ name, error }) => `${name} (${error.code})`).join(", ");
  const unless = others === "" ? "" : `, unless it is one that cannot be read: ${others}`;
  // The given text is not shown: it may be a secret, pasted by mistake.
  throw new TapstakeError("key-not-found", `no key in ${home.keysFolder} has this public key${unless}`);
}

/** Every key file that can be read, by the name of its key, and those that cannot be read. */
export function readKeys(home: Home): { files: KeyFile[]; damaged: DamagedKey[] } {
  const files: KeyFile[] = [];
  const damaged: DamagedKey[] = [];
  for (const name of namesIn(home)) {
    try {
      const file = readKey(home, name);
      if (file) files.push(file);
    } catch (error) {
      if (!(error instanceof TapstakeError)) throw error;
      damaged.push({ name, error });
    }
  }
  return { files, damaged };
}

function readKey(home: Home, name: string): KeyFile | undefined {
  const path = pathOf(home, name);
  const content = readPrivateFile(path, MAX_FILE_BYTES);
  if (content === undefined) return undefined;
  const file = parseKeyFile(content, path);
  if (file.name !== name) {
    throw new TapstakeError(
      "invalid-key-file",
      `${path} holds key ${JSON.stringify(file.name)}: a key's file cannot be renamed; give it its name back`,
      { path },
    );
  }
  return file;
}

/** @throws TapstakeError `file-error` */
export function namesIn(home: Home): string[] {
  try {
    return readdirSync(home.keysFolder)
      .filter((file) => file.endsWith(EXTENSION))
      .map((file) => basename(file, EXTENSION))
      .filter((name) => NAME.test(name) && !PUBLIC_KEY.test(name))
      .sort();
  } catch (cause) {
    const { code = "unknown error" } = cause as NodeJS.ErrnoException;
    const path = home.keysFolder;
    throw new TapstakeError("file-error", `cannot read ${path}: ${code}`, { path, code }, { cause });
  }
}

/**
 * Checks the name of a key. The error shows one character of a wrong name at most: the user may have typed a secret in
 * its place.
 * @throws TapstakeError `invalid-key-name`
 */
export function checkName(name: string): void {
  if (typeof name !== "string") {
    throw new TapstakeError("invalid-key-name", `the key name must be text, not ${describeType(name)}`);
  }
  if (PUBLIC_KEY.test(name)) {
    throw new TapstakeError(
      "invalid-key-name",
      "the key name must not be 64 hexadecimal digits, which mean a public key",
    );
  }
  if (!NAME.test(name)) {
    throw new TapstakeError(
      "invalid-key-name",
      `the key name must be 1 to 64 of a-z, 0-9, ".", "_" and "-", the first a letter or digit; it has ${faultOf(name)}`,
    );
  }
}

function faultOf(name: string): string {
  const characters = [...name];
  const bad = characters.findIndex((each, i) => !(i === 0 ? /[a-z0-9]/ : /[a-z0-9._-]/).test(each));
  return bad === -1
    ? `${characters.length} characters`
    : `${JSON.stringify(characters[bad])} as character ${bad + 1}`;
}
