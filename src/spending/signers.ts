import { equalBytes, hex, isBytes } from "../core/bytes.js";
import { describeType, TapstakeError } from "../core/errors.js";
import type { KeyOrigin } from "../script/key-origin.js";
import { type Signer, xOnly } from "./spend.js";

/**
 * The part of a `Signer` or `SignerAsync` of bitcoinjs-lib that is used; their types allow `signSchnorr` to be missing.
 */
export interface BitcoinJsSigner {
  readonly publicKey: Uint8Array;
  signSchnorr?(digest: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/**
 * A signer of bitcoinjs-lib as a {@link Signer}. `ECPairInterface` (ecpair) and `BIP32Interface` (bip32) are signers
 * already. Never pass the result of `tweak`: it signs with another key, which no leaf names.
 * @throws TapstakeError `invalid-argument` if it cannot sign by BIP-340
 */
export function fromBitcoinJs(signer: BitcoinJsSigner): Signer {
  if (typeof signer?.signSchnorr !== "function") {
    throw new TapstakeError(
      "invalid-argument",
      "the signer has no signSchnorr: leaves of a stake need signatures by BIP-340, not by ECDSA",
    );
  }
  const { publicKey } = signer;
  return { publicKey, signSchnorr: (digest) => signer.signSchnorr!(digest) };
}

/** The part of a `BIP32Interface` that is used: a key at the root of a tree. */
export interface HdRoot extends BitcoinJsSigner {
  /** 4 bytes: the beginning of HASH160 of its compressed public key. */
  readonly fingerprint: Uint8Array;
  derivePath(path: string): BitcoinJsSigner;
}

/**
 * The signer of one key in a tree (BIP-32), found by its origin. The root must have the origin's fingerprint, and the
 * key at its path must be the origin's.
 * @param root of the package bip32: `bip32.fromSeed(seed)`
 * @param origin the result of `parseKeyOrigin`
 * @throws TapstakeError `key-mismatch` if the root, or the key at the path, is another; `invalid-argument` if the root
 * cannot derive the path, or the derived key cannot sign by BIP-340
 */
export function hdSigner(root: HdRoot, origin: KeyOrigin): Signer {
  if (!isBytes(root?.fingerprint, 4)) {
    const got = describeType(root?.fingerprint);
    throw new TapstakeError(
      "invalid-argument",
      `the root must have a fingerprint of 4 bytes, not ${got}: give the result of bip32.fromSeed`,
    );
  }
  if (!equalBytes(root.fingerprint, origin.fingerprint)) {
    throw mismatch("the fingerprint of the root", root.fingerprint, origin.fingerprint);
  }
  const signer = fromBitcoinJs(derive(root, origin.path));
  const [got, expected] = [xOnly(signer.publicKey), xOnly(origin.publicKey)];
  if (!equalBytes(got, expected)) throw mismatch(`the key at ${origin.path}`, got, expected);
  return signer;
}

function derive(root: HdRoot, path: string): BitcoinJsSigner {
  try {
    // bip32 does not read "m" alone.
    return path === "m" ? root : root.derivePath(path);
  } catch (cause) {
    throw new TapstakeError("invalid-argument", `the root cannot derive ${path}`, { path }, { cause });
  }
}

function mismatch(what: string, got: Uint8Array, expected: Uint8Array): TapstakeError {
  const details = { expected: hex.encode(expected), got: hex.encode(got) };
  return new TapstakeError(
    "key-mismatch",
    `${what} is ${details.got}, but the origin says ${details.expected}`,
    details,
  );
}
