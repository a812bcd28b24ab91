import * as v from "valibot";
import { equalBytes, hex } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import { parseJson, readJson } from "../../core/json.js";
import { publicKeyOf } from "../../core/keys.js";
import type { KeyInfo } from "../../finality/keys/keystore.js";
import { colors, table } from "../output.js";

/** A key as data, without its secret. */
export function keyFacts({ name, publicKey, origin, derivationVersion, createdAt, path }: KeyInfo) {
  const known = { name, publicKey: hex.encode(publicKey), origin, derivationVersion, createdAt };
  return { ...known, ...(path !== undefined && { path }) };
}

type KeyFacts = ReturnType<typeof keyFacts>;

export function keyText({ name, publicKey, origin, derivationVersion, createdAt, path }: KeyFacts): string {
  return table([
    ["name", name],
    ["public key", publicKey],
    ["origin", origin],
    ["made", createdAt],
    ["path", path],
    ["derivation", `version ${derivationVersion}`],
  ]);
}

interface KeyListFacts {
  readonly keys: readonly KeyFacts[];
  readonly damaged: readonly { readonly name: string; readonly code: string }[];
}

/** One line for each key, those that cannot be used included. */
export function keyListText({ keys, damaged }: KeyListFacts): string {
  const rows = [
    ...keys.map(({ name, publicKey, origin }) => [name, `${publicKey}  ${origin}`] as const),
    ...damaged.map(({ name, code }) => [name, `${colors.red("damaged")}  ${code}`] as const),
  ];
  return table(rows.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The words of BIP-39 with their numbers, four on each line. */
export function numberedWords(mnemonic: string): string {
  return mnemonic
    .split(" ")
    .map((word, i) => `${String(i + 1).padStart(2)} ${word.padEnd(9)}${i % 4 === 3 ? "\n" : ""}`)
    .join(" ")
    .replace(/\s*\n ?/g, "\n")
    .trimEnd();
}

const exportedForm = v.object({
  publicKey: v.string(),
  derivationVersion: v.number(),
  path: v.optional(v.string()),
  secretKey: v.string(),
});

/**
 * The output of `tapstake fp keys export --json`: {@link keyFacts}, and the secret.
 * @throws TapstakeError `invalid-json`, `invalid-hex`, `invalid-secret-key`, `key-mismatch`
 */
export function exportedKey(text: string) {
  const name = "exported key";
  const { publicKey, derivationVersion, path, secretKey } = readJson(
    exportedForm,
    parseJson(text, name),
    name,
  );
  const secret = hex.decode(secretKey, 32, `${name}.secretKey`);
  if (!equalBytes(publicKeyOf(secret), hex.decode(publicKey, 32, `${name}.publicKey`))) {
    throw new TapstakeError("key-mismatch", `${name}: its secret is that of another public key`);
  }
  return { secretKey: secret, derivationVersion, path };
}
