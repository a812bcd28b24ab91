import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import type { Home } from "../finality/home.js";
import type { Passphrase } from "../finality/keys/keyfile.js";
import { type KeyInfo, showKey, type UnlockedKey, unlockKeyAsync } from "../finality/keys/keystore.js";

/** The longest wait. After the first wrong passphrase it is a second; it doubles with each further one. */
const LONGEST_WAIT = 60_000;

/** The keys of a home, and which of them are unlocked. */
export class KeyRing {
  readonly #unlocked = new Map<string, UnlockedKey>();
  readonly #failures = new Map<string, { count: number; until: number }>();
  readonly #busy = new Set<string>();

  constructor(
    private readonly home: Home,
    private readonly now: () => number = Date.now,
  ) {}

  get unlocked(): readonly KeyInfo[] {
    return [...this.#unlocked.values()];
  }

  /** @throws TapstakeError `key-locked`, `key-not-found` */
  get(publicKey: Uint8Array): UnlockedKey {
    const id = hex.encode(publicKey);
    const key = this.#unlocked.get(id);
    if (key) return key;
    const { name } = showKey(this.home, id);
    throw new TapstakeError(
      "key-locked",
      `the key ${name} is locked: give its passphrase with tapstake fp unlock ${id} (UnlockKey), or start the ` +
        `signer with --unlock ${name}`,
      { name },
    );
  }

  /**
   * Unlocks a key for callers, one attempt at a time: after wrong passphrases, the next attempt must wait. An unlocked
   * key stays unlocked, whatever the passphrase.
   * @throws TapstakeError `too-many-attempts`, `wrong-passphrase`, `key-not-found`
   */
  async unlock(publicKey: Uint8Array, passphrase: Passphrase): Promise<KeyInfo> {
    const id = hex.encode(publicKey);
    const open = this.#unlocked.get(id);
    if (open) return open;
    showKey(this.home, id);
    const failures = this.#failures.get(id) ?? { count: 0, until: 0 };
    if (this.#busy.has(id) || this.now() < failures.until) throw tooMany(failures.until - this.now());
    this.#busy.add(id);
    try {
      return await this.open(id, passphrase);
    } catch (error) {
      if (!(error instanceof TapstakeError && error.code === "wrong-passphrase")) throw error;
      const count = failures.count + 1;
      const wait = Math.min(1000 * 2 ** (count - 1), LONGEST_WAIT);
      this.#failures.set(id, { count, until: this.now() + wait });
      throw error;
    } finally {
      this.#busy.delete(id);
    }
  }

  /** Unlocks a key by name, for the operator at start. @throws TapstakeError as `unlockKey` */
  async open(nameOrPublicKey: string, passphrase: Passphrase): Promise<KeyInfo> {
    const key = await unlockKeyAsync(this.home, nameOrPublicKey, passphrase);
    const id = hex.encode(key.publicKey);
    this.#failures.delete(id);
    this.#unlocked.set(id, key);
    return key;
  }

  wipe(): void {
    for (const key of this.#unlocked.values()) key.wipe();
    this.#unlocked.clear();
  }
}

function tooMany(milliseconds: number): TapstakeError {
  const seconds = Math.max(1, Math.ceil(milliseconds / 1000));
  const message = `a passphrase was wrong, or is being tried: wait ${seconds} s before the next attempt`;
  return new TapstakeError("too-many-attempts", message, { seconds });
}
