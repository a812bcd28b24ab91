import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { assertSound, isSound, type UnverifiedSignature } from "../crypto/eots.js";
import { CheckQueue } from "./check-queue.js";

/** How the signatures of votes are verified before they are handed out. */
export interface SelfChecks {
  /** Has a signature verified, at `settle` at the latest. @throws TapstakeError `self-check-failed` */
  add(made: UnverifiedSignature): void;
  /** Returns when all that were added are verified. @throws TapstakeError `self-check-failed` */
  settle(): void;
  /** Forgets what was added and not settled. */
  drop(): void;
}

/** Each signature is verified as soon as it is made. */
export const checksAtOnce: SelfChecks = {
  add: (made) => assertSound(isSound(made)),
  settle: () => {},
  drop: () => {},
};

/**
 * Signatures are verified on a second thread while this one waits for the disk, or makes the next. Worth its memory
 * (some 10 MB) to a program that signs for long. Without that thread, should it end, all is as it is at once.
 */
export class CheckThread implements SelfChecks {
  #queue = new CheckQueue();
  #thread: Worker | undefined;
  #sound = true;

  constructor() {
    const script = createRequire(import.meta.url).resolve("#check-thread");
    this.#thread = new Worker(script, { workerData: this.#queue.memory });
    this.#thread.unref();
    // What it does not do is done here.
    this.#thread.on("error", () => {});
  }

  /** How many signatures are not verified yet. */
  get pending(): number {
    return this.#queue.pending;
  }

  add(made: UnverifiedSignature): void {
    if (this.#queue.isFull) this.#finish();
    this.#queue.add(made);
  }

  settle(): void {
    this.#finish();
    const sound = this.#sound;
    this.#sound = true;
    assertSound(sound);
  }

  drop(): void {
    if (this.#queue.pending > 0) this.#finish();
    this.#sound = true;
  }

  /** Ends the thread. Signatures are verified all the same. */
  close(): void {
    void this.#thread?.terminate();
    this.#thread = undefined;
  }

  #finish(): void {
    const sound = this.#queue.finish() ?? this.#alone();
    this.#sound &&= sound;
  }

  /** The other thread took one and never answered. */
  #alone(): boolean {
    const queue = this.#queue;
    this.close();
    this.#queue = new CheckQueue();
    return queue.allVerify();
  }
}
