import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { SecretRandomness } from "../../src/crypto/randomness.js";
import { deriveRange } from "../../src/derivation/derive.js";
import { Kernel } from "../../src/derivation/kernel.js";
import { Multiples, windowFor, WINDOWS } from "../../src/derivation/multiples.js";
import { isLong, randomOf } from "../support/runs.js";

const count = isLong ? 1_000_000 : 10_000;
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

/** The secrets of the range, for what takes scalars. */
function scalars(): Uint8Array {
  const secrets = new SecretRandomness(range.secretKey, range.chainId);
  const all = new Uint8Array(32 * count);
  for (let i = 0; i < count; i++) all.set(secrets.at(range.start + BigInt(i)), 32 * i);
  return all;
}

describe(`${count} random points`, () => {
  it("are the same from the kernel and from the library, with digits of every width", async () => {
    const library = await derived(true);
    expect(library.report).toMatchObject({ kernel: 0, library: count });
    expect(library.digests).toHaveLength(Math.ceil(count / block));
    const long = await derived(false);
    expect(long.report).toMatchObject({ kernel: count, library: 0 });
    expect(long.digests).toEqual(library.digests);
    const all = scalars();
    // The range itself has used the width of its count.
    for (const window of WINDOWS.filter((width) => width !== windowFor(count))) {
      const multiples = new Multiples({ count, kernel: new Kernel(window, block) });
      const digests = library.digests.map((_, i) =>
        digestOf(multiples.of(all.subarray(32 * block * i, 32 * block * (i + 1)))),
      );
      expect(multiples.report).toEqual({ kernel: count, library: 0, mismatches: 0, collisions: 0 });
      expect(digests).toEqual(library.digests);
    }
  });
});
