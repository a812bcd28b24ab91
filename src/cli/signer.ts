import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { mistrust, type MultiplesReport } from "../derivation/multiples.js";
import { chainConfig } from "../finality/chains.js";
import { findHome, type Home } from "../finality/home.js";
import { showKey, type UnlockedKey, unlockKey } from "../finality/keys/keystore.js";
import { openProtection, type Protection } from "../finality/protection/protection.js";
import type { Operations } from "../signerd/admin/operations.js";
import type { ChainConfig } from "../vote/chain.js";
import { warn } from "./output.js";
import { currentPassphrase, type PassphraseFlags, withPassphrase } from "./secrets.js";

export interface SignerOptions extends PassphraseFlags {
  readonly home?: string | undefined;
  readonly key: string;
  readonly chain: string;
}

/** All that is needed to sign on this machine. */
export interface LocalSigner {
  readonly home: Home;
  readonly key: UnlockedKey;
  readonly chain: ChainConfig;
  readonly protection: Protection;
}

/**
 * Runs something as the one signer of the home, with the key unlocked. It locks both again afterwards.
 * @throws TapstakeError the codes of `openProtection`, `unlockKey` and `chainConfig`
 */
export async function asSigner<T>(
  options: SignerOptions,
  run: (signer: LocalSigner) => T | Promise<T>,
): Promise<T> {
  const home = findHome(options.home);
  const chain = chainConfig(home, options.chain);
  showKey(home, options.key);
  // Before the passphrase question: a second signer is refused at once.
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
 * Runs something with the home's protection, as its one signer.
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

/**
 * Runs an operator's command on the home's store: as its one signer, or through the daemon that is its signer.
 * @throws TapstakeError the codes of `openProtection`; `signer-running` if a signer runs that does not answer here
 */
export async function withOperations<T>(home: Home, run: (operations: Operations) => Promise<T>): Promise<T> {
  let protection: Protection;
  try {
    protection = openProtection(home);
  } catch (error) {
    if (!(error instanceof TapstakeError) || error.code !== "signer-running") throw error;
    const { daemonOf } = await import("../signerd/admin/client.js");
    const daemon = await daemonOf(home);
    if (!daemon) throw error;
    return run(daemon);
  }
  try {
    const { operationsOn } = await import("../signerd/admin/operations.js");
    const { Backups } = await import("../signerd/backup.js");
    return await run(operationsOn(protection, new Backups(home, protection), true));
  } finally {
    protection.close();
  }
}

/** The key of `--key`, unlocked with its passphrase; the caller must wipe it. */
export const unlockFor = (
  home: Home,
  { key, ...flags }: Pick<SignerOptions, "key" | keyof PassphraseFlags>,
): Promise<UnlockedKey> =>
  withPassphrase(currentPassphrase(flags), (passphrase) => unlockKey(home, key, passphrase));

/**
 * The public key for a name or for 64 hexadecimal digits: a remote signer's key need not be in this home.
 * @throws TapstakeError `key-not-found`, `invalid-key-name`
 */
export function publicKeyNamed(home: Home, nameOrPublicKey: string): Uint8Array {
  return isPublicKey(nameOrPublicKey)
    ? hex.decode(nameOrPublicKey)
    : showKey(home, nameOrPublicKey).publicKey;
}

/** Whether the text is a public key, and not a name. */
export const isPublicKey = (nameOrPublicKey: string) => /^[0-9a-fA-F]{64}$/.test(nameOrPublicKey);

/** Warns that the machine computed wrongly, if it did. */
export function warnOfWrong(report: MultiplesReport): void {
  const message = mistrust(report);
  if (message !== undefined) warn({ code: "self-check-failed", message });
}
