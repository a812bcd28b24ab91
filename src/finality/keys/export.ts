import { recordExport } from "./provenance.js";
import type { Home } from "../home.js";
import type { Passphrase } from "./keyfile.js";
import { type UnlockedKey, unlockKey } from "./keystore.js";
import { lockHome } from "../protection/lock.js";

/**
 * `unlockKey`, for the secret to leave the home: from then on only its owner keeps it from signing twice. When it
 * returns, it is on the disk that the key counts as new here no more. A signer that runs would not hear of that in
 * time: it has to be stopped first.
 * @throws TapstakeError `signer-running`, `file-error`, and as `unlockKey`
 */
export function exportKey(home: Home, nameOrPublicKey: string, passphrase: Passphrase): UnlockedKey {
  const lock = lockHome(home);
  try {
    const key = unlockKey(home, nameOrPublicKey, passphrase);
    try {
      recordExport(home, key.publicKey);
      return key;
    } catch (error) {
      key.wipe();
      throw error;
    }
  } finally {
    lock.release();
  }
}
