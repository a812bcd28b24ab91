import { isSound, type UnverifiedSignature } from "../crypto/eots.js";

/**
 * Signatures to verify, in memory that two threads share: whoever has time takes the next one, until none is left.
 * One thread alone adds and ends.
 */
export class CheckQueue {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #cells: Uint8Array;

  /** @param memory of a queue that another thread made */
  constructor(memory = new SharedArrayBuffer(HEAD + CAPACITY * CELL)) {
    this.memory = memory;
    this.#words = new Int32Array(memory, 0, HEAD / 4);
    this.#cells = new Uint8Array(memory, HEAD);
  }

  get isFull(): boolean {
    return this.#load(ADDED) === CAPACITY;
  }

  /** How many are not verified yet. */
  get pending(): number {
    return this.#load(ADDED) - this.#load(DONE);
  }

  /** To a queue that is not full. */
  add({ digest, publicKey, signature }: UnverifiedSignature): void {
    const at = this.#load(ADDED) * CELL;
    this.#cells.set(digest, at);
    this.#cells.set(publicKey, at + 32);
    this.#cells.set(signature, at + 64);
    Atomics.add(this.#words, ADDED, 1);
    Atomics.add(this.#words, CALLS, 1);
    Atomics.notify(this.#words, CALLS);
  }

  /** Verifies until there is nothing left to take. */
  work(): void {
    for (;;) {
      const next = this.#load(TAKEN);
      if (next >= this.#load(ADDED)) return;
      if (Atomics.compareExchange(this.#words, TAKEN, next, next + 1) !== next) continue;
      if (!isSound(this.#at(next))) Atomics.store(this.#words, BAD, 1);
      Atomics.add(this.#words, DONE, 1);
      Atomics.notify(this.#words, DONE);
    }
  }

  /** Works for another thread, for as long as this one lives. */
  serve(): never {
    for (;;) {
      const calls = this.#load(CALLS);
      this.work();
      Atomics.wait(this.#words, CALLS, calls);
    }
  }

  /**
   * Whether all verify; the queue is empty then. Undefined when the other thread has not answered for one that it
   * took: the queue is of no use any more.
   */
  finish(): boolean | undefined {
    this.work();
    for (let done = this.#load(DONE); done < this.#load(ADDED); done = this.#load(DONE)) {
      if (Atomics.wait(this.#words, DONE, done, PATIENCE) === "timed-out") return undefined;
    }
    const sound = this.#load(BAD) === 0;
    for (const word of [ADDED, TAKEN, DONE, BAD]) Atomics.store(this.#words, word, 0);
    return sound;
  }

  /** Whether all verify, by this thread's own work alone. */
  allVerify(): boolean {
    return Array.from({ length: this.#load(ADDED) }, (_, i) => this.#at(i)).every(isSound);
  }

  #at(index: number): UnverifiedSignature {
    const part = (from: number, to: number) => this.#cells.slice(index * CELL + from, index * CELL + to);
    return { digest: part(0, 32), publicKey: part(32, 64), signature: part(64, 128) };
  }

  #load(word: number): number {
    return Atomics.load(this.#words, word);
  }
}

/** How many were added, taken and verified; whether one was bad; how often the other thread was called. */
const [ADDED, TAKEN, DONE, BAD, CALLS] = [0, 1, 2, 3, 4] as const;
const HEAD = 64;
/** Digest, key, signature. */
const CELL = 32 + 32 + 64;
const CAPACITY = 1_024;
/** Milliseconds that a thread may take over one signature, which is a fifth of one. */
const PATIENCE = 2_000;
