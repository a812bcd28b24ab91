import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { curve } from "../../src/core/curve/index.js";
import { sha256 } from "../../src/core/hashes.js";
import { GROUP_ORDER as n, scalar } from "../../src/core/scalar.js";
import { wasm } from "../../src/derivation/kernel-wasm.js";
import { Kernel } from "../../src/derivation/kernel.js";
import { isLong, some } from "../support/runs.js";
import { bytesOf, pointsByLibrary, randomScalars } from "./support.js";

/** Points of 64 bytes as 33 each. */
function compressed(results: Uint8Array): Uint8Array {
  const count = results.length / 64;
  const points = new Uint8Array(33 * count);
  for (let i = 0; i < count; i++) {
    points[33 * i] = 2 + (results[64 * i + 63]! & 1);
    points.set(results.subarray(64 * i, 64 * i + 32), 33 * i + 1);
  }
  return points;
}

/** All digits that stand at an end of their range, in every place, and what lies beside them. */
function edges(window: number): bigint[] {
  const found = new Set([1n, 2n, 3n, n - 1n, n - 2n, n - 3n, n / 2n, n / 2n + 1n]);
  for (let place = 0n; place < 256n; place += BigInt(window)) {
    for (const digit of [1n, 2n ** BigInt(window) - 1n, 2n ** BigInt(window), 2n ** BigInt(window) + 1n]) {
      const at = digit << place;
      for (const k of [at - 1n, at, at + 1n, n - at]) {
        if (k > 0n && k < n) found.add(k);
      }
    }
  }
  return [...found];
}

/** Widths of digits, in bits. */
const WINDOWS = Array.from({ length: 16 }, (_, i) => i + 1);

describe("the kernel", () => {
  it.each(some(WINDOWS, 1))(
    "equals libsecp256k1, with digits of %i bits: at the edges of digits, and for random scalars",
    (window) => {
      const kernel = new Kernel(window, 600);
      const special = edges(window).map((k) => scalar.toBytes(k));
      const random = isLong ? 1_200 : 200;
      const scalars = new Uint8Array(32 * Math.ceil((special.length + random) / 600) * 600);
      scalars.set(randomScalars(window, scalars.length / 32));
      special.forEach((bytes, i) => scalars.set(bytes, 32 * i));
      for (let at = 0; at < scalars.length; at += 32 * 600) {
        const batch = scalars.subarray(at, at + 32 * 600);
        expect(compressed(kernel.multiply(batch)!)).toEqual(pointsByLibrary(batch));
      }
    },
  );

  it("accepts batches of any size up to its capacity", () => {
    const capacity = isLong ? 70 : 40;
    const kernel = new Kernel(5, capacity);
    for (let count = 1; count <= capacity; count++) {
      const scalars = randomScalars(count, count);
      expect(compressed(kernel.multiply(scalars)!)).toEqual(pointsByLibrary(scalars));
    }
  });

  it("adds the results up, in any order, to the weighted sum of their scalars times G", () => {
    const kernel = new Kernel(7, 500);
    for (const count of [1, 2, 3, 499, 500]) {
      const scalars = randomScalars(count, count);
      kernel.multiply(scalars);
      const all = Array.from({ length: count }, (_, i) => scalars.subarray(32 * i, 32 * i + 32));
      const forth = Uint32Array.from(all, (_, i) => i);
      // 7 has no factor in common with these counts.
      for (const order of [forth, forth.toReversed(), forth.map((i) => (7 * i + 1) % count)]) {
        const weighted = [...order].map((place, i) => scalar.reduce(all[place]!) * BigInt(i + 1));
        const sum = scalar.toBytes(weighted.reduce((a, b) => a + b) % n);
        expect(compressed(kernel.total(order)!)).toEqual(curve.pointFromScalar(sum));
      }
    }
    expect(kernel.total(new Uint32Array())).toBeUndefined();
  });

  it("reports a sum of results that meets the next one", () => {
    const kernel = new Kernel(7, 3);
    // 3 meets 1 + 2; 5 meets itself; 7 meets its negative; of 2, -1 and 3, the sums meet.
    for (const scalars of [
      bytesOf(3n, 2n, 1n),
      bytesOf(5n, 5n),
      bytesOf(7n, n - 7n),
      bytesOf(2n, n - 1n, 3n),
    ]) {
      expect(kernel.multiply(scalars)).toBeDefined();
      expect(kernel.total(Uint32Array.from({ length: scalars.length / 32 }, (_, i) => i))).toBeUndefined();
    }
  });

  it("is below 6,000 bytes, and has the hash in wasm.sha256", () => {
    const bytes = Buffer.from(wasm, "base64");
    expect(bytes.length).toBeLessThan(6_000);
    const accepted = readFileSync(new URL("../../kernel/wasm.sha256", import.meta.url), "utf8");
    expect(accepted.split("\n")).toContain(`${hex.encode(sha256(bytes))}  index.ts`);
  });
});

describe("a sum that meets the table (dx = 0)", () => {
  /** With digits of 4 bits and this offset the first sum, 2 × 47 + 1, is the entry 47 + 3 × 16 of the next column. */
  const [bits, offset, meeting] = [4, 47n, 0x31n];

  it("happens in one of 256 scalars where the offset is chosen for it, and is detected", () => {
    const kernel = new Kernel(bits, 1024, offset);
    expect(kernel.multiply(bytesOf(meeting))).toBeUndefined();
    expect(compressed(kernel.multiply(bytesOf(meeting + 1n))!)).toEqual(
      pointsByLibrary(bytesOf(meeting + 1n)),
    );
    let failed = 0;
    for (let seed = 1; seed <= 20; seed++)
      if (!kernel.multiply(randomScalars(seed, 1024))) failed++;
      else expect.unreachable("no sum of 1024 random scalars meets the table");
    expect(failed).toBe(20);
  });

  it("is detected at every place of a batch", () => {
    const kernel = new Kernel(bits, 33, offset);
    for (let place = 0; place < 33; place++) {
      const scalars = Array.from({ length: 33 }, (_, i) => BigInt(i === place ? meeting : 256 * i + 2));
      expect(kernel.multiply(bytesOf(...scalars))).toBeUndefined();
    }
    expect(kernel.multiply(bytesOf(2n))).toBeDefined();
  });

  it("is detected while the table is computed", () => {
    // The second column begins with the offset, to which its step is added first: 2^4.
    expect(() => new Kernel(4, 16, 16n)).toThrow("the offset meets the table");
    expect(() => new Kernel(4, 16, 0n)).toThrow("the offset meets the table");
  });

  // Scalars of few digits: every other place adds 0 to 0, or 0 to what is there.
  const few = bytesOf(
    ...Array.from({ length: 600 }, (_, i) => BigInt(i + 1)),
    ...Array.from({ length: 255 }, (_, i) => 1n << BigInt(i)),
    ...Array.from({ length: 169 }, (_, i) => 0x11n << BigInt(i)),
  );
  let expected: string | undefined;

  it.each([1, 2, 3, 4, 5])(
    "does not happen with digits of %i bits and a random offset, where plain sums would meet at every scalar",
    (window) => {
      expected ??= hex.encode(pointsByLibrary(few));
      for (let i = 0; i < (isLong ? 5 : 2); i++) {
        const kernel = new Kernel(window, few.length / 32);
        expect(hex.encode(compressed(kernel.multiply(few)!))).toBe(expected);
      }
    },
  );
});

describe("wiping the kernel", () => {
  it("leaves no part of the scalars in its memory, in either order of bytes", () => {
    const kernel = new Kernel(6, 64);
    const scalars = randomScalars(3, 64);
    const traces = Array.from({ length: 64 }, (_, i) => scalars.slice(32 * i, 32 * i + 32)).flatMap((k) => [
      Buffer.from(k),
      Buffer.from(k.toReversed()),
    ]);
    const found = () => traces.filter((trace) => Buffer.from(kernel.memory.bytes).includes(trace)).length;
    kernel.multiply(scalars);
    expect(found()).toBe(128);
    kernel.wipe();
    expect(found()).toBe(0);
    // All that remains is what was there before the first batch.
    const { bytes } = kernel.memory;
    const fresh = bytes.slice();
    kernel.multiply(scalars);
    kernel.total(Uint32Array.from({ length: 64 }, (_, i) => i));
    kernel.wipe();
    expect(Buffer.compare(bytes, fresh)).toBe(0);
    expect(compressed(kernel.multiply(scalars)!)).toEqual(pointsByLibrary(scalars));
  });
});
