import { GROUP_ORDER, scalar } from "../core/scalar.js";
import { wasm } from "./kernel-wasm.js";

/** What kernel/index.ts exports; it documents each function. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  prepare(window: number, batch: number): void;
  build(): number;
  multiply(count: number): number;
  total(count: number): number;
  wipe(): void;
  scalarsAt(): number;
  resultsAt(): number;
  orderAt(): number;
  tableAt(): number;
}

/** Node's typings leave it out. */
interface WebAssemblyLike {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { readonly exports: unknown };
}

/** The kernel in WebAssembly, with its table: many multiples of G at once, unverified. */
export class Kernel {
  /** Scalars in a batch, at most. */
  readonly capacity: number;
  readonly #exports: Exports;

  /**
   * Computes the table: 72 bytes for each of 2^window digits of each of 256 / window places.
   * @param window bits of a digit, from 1 to 16
   * @param offset an unpredictable scalar, which keeps sums from meeting entries of the table
   * @throws if the platform refuses WebAssembly, or the memory
   */
  constructor(window: number, capacity: number, offset: bigint = freshScalar()) {
    const { Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyLike }).WebAssembly;
    compiled ??= new Module(Uint8Array.from(atob(wasm), (character) => character.charCodeAt(0)));
    this.#exports = new Instance(compiled).exports as Exports;
    this.capacity = capacity;
    this.#exports.prepare(window, capacity);
    const places = BigInt(Math.ceil(256 / window));
    const shifts = [2n * offset, offset, GROUP_ORDER - ((places * offset) % GROUP_ORDER)];
    this.#write(shifts.map((shift) => scalar.toBytes(shift % GROUP_ORDER)));
    if (!this.#exports.build()) throw new RangeError("the offset meets the table");
  }

  /**
   * The multiples of some scalars of 32 bytes big-endian: 64 bytes each, x and y. Undefined if a sum met an entry of
   * the table. The result is the kernel's own memory, valid until the next batch.
   */
  multiply(scalars: Uint8Array): Uint8Array | undefined {
    this.#write([scalars]);
    const count = scalars.length / 32;
    return this.#exports.multiply(count) ? this.#at(this.#exports.resultsAt(), 64 * count) : undefined;
  }

  /**
   * The sum, as 64 bytes, of the results: the i-th in an order counts i + 1 times. Undefined if sums meet on the
   * way, or there are no results.
   * @param order each result once, by its place
   */
  total(order: Uint32Array): Uint8Array | undefined {
    const count = order.length;
    new Uint32Array(this.#exports.memory.buffer, this.#exports.orderAt(), count).set(order);
    return this.#exports.total(count)
      ? this.#at(this.#exports.resultsAt() + 64 * count, 64).slice()
      : undefined;
  }

  /** Forgets every batch. */
  wipe(): void {
    this.#exports.wipe();
  }

  /** All of its memory, and where the table begins: tests look for secrets in it, or damage it. */
  get memory(): { readonly bytes: Uint8Array; readonly table: number } {
    return { bytes: new Uint8Array(this.#exports.memory.buffer), table: this.#exports.tableAt() };
  }

  #write(parts: readonly Uint8Array[]): void {
    let at = this.#exports.scalarsAt();
    for (const part of parts) {
      this.#at(at, part.length).set(part);
      at += part.length;
    }
  }

  #at(address: number, length: number): Uint8Array {
    return new Uint8Array(this.#exports.memory.buffer, address, length);
  }
}

let compiled: object | undefined;

function freshScalar(): bigint {
  return scalar.reduce(globalThis.crypto.getRandomValues(new Uint8Array(32)));
}
