import { assertBytes, hex } from "../core/bytes.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { type KeyOrigin, normalPath } from "../script/key-origin.js";
import type { Leaf } from "../script/outputs.js";
import { assertNamed, isNamed, xOnly } from "../spending/spend.js";

/** What a PSBT says of a key in a Taproot leaf (BIP-371). */
interface TapDerivation {
  readonly pubkey: Uint8Array;
  readonly masterFingerprint: Uint8Array;
  readonly path: string;
  readonly leafHashes: Uint8Array[];
}

/**
 * Where keys of a leaf come from, as a PSBT says it.
 * @throws TapstakeError `invalid-argument`, `invalid-public-key`, `unexpected-signer` when the leaf does not name the
 * key; `duplicate-key`, `invalid-bytes`, `invalid-path`
 */
export function leafDerivations(leaf: Leaf, derivations: readonly KeyOrigin[]): TapDerivation[] {
  if (!Array.isArray(derivations)) {
    const text = `expected a list of derivations, got ${describeType(derivations)}`;
    throw new TapstakeError("invalid-argument", text);
  }
  const seen = new Set<string>();
  return derivations.map((derivation: Partial<KeyOrigin> | null) => {
    const { publicKey, fingerprint, path } = derivation ?? {};
    const pubkey = xOnly(publicKey!);
    assertNamed(leaf, pubkey);
    const key = hex.encode(pubkey);
    if (seen.has(key)) throw new TapstakeError("duplicate-key", `two derivations of key ${key}`, { key });
    seen.add(key);
    assertBytes(fingerprint, "fingerprint", 4);
    const masterFingerprint = Uint8Array.from(fingerprint);
    return { pubkey, masterFingerprint, path: normalPath(path!), leafHashes: [leaf.hash] };
  });
}

/** The same for an output: each key with all leaves that name it; keys that none names are left out. */
export function outputDerivations(
  leaves: readonly Leaf[],
  derivations: readonly KeyOrigin[],
): TapDerivation[] {
  return derivations.flatMap((derivation) => {
    const pubkey = xOnly(derivation.publicKey);
    const naming = leaves.filter((leaf) => isNamed(leaf, pubkey));
    const leafHashes = naming.map(({ hash }) => hash);
    return naming
      .slice(0, 1)
      .flatMap((leaf) => leafDerivations(leaf, [derivation]).map((each) => ({ ...each, leafHashes })));
  });
}
