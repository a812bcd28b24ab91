import { assertBytes, isBytes } from "../bytes.js";
import { describeType, TapstakeError } from "../errors.js";

/** The arguments that both libraries refuse to sign with, with the same errors. */
export function assertSigningArguments(
  digest: unknown,
  secretKey: unknown,
  aux: unknown,
  isPrivate: (bytes: Uint8Array) => boolean,
): void {
  assertBytes(digest, "digest", 32);
  if (aux !== undefined) assertBytes(aux, "auxiliary randomness", 32);
  if (!isBytes(secretKey, 32) || !isPrivate(secretKey)) {
    const got = isBytes(secretKey, 32) ? "32 bytes outside that range" : describeType(secretKey);
    throw new TapstakeError(
      "invalid-secret-key",
      `secret key must be a scalar between 1 and n - 1, not ${got}`,
    );
  }
}
