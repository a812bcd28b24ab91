import { describeType, TapstakeError } from "../core/errors.js";

/** Where a key comes from (BIP-32): what a wallet recognises its own keys by. */
export interface KeyOrigin {
  /** X-only (32 bytes) or compressed (33 bytes). */
  readonly publicKey: Uint8Array;
  /** The master key's fingerprint, 4 bytes: the beginning of HASH160 of its compressed public key. */
  readonly fingerprint: Uint8Array;
  /** From the master key to this one: `m/86'/0'/0'/0/5`. */
  readonly path: string;
}

/**
 * A BIP-32 path as PSBT libraries write it: `m/86'/0'`. Hardened steps may come with `h` too (BIP-380), and the `m/` may
 * be missing.
 * @throws TapstakeError `invalid-path`
 */
export function normalPath(path: string): string {
  const match = typeof path === "string" ? /^(?:m|(?:m\/)?(.+))$/.exec(path) : null;
  const steps = match?.[1]?.split("/").map(readStep) ?? [];
  // BIP-32 writes the depth of a key in one byte.
  if (!match || steps.includes(null) || steps.length > 255) {
    const got = typeof path === "string" ? JSON.stringify(path) : describeType(path);
    throw new TapstakeError(
      "invalid-path",
      `the path must be a BIP-32 path such as m/86'/0'/0'/0/5, not ${got}`,
    );
  }
  return ["m", ...steps].join("/");
}

function readStep(step: string): string | null {
  const match = /^(0|[1-9]\d{0,9})(['h]?)$/.exec(step);
  if (!match || Number(match[1]) >= 2 ** 31) return null;
  return match[2] ? `${match[1]}'` : match[1]!;
}
