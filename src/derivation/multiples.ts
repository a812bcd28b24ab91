import { equalBytes, joinBytes } from "../core/bytes.js";
import { curve } from "../core/curve/index.js";
import { TapstakeError } from "../core/errors.js";
import { GROUP_ORDER, scalar } from "../core/scalar.js";
import { Kernel } from "./kernel.js";

/** How many points each implementation computed, and how often the kernel's results were wrong. */
export interface MultiplesReport {
  readonly kernel: number;
  readonly library: number;
  /** Batches with a wrong result of the kernel: the machine is faulty. The library computed them again. */
  readonly mismatches: number;
  /**
   * Batches in which sums met: with different scalars, that happens only on a faulty machine. The library computed them
   * again.
   */
  readonly collisions: number;
}

/** What was computed wrongly, in words for the operator; undefined if everything was right. */
export function mistrust({ mismatches, collisions }: MultiplesReport): string | undefined {
  const batches = mismatches + collisions;
  if (batches === 0) return undefined;
  return (
    `${batches} ${batches === 1 ? "batch" : "batches"} of randomness came out wrong, and libsecp256k1 computed them ` +
    "again, so that nothing wrong is used; but a machine that computes wrongly should sign nothing: have its memory tested"
  );
}

export interface MultiplesOptions {
  /** About how many points will be needed: the table is made for that number. */
  readonly count: number;
  /** By libsecp256k1 alone, whose steps do not depend on the scalars; some thirteen times as slow. */
  readonly constantTime?: boolean | undefined;
  /** The kernel to use, for tests. */
  readonly kernel?: Kernel | undefined;
}

/**
 * Multiples of G, by the kernel if that saves time. They are verified against libsecp256k1 before they are returned.
 *
 * The points of a batch get the weights 1, 2, 3 and so on in a random order, and their weighted sum must equal the
 * weighted sum of their scalars times G. As no two weights are equal, one wrong point fails, and so do points that changed
 * places. Several errors that cancel pass with a chance near one in the number of points. One point, chosen at random,
 * must equal its scalar times G. The library computes every batch that fails, or that the kernel cannot compute.
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
    return joinBytes(points);
  }

  /** Forgets all scalars. */
  wipe(): void {
    this.#kernel?.wipe();
  }

  #byKernel(scalars: Uint8Array): Uint8Array | undefined {
    const count = scalars.length / 32;
    if (!this.#kernel || count === 0) return undefined;
    const results = this.#kernel.multiply(scalars);
    const holds = results && this.#holds(this.#kernel, scalars, results);
    if (holds === undefined) this.#report.collisions++;
    else if (!holds) this.#report.mismatches++;
    else {
      this.#report.kernel += count;
      const points = new Uint8Array(33 * count);
      for (let i = 0; i < count; i++) points.set(compress(results, i), 33 * i);
      return points;
    }
    return undefined;
  }

  /** Undefined if sums meet. */
  #holds(kernel: Kernel, scalars: Uint8Array, results: Uint8Array): boolean | undefined {
    const order = randomOrder(scalars.length / 32);
    const drawn = order[0]!;
    const total = kernel.total(order);
    if (!total) return undefined;
    const sum = sumOf(scalars, order);
    const holds =
      isMultiple(compress(results, drawn), at(scalars, drawn)) && isMultiple(compress(total, 0), sum);
    sum.fill(0);
    return holds;
  }

  #byLibrary(scalars: Uint8Array): Uint8Array {
    const count = scalars.length / 32;
    this.#report.library += count;
    const points = new Uint8Array(33 * count);
    for (let i = 0; i < count; i++) {
      const point = curve.pointFromScalar(at(scalars, i));
      if (!point)
        throw new TapstakeError("invalid-secret-key", "the secret must be a scalar between 1 and n - 1");
      points.set(point, 33 * i);
    }
    return points;
  }
}

/** With fewer points, a table costs more time than it saves. */
const WORTH_A_TABLE = 512;

/** Scalars that share an inversion: with more, the data leaves the processor's nearest cache. */
const BATCH = 1024;

/** The sizes of digits, in bits, that are built. With larger ones, a column of the table leaves the second cache. */
export const WINDOWS: readonly number[] = [7, 8, 9, 10, 11, 12];

/** The size of digits, in bits, with the fewest additions for so many points, those for the table included. */
export function windowFor(count: number): number {
  const cost = (window: number) => (2 ** window + count) * Math.ceil(256 / window) - count;
  return WINDOWS.reduce((best, window) => (cost(window) < cost(best) ? window : best));
}

function startKernel(count: number): Kernel | undefined {
  try {
    return new Kernel(windowFor(count), Math.min(BATCH, count));
  } catch {
    // WebAssembly or its memory is refused on this platform.
    return undefined;
  }
}

const at = (scalars: Uint8Array, i: number): Uint8Array => scalars.subarray(32 * i, 32 * (i + 1));

/** Whether libsecp256k1 gives a point for a scalar. */
function isMultiple(point: Uint8Array, k: Uint8Array): boolean {
  const expected = curve.pointFromScalar(k);
  return expected !== null && equalBytes(expected, point);
}

/** The numbers below a count, shuffled (Fisher and Yates). */
function randomOrder(count: number): Uint32Array {
  const lots = globalThis.crypto.getRandomValues(new Uint32Array(count));
  const order = Uint32Array.from(lots, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = lots[i]! % (i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/**
 * The sum modulo n, as 32 bytes, of the scalars: the i-th in an order counts i + 1 times. Words of it stay exact
 * in numbers for two thousand scalars.
 */
function sumOf(scalars: Uint8Array, order: Uint32Array): Uint8Array {
  const view = new DataView(scalars.buffer, scalars.byteOffset, scalars.length);
  const words = new Float64Array(8);
  order.forEach((place, i) => {
    for (let word = 0; word < 8; word++) words[word]! += (i + 1) * view.getUint32(32 * place + 4 * word);
  });
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
