import type { TapstakeError } from "../core/errors.js";
import type { Home } from "./home.js";

/** What anyone may know of a key. */
export interface KeyInfo {
  readonly name: string;
  /** X-only EOTS key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** ISO 8601. */
  readonly createdAt: string;
  /** An imported key may have signed elsewhere. */
  readonly origin: "generated" | "imported";
  /** Which derivation its randomness has: see `randomness.derivationVersion`. */
  readonly derivationVersion: 1;
  /** The BIP-32 path, when it came from a mnemonic. */
  readonly path?: string;
}

/** A key that can sign. Its secret is no enumerable property, and neither JSON nor `util.inspect` shows it. */
export interface UnlockedKey extends KeyInfo {
  readonly secretKey: Uint8Array;
  /** Overwrites the secret with zeroes. */
  wipe(): void;
}

/** A passphrase: text, or the UTF-8 of its NFKC form, which its owner can wipe. */
export type Passphrase = string | Uint8Array;

/** What scrypt costs: memory is 128·n·r bytes. */
export interface ScryptCost {
  /** A power of two. */
  readonly n: number;
  readonly r: number;
  readonly p: number;
}

export interface NewKey {
  readonly name: string;
  readonly passphrase: Passphrase;
  /** 32 bytes; the caller wipes its own copy. */
  readonly secretKey: Uint8Array;
  readonly origin: KeyInfo["origin"];
  readonly path?: string;
  readonly derivationVersion?: number;
  /** The default is what new keys should have. */
  readonly scrypt?: ScryptCost;
}

export declare function listKeys(home: Home): KeyInfo[];
export declare function showKey(home: Home, name: string): KeyInfo;
export declare function createKey(home: Home, key: NewKey): KeyInfo;
export declare function unlockKey(home: Home, nameOrPublicKey: string, passphrase: Passphrase): UnlockedKey;
export declare function unlockKeyAsync(
  home: Home,
  nameOrPublicKey: string,
  passphrase: Passphrase,
): Promise<UnlockedKey>;
export declare function exportKey(home: Home, name: string, passphrase: Passphrase): UnlockedKey;
export declare function deleteKey(home: Home, name: string, passphrase: Passphrase): void;
export declare function changePassphrase(
  home: Home,
  name: string,
  passphrase: Passphrase,
  next: { passphrase: Passphrase; scrypt?: ScryptCost },
): KeyInfo;
export type { TapstakeError };
