import { createRequire } from "node:module";
import { HARDENED_OFFSET, HDKey } from "@scure/bip32";
import type * as Bip39 from "@scure/bip39";
import type * as English from "@scure/bip39/wordlists/english.js";
import { TapstakeError } from "../../core/errors.js";
import { loadPackage } from "../../core/optional.js";

/** The BIP-44 path of the chain's own keyring (coin type 118), so that its words give the same key here. */
export const DEFAULT_PATH = "m/44'/118'/0'/0/0";

/** 24 fresh English words (BIP-39, 256 bits). Who has them has the key. */
export function newMnemonic(): string {
  const { generateMnemonic, wordlist } = bip39();
  return generateMnemonic(wordlist, 256);
}

/**
 * The secret key, 32 bytes, that BIP-39 words lead to.
 * @param words 12 to 24 English words; case and white space do not matter
 * @param path a BIP-32 path
 * @param bip39Passphrase the "25th word", where one was chosen; nothing to do with the key file's passphrase
 * @throws TapstakeError `invalid-mnemonic`, `invalid-path`
 */
export function secretFromMnemonic(words: string, path = DEFAULT_PATH, bip39Passphrase = ""): Uint8Array {
  const mnemonic = normalise(words);
  checkWords(mnemonic);
  checkPath(path);
  const seed = bip39().mnemonicToSeedSync(mnemonic, bip39Passphrase);
  try {
    return secretFromSeed(seed, path);
  } finally {
    seed.fill(0);
  }
}

/**
 * The secret key, 32 bytes, at a path under a BIP-32 seed.
 * @throws TapstakeError `invalid-path`
 */
export function secretFromSeed(seed: Uint8Array, path: string): Uint8Array {
  checkPath(path);
  let node = HDKey.fromMasterSeed(seed);
  // Not `derive`, which leaves the secrets of the nodes between in memory.
  for (const [, index, hardened] of path.matchAll(/(\d+)('?)/g)) {
    const child = node.deriveChild(Number(index) + (hardened ? HARDENED_OFFSET : 0));
    node.wipePrivateData();
    node = child;
  }
  // The node's own bytes or a copy of them, by its version: neither is left.
  const given = node.privateKey!;
  const secret = Uint8Array.from(given);
  given.fill(0);
  node.wipePrivateData();
  return secret;
}

/** An optional package: only keys from words need it. */
function bip39(): typeof Bip39 & typeof English {
  const require = createRequire(import.meta.url);
  return {
    ...loadPackage<typeof Bip39>(require, "@scure/bip39"),
    ...loadPackage<typeof English>(require, "@scure/bip39/wordlists/english.js"),
  };
}

const normalise = (words: string) => words.normalize("NFKD").trim().toLowerCase().split(/\s+/).join(" ");

/** Says which word is wrong, never what it is. */
function checkWords(mnemonic: string): void {
  const words = mnemonic.split(" ");
  if (words.length < 12 || words.length > 24 || words.length % 3 !== 0) {
    const got = mnemonic === "" ? 0 : words.length;
    throw new TapstakeError(
      "invalid-mnemonic",
      `expected 12, 15, 18, 21 or 24 words and nothing beside them, got ${got}`,
      { got },
    );
  }
  const { validateMnemonic, wordlist } = bip39();
  const unknown = words.findIndex((word) => !wordlist.includes(word));
  if (unknown !== -1) {
    const text = `word ${unknown + 1} is not in the English list of BIP-39`;
    throw new TapstakeError("invalid-mnemonic", text, { position: unknown + 1 });
  }
  if (!validateMnemonic(mnemonic, wordlist)) {
    throw new TapstakeError(
      "invalid-mnemonic",
      "the checksum is wrong: a word was mistaken for another, or two changed places",
    );
  }
}

/** @throws TapstakeError `invalid-path` */
export function checkPath(path: string): void {
  const steps = /^m((?:\/\d{1,10}'?){0,10})$/.exec(path)?.[1];
  const indexes = steps?.match(/\d+/g) ?? [];
  if (steps === undefined || indexes.some((index) => Number(index) >= 2 ** 31)) {
    const text = `expected a BIP-32 path such as ${DEFAULT_PATH}, got ${JSON.stringify(path)}`;
    throw new TapstakeError("invalid-path", text);
  }
}
