import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";

/** A key of eotsd, and what it did. */
export interface GoKey {
  readonly name: string;
  readonly publicKey: string;
  readonly signed: readonly number[];
  /** What eotsd answered for the next height, in a copy of the folder. */
  readonly next: {
    readonly height: number;
    readonly message: string;
    readonly signature: string;
    readonly randomness: string;
  };
  readonly onOther?: readonly number[];
  readonly roots?: readonly { readonly start: number; readonly count: number; readonly root: string }[];
  readonly lastVoted?: number;
}

const FOLDER = fileURLToPath(new URL("../vectors/eotsd", import.meta.url));

/** What the Go program that made the folders said of them. */
export const made = JSON.parse(readFileSync(join(FOLDER, "expected.json"), "utf8")) as {
  readonly chain: string;
  readonly other: string;
  readonly words: readonly string[];
  readonly passphrase: string;
  readonly test: GoKey;
  readonly file: readonly GoKey[];
};

const read = (name: string) => readFileSync(join(FOLDER, name));

/** A database as eotsd or fpd left it. */
export const databaseOf = (name: "eotsd-test" | "eotsd-file" | "fpd"): Buffer =>
  gunzipSync(read(`${name}.db.gz`));

/** Writes the folder of eotsd with the keyring `test` or `file`. */
export function writeEotsd(folder: string, backend: "test" | "file", database?: Uint8Array): string {
  const keyring = join(folder, `keyring-${backend}`);
  for (const each of [keyring, join(folder, "data")]) mkdirSync(each, { recursive: true });
  const names = backend === "test" ? ["validator.info"] : ["alpha.info", "beta%2F2.info"];
  for (const name of names) writeFileSync(join(keyring, name), read(name));
  writeFileSync(join(folder, "data", "eots.db"), database ?? databaseOf(`eotsd-${backend}`));
  return folder;
}

/** Writes the folder of fpd. */
export function writeFpd(folder: string, database?: Uint8Array): string {
  mkdirSync(join(folder, "data"), { recursive: true });
  writeFileSync(join(folder, "data", "finality-provider.db"), database ?? databaseOf("fpd"));
  return folder;
}
