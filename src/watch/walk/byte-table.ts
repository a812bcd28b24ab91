import { randomInt } from "node:crypto";

/** 32 bits drawn at each start, so that no one can make keys that collide. */
const randomWord = (): number => randomInt(2 ** 32) | 0;

/**
 * A set of byte strings of one length, for look-ups in the middle of a block without a slice of it. Open addressing in
 * typed arrays: each slot has a fingerprint and the number of its key. A walk reads {@link filter}, {@link slots} and
 * {@link seeds} itself, as a call for each input of a block would cost more than the look-up.
 *
 * The table grows; keys stay for the life of the process, as few ever leave.
 */
export class ByteTable {
  readonly length: number;
  /** Two numbers a slot: the fingerprint, and the number of the key from 1; 0 is an empty slot. */
  slots: Int32Array;
  /** The number of slots less 1; a power of two less 1. */
  mask: number;
  /** One bit for each key among eight times as many as slots: most look-ups end here, in the processor's cache. */
  filter: Int32Array;
  keys: Uint8Array;
  size = 0;
  readonly seeds: Int32Array = Int32Array.from({ length: 4 }, () => randomWord() | 1);

  constructor(length: number, expected = 0) {
    this.length = length;
    let slots = 1024;
    while (slots < 2 * expected) slots *= 2;
    this.slots = new Int32Array(2 * slots);
    this.mask = slots - 1;
    this.filter = new Int32Array(slots / 4);
    this.keys = new Uint8Array(Math.max(512, expected) * length);
  }

  has(bytes: Uint8Array, at = 0): boolean {
    return this.find(bytes, at) !== -1;
  }

  add(key: Uint8Array): void {
    if (key.length !== this.length) throw new RangeError(`keys must have ${this.length} bytes`);
    if (this.find(key, 0) !== -1) return;
    if (2 * (this.size + 1) > this.mask + 1) this.#grow();
    if ((this.size + 1) * this.length > this.keys.length) {
      const larger = new Uint8Array(2 * this.keys.length);
      larger.set(this.keys);
      this.keys = larger;
    }
    this.keys.set(key, this.size * this.length);
    this.size++;
    this.#place(this.size);
  }

  /** The number of a key from 0, or -1. */
  find(bytes: Uint8Array, at: number): number {
    const { slots, mask } = this;
    const print = fingerprint(bytes, at, this.seeds, this.length);
    let slot = (print ^ (print >>> 16)) & mask;
    for (;;) {
      const number = slots[2 * slot + 1]!;
      if (number === 0) return -1;
      if (slots[2 * slot] === print && this.isKey(number - 1, bytes, at)) return number - 1;
      slot = (slot + 1) & mask;
    }
  }

  /** Whether the key of this number stands at `at`. */
  isKey(number: number, bytes: Uint8Array, at: number): boolean {
    const { keys, length } = this;
    const start = number * length;
    for (let i = 0; i < length; i++) if (keys[start + i] !== bytes[at + i]) return false;
    return true;
  }

  #place(number: number): void {
    const { slots, mask, keys, length, seeds } = this;
    const print = fingerprint(keys, (number - 1) * length, seeds, length);
    let slot = (print ^ (print >>> 16)) & mask;
    while (slots[2 * slot + 1] !== 0) slot = (slot + 1) & mask;
    slots[2 * slot] = print;
    slots[2 * slot + 1] = number;
    const bit = print & (8 * mask + 7);
    this.filter[bit >>> 5]! |= 1 << (bit & 31);
  }

  #grow(): void {
    const slots = 2 * (this.mask + 1);
    this.slots = new Int32Array(2 * slots);
    this.mask = slots - 1;
    this.filter = new Int32Array(slots / 4);
    for (let number = 1; number <= this.size; number++) this.#place(number);
  }
}

/**
 * A fingerprint of the bytes at `at`: of their first 12 bytes and their last 4, which of an outpoint is the index. The
 * walk has the same lines in its loop.
 */
function fingerprint(bytes: Uint8Array, at: number, seeds: Int32Array, length: number): number {
  const last = at + length - 4;
  let print = Math.imul(wordAt(bytes, at) ^ seeds[0]!, 0x9e3779b1);
  print = Math.imul(print ^ (print >>> 15) ^ wordAt(bytes, at + 4) ^ seeds[1]!, 0x85ebca6b);
  print = Math.imul(print ^ (print >>> 13) ^ wordAt(bytes, at + 8) ^ seeds[2]!, 0xc2b2ae35);
  print = Math.imul(print ^ (print >>> 16) ^ wordAt(bytes, last) ^ seeds[3]!, 0x27d4eb2f);
  return print ^ (print >>> 15);
}

const wordAt = (bytes: Uint8Array, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
