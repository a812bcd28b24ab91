import { publicKeyOf } from "../core/keys.js";
import { schnorr } from "../crypto/schnorr.js";
import type { Signer } from "./spend.js";

/**
 * A signer that holds its key in memory. The secret is reachable only by signing.
 * @throws TapstakeError `invalid-secret-key`
 */
export function keySigner(secretKey: Uint8Array): Signer {
  const publicKey = publicKeyOf(secretKey);
  // `slice` of a Node Buffer would share its memory: a caller that wipes its key would wipe this one.
  const secret = Uint8Array.from(secretKey);
  return { publicKey, signSchnorr: (digest) => schnorr.sign(secret, digest) };
}
