import { utf8 } from "../src/core/bytes.js";
import { sha256 } from "../src/core/hashes.js";
import { publicKeyOf } from "../src/core/keys.js";

/** Someone with a key. */
export interface Party {
  readonly secretKey: Uint8Array;
  /** X-only. */
  readonly publicKey: Uint8Array;
}

/**
 * A party whose secret is SHA256 of `tapstake regtest <name>`: it is public, so it is for tests only.
 */
export function party(name: string): Party {
  const secretKey = sha256(utf8(`tapstake regtest ${name}`));
  return { secretKey, publicKey: publicKeyOf(secretKey) };
}

/** The five members of the committee of the regtest parameters, of whom three must sign. */
export const committee: readonly Party[] = [1, 2, 3, 4, 5].map((i) => party(`covenant member ${i}`));
