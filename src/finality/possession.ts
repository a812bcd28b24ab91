import { bech32 } from "@scure/base";
import { concatBytes } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { sha256 } from "../core/hashes.js";
import { contextBytes } from "../crypto/messages.js";
import { schnorr } from "../crypto/schnorr.js";

/** What a finality provider's key and account say of each other: the holder of the key signs the account. */
export interface Possession {
  /** The account on the staking chain: bech32 of 20 bytes, such as `bbn1…`. */
  readonly address: string;
  /** The chain's signing context for `fp_pop`, where it uses one. */
  readonly context?: string;
}

/**
 * What a proof of possession signs: `SHA256([context] ‖ the 20 bytes of the address)` (PROTOCOL 6, `btc_sig_type` 0).
 * @throws TapstakeError `invalid-address`; `invalid-hex` for a context that is none
 */
export function possessionDigest({ address, context }: Possession): Uint8Array {
  return sha256(concatBytes(contextBytes(context), accountBytes(address)));
}

/**
 * The proof that the holder of an EOTS key stands behind an account: BIP-340, 64 bytes.
 * @param secretKey 32 bytes
 * @throws TapstakeError as {@link possessionDigest} and `schnorr.sign`
 */
export function provePossession(secretKey: Uint8Array, possession: Possession): Uint8Array {
  return schnorr.sign(secretKey, possessionDigest(possession));
}

/** Whether `proof` is one for this account by `publicKey` (x-only). False on malformed input. */
export function verifyPossession(publicKey: Uint8Array, possession: Possession, proof: Uint8Array): boolean {
  try {
    return schnorr.verify(publicKey, possessionDigest(possession), proof);
  } catch {
    return false;
  }
}

/** Accounts of the staking chain have 20 bytes; longer ones are modules' or another chain's kind. */
function accountBytes(address: string): Uint8Array {
  const decoded = typeof address === "string" ? bech32.decodeUnsafe(address) : undefined;
  const bytes = decoded && bech32.fromWordsUnsafe(decoded.words);
  if (!bytes || bytes.length !== 20) {
    const got = bytes ? `${bytes.length} bytes` : "text that is no bech32, or has a mistyped character";
    throw new TapstakeError("invalid-address", `address: expected bech32 of 20 bytes (bbn1…), got ${got}`);
  }
  return Uint8Array.from(bytes);
}
