import { type BigIntStats, lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { hex, utf8 } from "../../core/bytes.js";
import { assertPublicKey } from "../../core/keys.js";
import type { Home } from "../home.js";
import {
  attempt,
  erasePrivateFile,
  makePrivateFolder,
  removePrivateFile,
  writePrivateFile,
} from "../private-files.js";
import type { KeyChainState } from "../protection/key-chain.js";
import type { Tables } from "../protection/tables.js";

/** What a home notes of a key until the store takes it over: where its secret came from, or that it left. */
type Provenance = "generated" | "imported" | "exported";

/**
 * Notes that a key was generated in this home just now, so it cannot have signed before. At its first vote it needs no
 * `protection init`.
 *
 * The note is apart from the key's file and names its own place on the disk; the first vote ends it. So a copied key or
 * home, or one copied back, does not count as new.
 * @throws TapstakeError `invalid-public-key`, `file-error`
 */
export function recordGenerated(home: Home, publicKey: Uint8Array): void {
  write(home, publicKey, placeOf);
}

/**
 * Notes that a key came from elsewhere, or went there. This home does not know what it signed meanwhile. The store
 * locks the key on all chains as soon as it reads the note.
 * @throws TapstakeError `invalid-public-key`, `file-error`
 */
export function recordImported(home: Home, publicKey: Uint8Array): void {
  assertPublicKey(publicKey, "public key");
  // A backup may have given the note `generated` another name, under which it would stay valid: erase it first.
  if (hasGenerated(home, publicKey)) removeNote(home, publicKey);
  write(home, publicKey, () => IMPORTED);
}

/**
 * Notes that the secret of a key left this home. The key is no longer new, as it may sign elsewhere before it votes
 * here. Chains on which it votes already go on.
 * @throws TapstakeError `invalid-public-key`, `file-error`
 */
export function recordExported(home: Home, publicKey: Uint8Array): void {
  const path = pathOf(home, publicKey);
  attempt("write", path, () => {
    do {
      const noted = provenanceOf(home, publicKey);
      // The note `imported` says more: it stays, even if it is written at this very moment.
      if (noted === "imported" || noted === "exported") return;
      if (lstatSync(path, { throwIfNoEntry: false })) removeNote(home, publicKey);
    } while (!write(home, publicKey, () => EXPORTED, "create"));
  });
}

/** Whether there is a valid note that the key was generated here. */
function hasGenerated(home: Home, publicKey: Uint8Array): boolean {
  const place = placeOfFile(pathOf(home, publicKey));
  return place !== undefined && textOf(home, publicKey) === place;
}

/** What the note of a key says; undefined if there is no valid note. */
function provenanceOf(home: Home, publicKey: Uint8Array): Provenance | undefined {
  if (!lstatSync(pathOf(home, publicKey), { throwIfNoEntry: false })) return undefined;
  if (hasImported(home, publicKey)) return "imported";
  if (textOf(home, publicKey) === EXPORTED) return "exported";
  return hasGenerated(home, publicKey) ? "generated" : undefined;
}

/** Whether a note says that this key was elsewhere. A note that cannot be understood counts as one. */
function hasImported(home: Home, publicKey: Uint8Array): boolean {
  const stats = lstatSync(pathOf(home, publicKey), { throwIfNoEntry: false });
  if (!stats?.isFile()) return stats !== undefined;
  const text = textOf(home, publicKey);
  return text !== "" && text !== EXPORTED && !PLACE.test(text);
}

/**
 * Identifies where a file is on the disk: each copy has another place. Undefined if there is no file, or the disk does
 * not tell.
 */
function placeOfFile(path: string): string | undefined {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  // If files have no birth time, another file may get the same place.
  return stats?.isFile() && stats.birthtimeNs !== 0n ? placeOf(stats) : undefined;
}

/** The keys whose notes say this. */
function keysNoted(home: Home, noted: Provenance): Uint8Array[] {
  if (!lstatSync(folderOf(home), { throwIfNoEntry: false })) return [];
  return readdirSync(folderOf(home))
    .filter((name) => /^[0-9a-f]{64}$/.test(name))
    .map((name) => hex.decode(name))
    .filter((publicKey) => provenanceOf(home, publicKey) === noted);
}

/**
 * Ends a note, durably. For `generated` it ends the note under every name that a backup may have given it.
 * @throws TapstakeError `file-error`
 */
function removeNote(home: Home, publicKey: Uint8Array): void {
  const path = pathOf(home, publicKey);
  if (hasImported(home, publicKey)) removePrivateFile(path);
  else erasePrivateFile(path);
}

/** What notes may do to a store. */
interface StoreAccess {
  /** Changes the store in one transaction. */
  readonly write: (touched: readonly KeyChainState[], change: () => void) => void;
  /** Reads or ends notes: if that fails, their content is unknown. */
  readonly careful: <T>(work: () => T) => T;
}

/** What the notes of keys mean for a store: see `recordGenerated`, `recordImported` and `recordExported`. */
export class KeyProvenance {
  constructor(
    private readonly home: Home,
    private readonly tables: Tables,
    private readonly store: StoreAccess,
  ) {}

  /** Takes over the note of a key. */
  apply(key: Uint8Array): void {
    const noted = this.store.careful(() => provenanceOf(this.home, key));
    if (noted === "imported") this.#lock([key]);
    if (noted === "exported") this.#endGenerated([key]);
    if (noted === "generated") this.#takeOver(key);
  }

  /** Takes over the notes of imported and exported keys; those of generated keys wait for the first vote. */
  applyAll(): void {
    const keys = (noted: Provenance) => this.store.careful(() => keysNoted(this.home, noted));
    const [imported, exported] = [keys("imported"), keys("exported")];
    if (imported.length > 0) this.#lock(imported);
    if (exported.length > 0) this.#endGenerated(exported);
  }

  isGeneratedHere(key: Uint8Array): boolean {
    // It counts only in the store that took it over: in a copy of the home, the key is not new.
    const place = this.#place();
    if (place === undefined) return false;
    const noted = this.store.careful(() => provenanceOf(this.home, key));
    if (noted !== undefined) return noted === "generated";
    return this.tables.generated.get(hex.encode(key)) === place;
  }

  #lock(keys: readonly Uint8Array[]): void {
    const names = new Set(keys.map(hex.encode));
    const touched = [...this.tables.keyChains.values()].filter(({ key }) => names.has(hex.encode(key)));
    this.store.write(touched, () => {
      for (const key of keys) this.tables.forgetGenerated(key);
      for (const known of touched) {
        this.tables.lock(known);
        this.tables.writeKeyChain(known);
      }
    });
    this.#endNotes(keys);
  }

  #endGenerated(keys: readonly Uint8Array[]): void {
    this.store.write([], () => {
      for (const key of keys) this.tables.forgetGenerated(key);
    });
    this.#endNotes(keys);
  }

  /** Ended, as a note found again after a loss would make a key new that has voted since. */
  #takeOver(key: Uint8Array): void {
    const place = this.#place();
    if (place !== undefined && this.tables.generated.get(hex.encode(key)) !== place) {
      this.store.write([], () => {
        this.tables.forgetGenerated(key);
        this.tables.addGenerated(key, place);
      });
    }
    this.#endNotes([key]);
  }

  #place(): string | undefined {
    return this.store.careful(() => placeOfFile(this.home.protectionFile));
  }

  #endNotes(keys: readonly Uint8Array[]): void {
    this.store.careful(() => {
      for (const key of keys) removeNote(this.home, key);
    });
  }
}

// The words in the files, which are older than these names.
const IMPORTED = "absent\n";
const EXPORTED = "exported\n";
const PLACE = /^\d+ \d+\n$/;

const folderOf = (home: Home) => join(home.path, "arrivals");
const pathOf = (home: Home, publicKey: Uint8Array) => join(folderOf(home), hex.encode(publicKey));

function write(
  home: Home,
  publicKey: Uint8Array,
  textFor: (file: BigIntStats) => string,
  mode: "create" | "replace" = "replace",
): boolean {
  assertPublicKey(publicKey, "public key");
  makePrivateFolder(folderOf(home));
  return writePrivateFile(pathOf(home, publicKey), (file) => utf8(textFor(file)), mode);
}

function textOf(home: Home, publicKey: Uint8Array): string {
  const path = pathOf(home, publicKey);
  return attempt("read", path, () => readFileSync(path, "utf8"));
}

/** What a copy of the file, elsewhere or later, does not share. */
const placeOf = ({ ino, birthtimeNs }: BigIntStats): string => `${ino} ${birthtimeNs}\n`;
