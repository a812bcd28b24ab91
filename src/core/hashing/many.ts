import { wasm } from "./many-wasm.js";

/** `Hashing.hashMany` by kernel/hashes.ts, four hashes at a time. */
export function hashMany(prefix: number, items: Uint8Array, length: 32 | 64): Uint8Array {
  const count = items.length / length;
  const hashes = new Uint8Array(32 * count);
  kernel ??= startKernel();
  for (let first = 0; first < count; first += CAPACITY) {
    const some = Math.min(CAPACITY, count - first);
    kernel.items.set(items.subarray(first * length, (first + some) * length));
    kernel.hash(prefix, length, some);
    hashes.set(kernel.hashes.subarray(0, 32 * some), 32 * first);
  }
  return hashes;
}

/** The items in one call of the kernel: its memory holds so many. */
const CAPACITY = 1_024;

interface HashKernel {
  hash(prefix: number, length: number, count: number): void;
  readonly items: Uint8Array;
  readonly hashes: Uint8Array;
}

/** Undefined until it is needed. */
let kernel: HashKernel | undefined;

function startKernel(): HashKernel {
  const { Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyLike }).WebAssembly;
  const bytes = Uint8Array.from(atob(wasm), (character) => character.charCodeAt(0));
  const { memory, itemsAt, hashesAt, hash } = new Instance(new Module(bytes)).exports;
  return {
    hash,
    items: new Uint8Array(memory.buffer, itemsAt(), 64 * CAPACITY),
    hashes: new Uint8Array(memory.buffer, hashesAt(), 32 * CAPACITY),
  };
}

/** Node's typings leave it out. */
interface WebAssemblyLike {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (compiled: object) => {
    readonly exports: {
      readonly memory: { readonly buffer: ArrayBuffer };
      itemsAt(): number;
      hashesAt(): number;
      hash(prefix: number, length: number, count: number): void;
    };
  };
}
