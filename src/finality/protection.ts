import type { Home } from "./home.js";
import type { ProtectionStore } from "./store.js";

export type { ProtectionStore, StoredCommitment, Subject, VoteEntry } from "./store.js";

/** An open store. It is the only one of its home until it is closed. */
export interface Protection extends ProtectionStore {
  readonly home: Home;
  /** Which signer this is, in records: host and process. */
  readonly instance: string;
  /** Whether a write failed: nothing is signed until the store is opened again. */
  readonly poisoned: boolean;
  /** Closing twice is once. */
  close(): void;
}

export interface ProtectionOptions {
  /** For records; host name and process id unless given. */
  readonly instance?: string;
}

/**
 * Opens what a home remembers, after it has become the one signer of the home and has checked everything that is
 * remembered there against itself and against the second mark. A home without any memory gets an empty one.
 * @throws TapstakeError `signer-running`, `protection-missing`, `protection-empty`, `protection-behind`,
 *   `protection-corrupt`, `protection-unwritable`
 */
export declare function openProtection(home: Home, options?: ProtectionOptions): Protection;
