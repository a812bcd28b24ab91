import { concatBytes, equalBytes } from "../core/bytes.js";
import { curve } from "../core/curve/index.js";
import { TapstakeError } from "../core/errors.js";
import { GROUP_ORDER, scalar } from "../core/scalar.js";
import { Kernel } from "./kernel.js";

/** How many points were computed by what, and how often the kernel was not believed. */
export interface MultiplesReport {
  readonly kernel: number;
  readonly library: number;
  /** Batches that the kernel computed wrongly: a faulty machine. The library computed them again. */
  readonly mismatches: number;
  /** Batches that met the kernel's table, which happens to nobody, and were computed again too. */
  readonly collisions: number;
}

/** Mismatches in words for who runs the machine. */
export const mistrust = (mismatches: number): string =>
  `${mismatches} ${mismatches === 1 ? "batch" : "batches"} of randomness came out wrong, and libsecp256k1 computed them ` +
  "again, so that nothing wrong is used; but a machine that computes wrongly should sign nothing: have its memory tested";

export interface MultiplesOptions {
  /** About how many points will be asked for: the table is made for that. */
  readonly count: number;
  /** By libsecp256k1 alone, whose steps do not depend on the scalars; some twenty times as slow. */
  readonly constantTime?: boolean | undefined;
  /** What computes, for tests. */
  readonly kernel?: Kernel | undefined;
}

/**
 * Multiples of G, by the kernel where that pays, and verified against libsecp256k1 before anybody gets them: the sum of
 * a batch must be that of its scalars times G, and so must be one of its points, taken by lot. What does not hold, or
 * cannot run here, the library computes.
 */
export class Multiples {
  readonly #kernel: Kernel | undefined;
  readonly #report = { kernel: 0, library: 0, mismatches: 0, collisions: 0 };

  constructor({ count, constantTime = false, kernel }: MultiplesOptions) {
    this.#kernel = kernel ?? (constantTime || count < WORTH_A_TABLE ? undefined : startKernel(count));
  }

  get report(): MultiplesReport {
    return { ...this.#report };
  }

  /**
   * @param scalars 32 bytes each, one after another, all from 1 to n - 1
   * @returns 33 bytes each, compressed
   */
  of(scalars: Uint8Array): Uint8Array {
    const batch = 32 * (this.#kernel?.capacity ?? Infinity);
    if (scalars.length <= batch) return this.#byKernel(scalars) ?? this.#byLibrary(scalars);
    const points: Uint8Array[] = [];
    for (let at = 0; at < scalars.length; at += batch) points.push(this.of(scalars.subarray(at, at + batch)));
    return concatBytes(...points);
  }

  /** Forgets all scalars. */
  wipe(): void {
    this.#kernel?.wipe();
  }

  #byKernel(scalars: Uint8Array): Uint8Array | undefined {
    const count = scalars.length / 32;
    if (!this.#kernel || count === 0) return undefined;
    const results = this.#kernel.multiply(scalars);
    const total = results && this.#kernel.total(count);
    if (!total) this.#report.collisions++;
    else if (!this.#holds(scalars, results, total)) this.#report.mismatches++;
    else {
      this.#report.kernel += count;
      const points = new Uint8Array(33 * count);
      for (let i = 0; i < count; i++) points.set(compress(results, i), 33 * i);
      return points;
    }
    return undefined;
  }

  /** Sums of points say nothing of their order: that is what the one taken by lot is for. */
  #holds(scalars: Uint8Array, results: Uint8Array, total: Uint8Array): boolean {
    const drawn = Math.floor(Math.random() * (scalars.length / 32));
    const sum = sumOf(scalars);
    const expected = [curve.pointFromScalar(sum), curve.pointFromScalar(at(scalars, drawn))];
    sum.fill(0);
    const found = [compress(total, 0), compress(results, drawn)];
    return expected.every((point, i) => point !== null && equalBytes(point, found[i]!));
  }

  #byLibrary(scalars: Uint8Array): Uint8Array {
    const count = scalars.length / 32;
    this.#report.library += count;
    const points = new Uint8Array(33 * count);
    for (let i = 0; i < count; i++) {
      const point = curve.pointFromScalar(at(scalars, i));
      if (!point) throw new TapstakeError("invalid-secret-key", "expected a scalar between 1 and n - 1");
      points.set(point, 33 * i);
    }
    return points;
  }
}

/** Points below which a table costs more than it saves. */
const WORTH_A_TABLE = 512;

/** Scalars that share an inversion: with more, what they work on leaves the processor's nearest cache. */
const BATCH = 1024;

/** Above this, a column of the table leaves the second cache. */
const MAX_WINDOW = 12;

/** The bits of a digit with which so many points cost the fewest additions, those for the table included. */
export function windowFor(count: number): number {
  const cost = (window: number) => (2 ** window + count) * Math.ceil(256 / window) - count;
  let best = 4;
  for (let window = best; window <= MAX_WINDOW; window++) if (cost(window) < cost(best)) best = window;
  return best;
}

function startKernel(count: number): Kernel | undefined {
  try {
    return new Kernel(windowFor(count), Math.min(BATCH, count));
  } catch {
    // WebAssembly or its memory is refused here.
    return undefined;
  }
}

const at = (scalars: Uint8Array, i: number): Uint8Array => scalars.subarray(32 * i, 32 * (i + 1));

/** The sum modulo n, as 32 bytes. Words of it stay exact in numbers for two million scalars. */
function sumOf(scalars: Uint8Array): Uint8Array {
  const view = new DataView(scalars.buffer, scalars.byteOffset, scalars.length);
  const words = new Float64Array(8);
  for (let i = 0; i < scalars.length; i += 4) words[(i >> 2) & 7]! += view.getUint32(i);
  const sum = words.reduce((high, word) => (high << 32n) + BigInt(word), 0n);
  words.fill(0);
  return scalar.toBytes(sum % GROUP_ORDER);
}

/** A point of 64 bytes as 33. */
function compress(points: Uint8Array, i: number): Uint8Array {
  const point = new Uint8Array(33);
  point[0] = 2 + (points[64 * i + 63]! & 1);
  point.set(points.subarray(64 * i, 64 * i + 32), 1);
  return point;
}
