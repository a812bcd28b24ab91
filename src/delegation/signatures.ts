import { equalBytes, hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import type { KeySet } from "../script/terms.js";
import { type LeafSignature, type LeafSpend, verifyLeafSignature } from "../spending/spend.js";

/**
 * Signatures of a leaf spend, each by another of these keys, and each valid.
 * @throws TapstakeError the given code, `duplicate-signature`
 */
export function checkEach(
  spend: LeafSpend,
  signatures: readonly LeafSignature[],
  allowed: KeySet,
  code: "invalid-staker-signature" | "invalid-covenant-signature",
): void {
  assertDistinct(signatures.map(({ publicKey }) => [publicKey]));
  for (const signature of signatures) {
    if (!contains(allowed.keys, signature.publicKey) || !verifyLeafSignature(spend, signature)) {
      const key = hex.encode(signature.publicKey);
      throw new TapstakeError(code, `the signature by ${key} of the ${spend.leaf.kind} does not verify`, {
        key,
      });
    }
  }
}

/**
 * A key signs once. A second valid signature beside the first would leave a witness with two candidates for one
 * slot, and a slashing that cannot be finished on the day.
 * @throws TapstakeError `duplicate-signature`
 */
export function assertDistinct(signers: readonly (readonly Uint8Array[])[]): void {
  const seen = new Set<string>();
  for (const keys of signers) {
    const name = keys.map(hex.encode).join(" for ");
    if (seen.has(name)) {
      throw new TapstakeError("duplicate-signature", `two signatures by ${name}`, { key: name });
    }
    seen.add(name);
  }
}

export const contains = (keys: readonly Uint8Array[], key: Uint8Array): boolean =>
  keys.some((other) => equalBytes(other, key));
