import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";

/**
 * Makes passphrases cost next to nothing in this process, where they would cost what is usual or more: a third of a second
 * each is for who guesses them. What is written names the real cost; a process that pays it cannot open what was sealed
 * here.
 * @returns what makes them cost again what they should
 */
export function lightenScrypt() {
  const originals = { scrypt: crypto.scrypt, scryptSync: crypto.scryptSync };
  for (const [name, original] of Object.entries(originals)) {
    crypto[name] = (passphrase, salt, length, options, ...done) =>
      original(passphrase, salt, length, { ...options, N: options.N < 2 ** 17 ? options.N : 2 }, ...done);
  }
  syncBuiltinESMExports();
  return () => {
    Object.assign(crypto, originals);
    syncBuiltinESMExports();
  };
}
