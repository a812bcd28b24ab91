import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";
import { concatBytes, utf8 } from "./bytes.js";

export const sha256 = (data: Uint8Array): Uint8Array => nobleSha256(data);

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
