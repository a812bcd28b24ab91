import { sha256 } from "#hashing";
import { concatBytes, utf8 } from "./bytes.js";
import { ripemd160 } from "./hashing/ripemd160.js";

/**
 * What tapstake hashes with. Two libraries implement it: OpenSSL in Node, @noble/hashes elsewhere. The export condition
 * of `#hashing` in package.json chooses; both pass the same tests. All hashes have 32 bytes.
 */
export interface Hashing {
  sha256(data: Uint8Array): Uint8Array;
  /**
   * Hashes `prefix ‖ item` for each of many items of one length. The items stand one after another, and so do the
   * hashes.
   * @param prefix one byte
   */
  hashMany(prefix: number, items: Uint8Array, length: 32 | 64): Uint8Array;
}

export { hashMany, sha256 } from "#hashing";

/** SHA-256 twice: what names transactions and blocks. */
export const hash256 = (data: Uint8Array): Uint8Array => sha256(sha256(data));

/** RIPEMD-160 of SHA-256: what a P2WPKH output names its key by. */
export const hash160 = (data: Uint8Array): Uint8Array => ripemd160(sha256(data));

const prefixes = new Map<string, Uint8Array>();

/** `SHA256(SHA256(tag) ‖ SHA256(tag) ‖ data)` (BIP-340). */
export function taggedHash(tag: string, ...data: readonly Uint8Array[]): Uint8Array {
  let prefix = prefixes.get(tag);
  if (!prefix) {
    const hashedTag = sha256(utf8(tag));
    prefix = concatBytes(hashedTag, hashedTag);
    prefixes.set(tag, prefix);
  }
  return sha256(concatBytes(prefix, ...data));
}
