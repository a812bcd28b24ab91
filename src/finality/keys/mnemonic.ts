import { HDKey } from "@scure/bip32";
import { generateMnemonic } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { TapstakeError } from "../../core/errors.js";
import { secretBelow } from "../../script/hd-key.js";
import { seedOfMnemonic } from "../../script/mnemonic.js";

/** The BIP-44 path of the chain's own keyring (coin type 118): its words give the same key here. */
export const DEFAULT_PATH = "m/44'/118'/0'/0/0";

/** 24 fresh English words (BIP-39, 256 bits). Anyone who has them has the key. */
export function newMnemonic(): string {
  return generateMnemonic(wordlist, 256);
}

/**
 * The secret key, 32 bytes, that BIP-39 words lead to.
 * @param words 12 to 24 English words; case and white space do not matter
 * @param path a BIP-32 path
 * @param bip39Passphrase the "25th word", if one was chosen; it is not the key file's passphrase
 * @throws TapstakeError `invalid-mnemonic`, `invalid-path`
 */
export function secretFromMnemonic(words: string, path = DEFAULT_PATH, bip39Passphrase = ""): Uint8Array {
  const seed = seedOfMnemonic(words, bip39Passphrase);
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
  return secretBelow(HDKey.fromMasterSeed(seed), path);
}

/** @throws TapstakeError `invalid-path` */
export function checkPath(path: string): void {
  const steps = /^m((?:\/\d{1,10}'?){0,10})$/.exec(path)?.[1];
  const indexes = steps?.match(/\d+/g) ?? [];
  if (steps === undefined || indexes.some((index) => Number(index) >= 2 ** 31)) {
    const text = `the path must be a BIP-32 path such as ${DEFAULT_PATH}, not ${JSON.stringify(path)}`;
    throw new TapstakeError("invalid-path", text);
  }
}
