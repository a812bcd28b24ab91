import { hex } from "../core/bytes.js";
import { mistrust, type MultiplesReport } from "../derivation/multiples.js";
import { chainConfig } from "../finality/chains.js";
import { findHome, type Home } from "../finality/home.js";
import { showKey, type UnlockedKey, unlockKey } from "../finality/keys/keystore.js";
import { openProtection, type Protection } from "../finality/protection/protection.js";
import type { ChainConfig } from "../vote/chain.js";
import { warn } from "./output.js";
import { currentPassphrase, withPassphrase } from "./secrets.js";

export interface SignerOptions {
  readonly home?: string | undefined;
  readonly key: string;
  readonly chain: string;
  readonly passphraseFile?: string | undefined;
}

/** Everything that signs, on this machine. */
export interface LocalSigner {
  readonly home: Home;
  readonly key: UnlockedKey;
  readonly chain: ChainConfig;
  readonly protection: Protection;
}

/**
 * Runs something as the one signer of the home, with the key unlocked, and locks both again.
 * @throws TapstakeError the codes of `openProtection`, `unlockKey` and `chainConfig`
 */
export async function asSigner<T>(
  options: SignerOptions,
  run: (signer: LocalSigner) => T | Promise<T>,
): Promise<T> {
  const home = findHome(options.home);
  const chain = chainConfig(home, options.chain);
  showKey(home, options.key);
  // Before anyone is asked for a passphrase: a second signer is refused at once.
  return withProtection(home, async (protection) => {
    const key = await unlockFor(home, options);
    try {
      return await run({ home, key, chain, protection });
    } finally {
      key.wipe();
    }
  });
}

/**
 * Runs something with what the home remembers, as its one signer.
 * @throws TapstakeError the codes of `openProtection`
 */
export async function withProtection<T>(
  home: Home,
  run: (protection: Protection) => T | Promise<T>,
): Promise<T> {
  const protection = openProtection(home);
  try {
    return await run(protection);
  } finally {
    protection.close();
  }
}

/** The key of `--key`, by the passphrase of the person who runs the command; the caller wipes it. */
export const unlockFor = (
  home: Home,
  { key, passphraseFile }: Pick<SignerOptions, "key" | "passphraseFile">,
): Promise<UnlockedKey> =>
  withPassphrase(currentPassphrase(passphraseFile), (passphrase) => unlockKey(home, key, passphrase));

/**
 * The public key that a name or 64 hexadecimal digits stand for: a remote signer's key need not be in this home.
 * @throws TapstakeError `key-not-found`, `invalid-key-name`
 */
export function publicKeyNamed(home: Home, nameOrPublicKey: string): Uint8Array {
  return isPublicKey(nameOrPublicKey)
    ? hex.decode(nameOrPublicKey)
    : showKey(home, nameOrPublicKey).publicKey;
}

/** Whether it is written as a public key, rather than a name. */
export const isPublicKey = (nameOrPublicKey: string) => /^[0-9a-fA-F]{64}$/.test(nameOrPublicKey);

/** Warns that the machine computed wrongly, if it did. */
export function warnOfWrong(report: MultiplesReport): void {
  const message = mistrust(report);
  if (message !== undefined) warn({ code: "self-check-failed", message });
}
