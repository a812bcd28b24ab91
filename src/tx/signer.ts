import { publicKeyOf } from "../core/keys.js";
import { schnorr } from "../crypto/schnorr.js";
import type { Signer } from "./spend.js";

/**
 * A signer that holds its key in memory. The secret is reachable only by signing.
 * @throws TapstakeError `invalid-secret-key`
 */
export function keySigner(secretKey: Uint8Array): Signer {
  const secret = secretKey.slice();
  return { publicKey: publicKeyOf(secret), signSchnorr: (digest) => schnorr.sign(secret, digest) };
}
