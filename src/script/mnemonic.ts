import { HDKey } from "@scure/bip32";
import { mnemonicToSeedSync, validateMnemonic } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { secretBelow } from "./hd-key.js";
import { normalPath } from "./key-origin.js";

/**
 * The secret key, 32 bytes, that BIP-39 words lead to. The caller must wipe it. The words do not say their network or
 * kind of address: compare the public key with the stake's.
 * @param words 12 to 24 English words; case and white space do not matter
 * @param path of one key: `m/86'/0'/0'/0/0` is the first one of a Taproot account on mainnet; other networks have coin
 * type 1 in place of the first 0
 * @param passphrase the "25th word", if one was chosen
 * @throws TapstakeError `invalid-mnemonic`, which says which word is wrong and never shows it; `invalid-path`
 */
export function secretOfMnemonic(words: string, path: string, passphrase = ""): Uint8Array {
  const steps = normalPath(path);
  const seed = seedOfMnemonic(words, passphrase);
  try {
    return secretBelow(HDKey.fromMasterSeed(seed), steps);
  } finally {
    seed.fill(0);
  }
}

/**
 * The BIP-39 seed of words, 64 bytes, as {@link secretOfMnemonic} reads them. The caller wipes it.
 * @throws TapstakeError `invalid-mnemonic`
 */
export function seedOfMnemonic(words: string, passphrase: string): Uint8Array {
  if (typeof words !== "string") {
    throw new TapstakeError("invalid-mnemonic", `words must be text, not ${describeType(words)}`);
  }
  const mnemonic = words.normalize("NFKD").trim().toLowerCase().split(/\s+/).join(" ");
  checkWords(mnemonic);
  return mnemonicToSeedSync(mnemonic, passphrase);
}

/** Says which word is wrong, never what it is. */
function checkWords(mnemonic: string): void {
  const words = mnemonic.split(" ");
  if (words.length < 12 || words.length > 24 || words.length % 3 !== 0) {
    const got = mnemonic === "" ? 0 : words.length;
    throw new TapstakeError(
      "invalid-mnemonic",
      `there must be 12, 15, 18, 21 or 24 words and nothing else, not ${got}`,
      { got },
    );
  }
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
