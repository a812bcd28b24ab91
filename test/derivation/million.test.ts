import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { SecretRandomness } from "../../src/crypto/randomness.js";
import { deriveRange } from "../../src/derivation/derive.js";
import { Kernel } from "../../src/derivation/kernel.js";
import { Multiples, windowFor, WINDOWS } from "../../src/derivation/multiples.js";
import { isLong, randomOf } from "../support/runs.js";

/** Enough for threads, and two blocks of each width of digits. */
const count = isLong ? 1_000_000 : 8_200;
const block = 1024;
const random = randomOf("a million points");
const secretKey = Uint8Array.from({ length: 32 }, () => 1 + random.below(254));
const range = { secretKey, chainId: "bsn-1", start: BigInt(random.below(2 ** 31)), count };

/** A hash for each thousand points: what differs is found, and nothing else is kept. */
const digestOf = (points: Uint8Array): string => hex.encode(sha256(points));

async function derived(constantTime: boolean) {
  const digests: string[] = [];
  const report = await deriveRange(range, { constantTime }, ({ points }) => digests.push(digestOf(points)));
  return { digests, report };
}

/** The secrets of the first heights of the range, for what takes scalars. */
function scalars(many: number): Uint8Array {
  const secrets = new SecretRandomness(range.secretKey, range.chainId);
  const all = new Uint8Array(32 * many);
  for (let i = 0; i < many; i++) all.set(secrets.at(range.start + BigInt(i)), 32 * i);
  return all;
}

describe(`${count} random points`, () => {
  it("are the same from the kernel and from the library, with digits of every width", async () => {
    const library = await derived(true);
    const threads = Math.min(4, availableParallelism());
    expect(library.report).toMatchObject({ kernel: 0, library: count, threads });
    expect(library.digests).toHaveLength(Math.ceil(count / block));
    const long = await derived(false);
    expect(long.report).toMatchObject({ kernel: count, library: 0 });
    expect(long.digests).toEqual(library.digests);
    const checked = library.digests.slice(0, isLong ? undefined : 2);
    const many = isLong ? count : 2 * block;
    const all = scalars(many);
    // The range itself has used the width of its count.
    for (const window of WINDOWS.filter((width) => width !== windowFor(count))) {
      const multiples = new Multiples({ count, kernel: new Kernel(window, block) });
      const digests = checked.map((_, i) =>
        digestOf(multiples.of(all.subarray(32 * block * i, 32 * block * (i + 1)))),
      );
      expect(multiples.report).toEqual({ kernel: many, library: 0, mismatches: 0, collisions: 0 });
      expect(digests).toEqual(checked);
    }
  });
});
