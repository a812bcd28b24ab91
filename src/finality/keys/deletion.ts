import { recordAbsence } from "./provenance.js";
import type { Home } from "../home.js";
import { pathOf } from "./key-files.js";
import type { Passphrase } from "./keyfile.js";
import { type KeyInfo, showKey, unlockKey } from "./keystore.js";
import { lockHome } from "../protection/lock.js";
import { removePrivateFile } from "../private-files.js";

/**
 * Removes a key's file. What the home remembers of its votes stays, and holds it should the file come back. A signer
 * that runs may have the key open, and would go on voting with it: it has to be stopped first.
 * @param passphrase null deletes without proof that the caller could have used the key
 * @throws TapstakeError `signer-running`, and as `unlockKey`
 */
export function deleteKey(home: Home, nameOrPublicKey: string, passphrase: Passphrase | null): KeyInfo {
  const { name } = showKey(home, nameOrPublicKey);
  const lock = lockHome(home);
  try {
    // Again, as another process may have put another key there meanwhile.
    const key = showKey(home, name);
    if (passphrase !== null) unlockKey(home, key.name, passphrase).wipe();
    // First, as a copy of the file may vote elsewhere, and come back.
    recordAbsence(home, key.publicKey);
    removePrivateFile(pathOf(home, key.name));
    return key;
  } finally {
    lock.release();
  }
}
