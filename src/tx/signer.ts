import { publicKeyOf } from "../core/keys.js";
import { schnorr } from "../crypto/schnorr.js";
import type { Signer } from "./spend.js";

/**
 * A signer that holds its key in memory. The secret is reachable only by signing.
 * @throws TapstakeError `invalid-secret-key`
 */
export function keySigner(secretKey: Uint8Array): Signer {
  const publicKey = publicKeyOf(secretKey);
  // Not `slice`, which gives a view of a Buffer: the caller may wipe it.
  const secret = Uint8Array.from(secretKey);
  return { publicKey, signSchnorr: (digest) => schnorr.sign(secret, digest) };
}
