import { afterEach, describe, expect, it, vi } from "vitest";
import { curve } from "../../src/core/curve/index.js";
import { Kernel } from "../../src/derivation/kernel.js";
import { mistrust, Multiples, windowFor } from "../../src/derivation/multiples.js";
import { refusal } from "../support/refusal.js";
import { isLong } from "../support/runs.js";
import { bytesOf, FaultyKernel, pointsByLibrary, randomScalars } from "./support.js";

const count = 1_100;
const scalars = randomScalars(1, count);
const expected = pointsByLibrary(scalars);
const none = { kernel: 0, library: 0, mismatches: 0, collisions: 0 };

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe("multiples of G", () => {
  it("come from the kernel where they are many, in batches", () => {
    const multiples = new Multiples({ count });
    expect(multiples.of(scalars)).toEqual(expected);
    expect(multiples.report).toEqual({ ...none, kernel: count });
    expect(multiples.of(new Uint8Array())).toEqual(new Uint8Array());
  });

  it.each([
    ["where there are few", { count: 511 }],
    ["where its steps must not depend on the scalars", { count, constantTime: true }],
  ])("come from the library %s", (_, options) => {
    const multiples = new Multiples(options);
    expect(multiples.of(scalars)).toEqual(expected);
    expect(multiples.report).toEqual({ ...none, library: count });
  });

  it("come from the library where WebAssembly is refused", () => {
    vi.stubGlobal("WebAssembly", undefined);
    const multiples = new Multiples({ count });
    expect(multiples.of(scalars)).toEqual(expected);
    expect(multiples.report).toEqual({ ...none, library: count });
  });

  it("are verified with two multiplications of the library for a batch of a thousand", () => {
    const multiples = new Multiples({ count: 1024 });
    const multiply = vi.spyOn(curve, "pointFromScalar");
    multiples.of(scalars.subarray(0, 32 * 1024));
    expect(multiply).toHaveBeenCalledTimes(2);
  });

  it("are refused for what is not a scalar", () => {
    for (const kernel of [undefined, new Kernel(6, 16)]) {
      refusal("invalid-secret-key", () => new Multiples({ count: 1, kernel }).of(bytesOf(1n, 0n, 2n)));
    }
  });

  it("have the window with the fewest additions, the table's included", () => {
    expect([512, 1_024, 4_096, 16_384, 65_536, 1_000_000].map(windowFor)).toEqual([7, 8, 10, 11, 12, 12]);
  });
});

describe("a faulty machine", () => {
  it.each<[string, (results: Uint8Array) => void]>([
    ["one bit of one x", (results) => void (results[64 * 17 + 5]! ^= 4)],
    ["one bit of one y", (results) => void (results[64 * 900 + 40]! ^= 1)],
    ["the sign of one y", (results) => void (results[64 * 3 + 63]! ^= 1)],
    ["the last point", (results) => results.copyWithin(results.length - 64, 0, 64)],
    [
      "every place, with all points there",
      (results) => {
        const first = results.slice(0, 64);
        results.copyWithin(0, 64);
        results.set(first, results.length - 64);
      },
    ],
    ["all of them", (results) => void results.set(results.toReversed())],
  ])("is detected when it breaks %s", (_, mutate) => {
    const multiples = new Multiples({ count, kernel: new FaultyKernel(mutate) });
    const batch = scalars.subarray(0, 32 * 1024);
    expect(multiples.of(batch)).toEqual(expected.subarray(0, 33 * 1024));
    expect(multiples.report).toEqual({ ...none, library: 1024, mismatches: 1 });
  });

  it.each<[string, (results: Uint8Array) => void]>([
    ["swaps two points", (results) => cycle(results, [10, 20])],
    ["moves three points in a circle", (results) => cycle(results, [3, 60, 17])],
    ["swaps the first and the last point", (results) => cycle(results, [0, 63])],
    [
      "swaps two pairs",
      (results) =>
        [
          [1, 2],
          [3, 4],
        ].forEach((pair) => cycle(results, pair)),
    ],
  ])("is detected in every batch when it %s", (_, mutate) => {
    const multiples = new Multiples({ count, kernel: new FaultyKernel(mutate) });
    const batches = isLong ? 100 : 10;
    for (let i = 0; i < batches; i++) multiples.of(scalars.subarray(0, 32 * 64));
    expect(multiples.report).toMatchObject({ kernel: 0, mismatches: batches });
    expect(mistrust(multiples.report)).toMatch(
      new RegExp(`^${batches} batches of randomness came out wrong`),
    );
  });

  /** Each of some points goes to the place of the next one. */
  function cycle(results: Uint8Array, places: readonly number[]): void {
    const last = results.slice(64 * places.at(-1)!, 64 * places.at(-1)! + 64);
    for (let i = places.length - 1; i > 0; i--) {
      results.copyWithin(64 * places[i]!, 64 * places[i - 1]!, 64 * places[i - 1]! + 64);
    }
    results.set(last, 64 * places[0]!);
  }

  it("is detected when one bit of its table flips, and each broken batch is counted", () => {
    const kernel = new Kernel(8, 1024);
    const multiples = new Multiples({ count, kernel });
    expect(multiples.of(scalars)).toEqual(expected);
    const { bytes, table } = kernel.memory;
    // One entry of the first column: four of a thousand scalars have this digit there.
    bytes[table + 72 * scalars[31]! + 20]! ^= 0x10;
    expect(multiples.of(scalars)).toEqual(expected);
    expect(multiples.report.mismatches).toBeGreaterThan(0);
    expect(multiples.report.collisions).toBe(0);
    expect(multiples.report.kernel + multiples.report.library).toBe(2 * count);
  });

  it("falls back to the library where a sum meets the table", () => {
    const multiples = new Multiples({ count, kernel: new Kernel(4, 1024, 47n) });
    expect(multiples.of(scalars)).toEqual(expected);
    expect(multiples.report.mismatches).toBe(0);
    expect(multiples.report.collisions).toBeGreaterThan(0);
    expect(mistrust(multiples.report)).toContain("came out wrong");
    expect(mistrust(none)).toBeUndefined();
  });
});
