import { assertInteger } from "../core/bytes.js";

/**
 * How long signatures of a kind are, in bytes, hash type included. A fee must be enough for the longest that may come,
 * unless the caller knows better.
 */
export interface SignatureLengths {
  readonly least: number;
  readonly most: number;
}

/** DER with a low s (BIP-66, BIP-146): 71 bytes with a low r too, as Bitcoin Core grinds it, otherwise up to 72. */
export const ECDSA_LENGTHS: SignatureLengths = { least: 71, most: 72 };
/** BIP-340, with SIGHASH_DEFAULT or with another hash type behind (BIP-341). */
export const SCHNORR_LENGTHS: SignatureLengths = { least: 64, most: 65 };

/** @throws TapstakeError `invalid-number` */
export function assertStatedLength(length: number, { least, most }: SignatureLengths): void {
  assertInteger(length, "signature length", least, most);
}
