import { concatBytes } from "../core/bytes.js";
import { sha256 } from "../core/hashes.js";
import { wasm } from "./hashes-wasm.js";

/**
 * The SHA256 of `prefix ‖ item` for many items of 32 or 64 bytes, one after another: 32 bytes each. By kernel/hashes.ts,
 * four at a time; by the hashing of `core/` where WebAssembly is refused.
 */
export function hashMany(prefix: number, items: Uint8Array, length: 32 | 64): Uint8Array {
  const count = items.length / length;
  const hashes = new Uint8Array(32 * count);
  kernel ??= startKernel();
  if (kernel === "refused") {
    for (let i = 0; i < count; i++) {
      const item = items.subarray(i * length, (i + 1) * length);
      hashes.set(sha256(concatBytes(Uint8Array.of(prefix), item)), 32 * i);
    }
    return hashes;
  }
  for (let first = 0; first < count; first += CAPACITY) {
    const some = Math.min(CAPACITY, count - first);
    kernel.items.set(items.subarray(first * length, (first + some) * length));
    kernel.hash(prefix, length, some);
    hashes.set(kernel.hashes.subarray(0, 32 * some), 32 * first);
  }
  return hashes;
}

/** Items in a call of the kernel: its memory has room for so many. */
const CAPACITY = 1_024;

interface HashKernel {
  hash(prefix: number, length: number, count: number): void;
  readonly items: Uint8Array;
  readonly hashes: Uint8Array;
}

/** Undefined until it is needed. */
let kernel: HashKernel | "refused" | undefined;

function startKernel(): HashKernel | "refused" {
  const module = compiled();
  if (module === undefined) return "refused";
  const { memory, itemsAt, hashesAt, hash } = new (engine().Instance)(module).exports;
  return {
    hash,
    items: new Uint8Array(memory.buffer, itemsAt(), 64 * CAPACITY),
    hashes: new Uint8Array(memory.buffer, hashesAt(), 32 * CAPACITY),
  };
}

/** Undefined where a page forbids WebAssembly, or an engine of before 2023 lacks its vectors. */
function compiled(): object | undefined {
  try {
    return new (engine().Module)(Uint8Array.from(atob(wasm), (character) => character.charCodeAt(0)));
  } catch {
    return undefined;
  }
}

const engine = () => (globalThis as unknown as { WebAssembly: WebAssemblyLike }).WebAssembly;

/** Node's typings leave it out. */
interface WebAssemblyLike {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => {
    readonly exports: {
      readonly memory: { readonly buffer: ArrayBuffer };
      itemsAt(): number;
      hashesAt(): number;
      hash(prefix: number, length: number, count: number): void;
    };
  };
}
