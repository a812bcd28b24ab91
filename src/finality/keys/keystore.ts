import { existsSync } from "node:fs";
import { inspect } from "node:util";
import { equalBytes, hex } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import { publicKeyOf } from "../../core/keys.js";
import { randomness } from "../../crypto/randomness.js";
import type { Home } from "../home.js";
import { removePrivateFile, writePrivateFile } from "../private-files.js";
import { lockHome } from "../protection/lock.js";
import { lockKey, storeIdFor } from "../protection/protection.js";
import { checkName, type DamagedKey, findKey, namesIn, pathOf, readKeys } from "./key-files.js";
import {
  assertNewPassphrase,
  checkDerivationVersion,
  costToKeep,
  type KeyFile,
  openKey,
  openKeyAsync,
  type Passphrase,
  type ScryptCost,
  sealKey,
} from "./keyfile.js";
import { checkPath } from "./mnemonic.js";

export type { DamagedKey } from "./key-files.js";

/** The public data of a key. */
export interface KeyInfo {
  readonly name: string;
  /** X-only EOTS key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** ISO 8601. */
  readonly createdAt: string;
  /** An imported key may have signed elsewhere. */
  readonly origin: "generated" | "imported";
  /** The version of its randomness derivation: see `randomness.derivationVersion`. */
  readonly derivationVersion: 1;
  /** The BIP-32 path, if the key came from a mnemonic. */
  readonly path?: string;
  /**
   * The store of votes that the key was generated for: there, its first commitment on a chain begins its votes. Any
   * other store waits for `protection init`.
   */
  readonly store?: string;
  /** The arbiter that each vote of the key is claimed from, as {@link bindKey} set it. */
  readonly arbiter?: string;
}

/** A key that can sign. Its secret is not an enumerable property, and neither JSON nor `util.inspect` shows it. */
export interface UnlockedKey extends KeyInfo {
  /** 32 bytes: the key's own, not a copy. Throws `invalid-secret-key` after {@link UnlockedKey.wipe}. */
  readonly secretKey: Uint8Array;
  /** Overwrites the secret with zeroes. */
  wipe(): void;
}

/** A key that was just made. */
export interface NewKey {
  /** Lower-case letters, digits, `.`, `_` and `-`, at most 64; the first is a letter or digit. */
  readonly name: string;
  readonly passphrase: Passphrase;
  /** 32 bytes; the caller must wipe its own copy. */
  readonly secretKey: Uint8Array;
  /** `generated` means that its secret was drawn just now, so that it has never signed. */
  readonly origin: KeyInfo["origin"];
  readonly path?: string | undefined;
  /** The derivation version of the tool that the key comes from; 1, the only one known, by default. */
  readonly derivationVersion?: number | undefined;
  /** 2^17, 8, 1 by default. */
  readonly scrypt?: ScryptCost | undefined;
}

/** The keys of a home, by name. Their data is authentic only after they are unlocked. */
export interface KeyList {
  readonly keys: readonly KeyInfo[];
  /** The keys whose files cannot be used; the others still can. */
  readonly damaged: readonly DamagedKey[];
}

/**
 * Reads the keys of a home from their files, and unlocks none.
 * @throws TapstakeError `file-error` if the folder cannot be read
 */
export function listKeys(home: Home): KeyList {
  const { files, damaged } = readKeys(home);
  return { keys: files.map(infoOf), damaged };
}

/**
 * One key, by its name or its public key in hexadecimal.
 * @throws TapstakeError `key-not-found`, `invalid-key-name`, and the codes of {@link DamagedKey}
 */
export function showKey(home: Home, nameOrPublicKey: string): KeyInfo {
  return infoOf(findKey(home, nameOrPublicKey));
}

/**
 * Writes a new key, encrypted. When it returns, the file is on the disk; after a crash, the whole file or no file is
 * there. The passphrase must have 8 characters or more.
 * @throws TapstakeError `key-exists` for a name or key that is there; `invalid-key-name`, `invalid-secret-key`,
 * `invalid-passphrase`, `invalid-path`, `unknown-version` (derivation), `file-error`
 */
export function createKey(home: Home, key: NewKey): KeyInfo {
  const { name, passphrase, secretKey, origin, path, scrypt } = key;
  const { derivationVersion = randomness.derivationVersion } = key;
  checkNewName(home, name);
  checkDerivationVersion(derivationVersion);
  assertNewPassphrase(passphrase);
  if (path !== undefined) checkPath(path);
  const publicKey = publicKeyOf(secretKey);
  checkNewKey(home, name, publicKey);
  const header = {
    name,
    publicKey: hex.encode(publicKey),
    origin,
    derivationVersion,
    createdAt: new Date().toISOString(),
    ...(path !== undefined && { path }),
    ...(origin === "generated" && storeOf(home)),
  };
  const content = sealKey(header, secretKey, passphrase, scrypt);
  // Before the key is there: what this home remembers of the key may be older than votes made elsewhere.
  if (origin === "imported") lockKey(home, publicKey);
  if (!writePrivateFile(pathOf(home, name), content, "create")) throw nameTaken(name);
  try {
    // If two processes bring in one key under two names at once, at least one of them must see the other and fail.
    checkNewKey(home, name, publicKey);
  } catch (error) {
    // If the key is refused, the caller has not seen its words yet.
    removePrivateFile(pathOf(home, name));
    throw error;
  }
  return { ...header, publicKey };
}

/**
 * Checks a new name before the user is asked for anything else.
 * @throws TapstakeError `invalid-key-name`, or `key-exists` if the home has a key of this name
 */
export function checkNewName(home: Home, name: string): void {
  checkName(name);
  // There may be no home yet.
  if (existsSync(home.keysFolder) && namesIn(home).includes(name)) throw nameTaken(name);
}

/**
 * The key with its secret, which the caller must wipe after use.
 * @param nameOrPublicKey the key's name, or its public key in hexadecimal
 * @throws TapstakeError `wrong-passphrase`, and as {@link showKey}
 */
export function unlockKey(home: Home, nameOrPublicKey: string, passphrase: Passphrase): UnlockedKey {
  const file = findKey(home, nameOrPublicKey);
  return unlocked(home, file, openKey(file, passphrase));
}

/** {@link unlockKey} without blocking the process for the third of a second that it takes. */
export async function unlockKeyAsync(
  home: Home,
  nameOrPublicKey: string,
  passphrase: Passphrase,
): Promise<UnlockedKey> {
  const file = findKey(home, nameOrPublicKey);
  return unlocked(home, file, await openKeyAsync(file, passphrase));
}

/**
 * Encrypts a key anew; its randomness and the rest of it do not change.
 * @param next.scrypt may lower the cost; by default the cost stays, or rises to 2^17, 8, 1
 * @throws TapstakeError as {@link unlockKey}
 */
export function changePassphrase(
  home: Home,
  name: string,
  passphrase: Passphrase,
  next: { readonly passphrase: Passphrase; readonly scrypt?: ScryptCost | undefined },
): KeyInfo & { readonly scrypt: ScryptCost } {
  const file = findKey(home, name);
  const { scrypt = costToKeep(file.kdf) } = next;
  const key = unlocked(home, file, openKey(file, passphrase));
  try {
    assertNewPassphrase(next.passphrase);
    const { version: _, kdf: __, cipher: ___, ...header } = file;
    const content = sealKey(header, key.secretKey, next.passphrase, scrypt);
    writePrivateFile(pathOf(home, file.name), content, "replace");
  } finally {
    key.wipe();
  }
  return { ...infoOf(file), scrypt };
}

/**
 * Binds a key to the arbiter that its home is enrolled with: from then on, it votes only through that arbiter. Earlier
 * releases refuse the file.
 * @param arbiter the content of the arbiter's store key
 * @throws TapstakeError as {@link unlockKey}
 */
export function bindKey(home: Home, name: string, passphrase: Passphrase, arbiter: string): KeyInfo {
  const file = findKey(home, name);
  const key = unlocked(home, file, openKey(file, passphrase));
  try {
    const { version: _, kdf, cipher: __, ...header } = file;
    const { n, r, p } = kdf;
    const content = sealKey({ ...header, arbiter }, key.secretKey, passphrase, { n, r, p });
    writePrivateFile(pathOf(home, file.name), content, "replace");
  } finally {
    key.wipe();
  }
  return { ...infoOf(file), arbiter };
}

/**
 * Removes a key's file. The home keeps its memory of the key's votes, and locks the key if the file comes back. A
 * running signer may have the key open, and would go on voting with it: stop it first.
 * @param passphrase null deletes without proof that the caller could have used the key
 * @throws TapstakeError `signer-running`, and as `unlockKey`
 */
export function deleteKey(home: Home, nameOrPublicKey: string, passphrase: Passphrase | null): KeyInfo {
  const { name } = showKey(home, nameOrPublicKey);
  const lock = lockHome(home);
  try {
    // Checked again: another process may have put another key there meanwhile.
    const key = showKey(home, name);
    if (passphrase !== null) unlockKey(home, key.name, passphrase).wipe();
    // First: a copy of the file may vote elsewhere, and come back.
    lockKey(home, key.publicKey, lock);
    removePrivateFile(pathOf(home, key.name));
    return key;
  } finally {
    lock.release();
  }
}

class Unlocked implements UnlockedKey {
  declare readonly name: string;
  declare readonly publicKey: Uint8Array;
  declare readonly createdAt: string;
  declare readonly origin: KeyInfo["origin"];
  declare readonly derivationVersion: 1;
  declare readonly path?: string;
  declare readonly store?: string;
  declare readonly arbiter?: string;
  readonly #secret: Uint8Array;
  #wiped = false;

  constructor(info: KeyInfo, secret: Uint8Array) {
    Object.assign(this, info);
    this.#secret = secret;
  }

  get secretKey(): Uint8Array {
    if (this.#wiped) throw new TapstakeError("invalid-secret-key", `key ${this.name} is locked again`);
    return this.#secret;
  }

  wipe(): void {
    this.#secret.fill(0);
    this.#wiped = true;
  }

  /** By default, `util.inspect` can call getters, and would show the secret. */
  [inspect.custom](): KeyInfo {
    return { ...this };
  }
}

function unlocked(home: Home, file: KeyFile, secret: Uint8Array): UnlockedKey {
  const info = infoOf(file);
  if (!equalBytes(publicKeyOf(secret), info.publicKey)) {
    secret.fill(0);
    const path = pathOf(home, file.name);
    const text = `${path} holds the secret of another key than it names`;
    throw new TapstakeError("invalid-key-file", text, { path });
  }
  return new Unlocked(info, secret);
}

function checkNewKey(home: Home, name: string, publicKey: Uint8Array): void {
  const twin = listKeys(home).keys.find(
    (each) => each.name !== name && equalBytes(each.publicKey, publicKey),
  );
  if (twin) {
    const text = `key ${hex.encode(publicKey)} is here already, under the name ${twin.name}`;
    throw new TapstakeError("key-exists", text, { name: twin.name, publicKey: hex.encode(publicKey) });
  }
}

function nameTaken(name: string): TapstakeError {
  const text = `there is a key ${name} already: choose another name; a key is never overwritten`;
  return new TapstakeError("key-exists", text, { name });
}

/** The store that a key is made for, if one can be opened: without it, the key begins by `init` alone. */
function storeOf(home: Home): { store?: string } {
  const store = storeIdFor(home);
  return store === undefined ? {} : { store };
}

function infoOf(file: KeyFile): KeyInfo {
  const { name, publicKey, createdAt, origin, derivationVersion, path, store, arbiter } = file;
  return {
    name,
    publicKey: hex.decode(publicKey),
    createdAt,
    origin,
    derivationVersion,
    ...(path !== undefined && { path }),
    ...(store !== undefined && { store }),
    ...(arbiter !== undefined && { arbiter }),
  };
}
