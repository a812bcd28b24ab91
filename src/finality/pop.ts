import { bech32 } from "@scure/base";
import { concatBytes } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { sha256 } from "../core/hashes.js";
import { contextBytes } from "../crypto/messages.js";
import { schnorr } from "../crypto/schnorr.js";

/**
 * What a finality provider signs to show that the key is its own (PROTOCOL 6): `SHA256([context] ‖ address bytes)`.
 * @param address the provider's account, in bech32 with any prefix
 * @param context the chain's signing context for `fp_pop`, where it uses one
 * @throws TapstakeError `invalid-address`, `invalid-hex` (context)
 */
export function proofOfPossessionDigest(address: string, context?: string): Uint8Array {
  return sha256(concatBytes(contextBytes(context), addressBytes(address)));
}

/**
 * A proof of possession, the kind whose `btc_sig_type` is 0: 64 bytes, BIP-340.
 * @param secretKey 32 bytes
 * @throws TapstakeError `invalid-secret-key`, and as {@link proofOfPossessionDigest}
 */
export function proofOfPossession(secretKey: Uint8Array, address: string, context?: string): Uint8Array {
  return schnorr.sign(secretKey, proofOfPossessionDigest(address, context));
}

/** Whether `signature` is a proof by `publicKey` (x-only) for `address`. False on malformed input. */
export function verifyProofOfPossession(
  publicKey: Uint8Array,
  address: string,
  signature: Uint8Array,
  context?: string,
): boolean {
  try {
    return schnorr.verify(publicKey, proofOfPossessionDigest(address, context), signature);
  } catch {
    return false;
  }
}

function addressBytes(address: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    ({ bytes } = bech32.decodeToBytes(address));
  } catch (cause) {
    const text = `address: ${JSON.stringify(address)} is not bech32 with a valid checksum`;
    throw new TapstakeError("invalid-address", text, {}, { cause });
  }
  if (bytes.length !== 20) {
    const text = `address: expected an account of 20 bytes, got ${bytes.length}`;
    throw new TapstakeError("invalid-address", text);
  }
  return bytes;
}
