/**
 * The only import of bitcoinjs-lib outside `psbt/`, by its parts: programs that build an output or read a transaction
 * do not bundle its PSBT code. `psbt/bitcoinjs` imports that.
 */
import { hash160 as hash160Of } from "bitcoinjs-lib/src/crypto";
import { decode, encode } from "bitcoinjs-lib/src/script_signature";

export { Block } from "bitcoinjs-lib/src/block";
export { Transaction } from "bitcoinjs-lib/src/transaction";

/** RIPEMD-160 of SHA-256: P2WPKH outputs name their key by it. */
export const hash160 = (data: Uint8Array): Uint8Array => hash160Of(data);

/** A DER signature followed by its hash type (BIP-66), as r ‖ s (64 bytes); null if it is malformed. */
export function decodeEcdsaSignature(bytes: Uint8Array): { signature: Uint8Array; hashType: number } | null {
  try {
    return decode(bytes);
  } catch {
    return null;
  }
}

/** r ‖ s (64 bytes) as a DER signature followed by its hash type (BIP-66). */
export const encodeEcdsaSignature = (signature: Uint8Array, hashType: number): Uint8Array =>
  encode(signature, hashType);
