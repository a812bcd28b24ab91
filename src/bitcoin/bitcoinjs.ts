/**
 * The door to bitcoinjs-lib, by its parts: who builds an output or reads a transaction does not bundle its PSBT. That
 * has a door of its own, `psbt/bitcoinjs`.
 */
import { hash160 as hash160Of } from "bitcoinjs-lib/src/crypto";
import { decode, encode } from "bitcoinjs-lib/src/script_signature";

export { Block } from "bitcoinjs-lib/src/block";
export { Transaction } from "bitcoinjs-lib/src/transaction";

/** RIPEMD-160 of SHA-256: what a P2WPKH output names its key by. */
export const hash160 = (data: Uint8Array): Uint8Array => hash160Of(data);

/** A DER signature with its hash type behind (BIP-66), as r ‖ s; null when it is none. */
export function decodeEcdsaSignature(bytes: Uint8Array): { signature: Uint8Array; hashType: number } | null {
  try {
    return decode(bytes);
  } catch {
    return null;
  }
}

/** r ‖ s as a DER signature with its hash type behind (BIP-66). */
export const encodeEcdsaSignature = (signature: Uint8Array, hashType: number): Uint8Array =>
  encode(signature, hashType);
