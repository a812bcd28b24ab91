import { describe, expect, it } from "vitest";
import type { TapstakeError } from "../../../src/core/errors.js";
import { RandomnessCache } from "../../../src/finality/randomness/cache.js";
import {
  commitRandomness,
  commitStored,
  proveCommitted,
  proveIn,
} from "../../../src/finality/randomness/commit.js";
import { verifyCommitment, verifyRandomness } from "../../../src/vote/vote.js";
import { CHAIN, hash, inHome, newSigner, testKey, voterOf } from "../../support/signer.js";

const key = testKey();
const CONTEXT = "cd".repeat(32);

async function expectRefused(
  code: TapstakeError["code"],
  run: () => Promise<unknown>,
): Promise<TapstakeError> {
  const error = (await run().then(
    () => undefined,
    (thrown: unknown) => thrown,
  )) as TapstakeError | undefined;
  expect(error?.code).toBe(code);
  return error!;
}

describe("a stored commitment", () => {
  it("has the root of the plain one for every shape of tree, and each proof verifies", async () => {
    const { protection } = newSigner();
    const cache = new RandomnessCache();
    let start = 1000n;
    for (const count of [1, 2, 3, 255, 256, 257, 511, 513, 770]) {
      const request = {
        key,
        chain: { ...CHAIN, voteContext: CONTEXT, commitContext: CONTEXT },
        protection,
        cache,
      };
      const commitment = await commitStored({ ...request, start, count });
      const plain = commitRandomness({
        secretKey: key.secretKey,
        chainId: CHAIN.id,
        startHeight: start,
        count,
        context: CONTEXT,
      });
      expect(commitment).toEqual({ ...plain.commitment, signature: commitment.signature });
      expect(verifyCommitment(commitment)).toBe(true);
      for (const index of new Set(
        [0, 1, count - 1, Math.floor(count / 2), 255, 256].filter((i) => i < count),
      )) {
        const height = start + BigInt(index);
        const proven = await proveCommitted({ ...request, height });
        expect(proven.proof).toEqual(plain.proof(height));
        expect(proven.commitment).toEqual(commitment);
        expect(verifyRandomness(commitment, height, proven.publicRandomness, proven.proof)).toBe(true);
      }
      start += BigInt(count);
    }
    protection.close();
  });

  it("is kept after a restart, and its randomness is that of the votes", async () => {
    const { home, protection } = newSigner();
    const commitment = await commitStored({ key, chain: CHAIN, protection, start: 10n, count: 300 });
    protection.close();
    const next = inHome(home, (again) => again.commitments(key.publicKey, CHAIN.id));
    expect(next).toMatchObject([{ startHeight: 10n, count: 300, root: commitment.root }]);
    const { protection: open } = newSigner();
    const vote = voterOf(open).vote({ height: 20n, appHash: hash(1) });
    open.importInterchange({
      metadata: { format: "tapstake-protection", version: 1, exportedAt: "" },
      data: [],
    });
    await commitStored({ key, chain: CHAIN, protection: open, start: 10n, count: 300 });
    const { publicRandomness } = await proveCommitted({ key, chain: CHAIN, protection: open, height: 20n });
    expect(vote).toMatchObject({ publicRandomness });
    open.close();
  });

  it("is proved after an import too, although the file has no hashes", async () => {
    const { protection } = newSigner();
    await commitStored({ key, chain: CHAIN, protection, start: 10n, count: 300 });
    const exported = JSON.parse(JSON.stringify(protection.exportInterchange()));
    protection.close();
    const { protection: next } = newSigner();
    next.importInterchange(exported);
    const { commitment, publicRandomness, proof } = await proveCommitted({
      key,
      chain: CHAIN,
      protection: next,
      height: 299n,
    });
    expect(verifyRandomness(commitment, 299n, publicRandomness, proof)).toBe(true);
    next.close();
  });

  it("is proved from a copy of it without a store, and only with the committing key", async () => {
    const { protection } = newSigner();
    const commitment = await commitStored({ key, chain: CHAIN, protection, start: 10n, count: 300 });
    const stored = await proveCommitted({ key, chain: CHAIN, protection, height: 299n });
    const request = { key, chain: CHAIN, height: 299n };
    let derived = 0;
    const onProgress = (done: number) => (derived = Math.max(derived, done));
    expect(await proveIn(commitment, { ...request, onProgress })).toEqual(stored);
    expect(derived).toBe(300);
    for (const height of [9n, 310n]) {
      await expectRefused("no-commitment", () => proveIn(commitment, { ...request, height }));
    }
    await expectRefused("invalid-number", () => proveIn(commitment, { ...request, height: -1n }));
    const other = testKey(8);
    await expectRefused("key-mismatch", () => proveIn(commitment, { ...request, key: other }));
    const changed = { ...commitment, count: 301 };
    await expectRefused("invalid-signature", () => proveIn(changed, request));
    const elsewhere = { ...CHAIN, id: "another" };
    await expectRefused("invalid-proof", () => proveIn(commitment, { ...request, chain: elsewhere }));
    protection.close();
  });

  it("to the randomness of another derivation is not proved", async () => {
    const { protection } = newSigner();
    protection.addCommitment(key.publicKey, CHAIN.id, {
      startHeight: 0n,
      count: 10,
      root: hash(1),
      signature: new Uint8Array(64),
      subtrees: null,
    });
    await expectRefused("invalid-proof", () => proveCommitted({ key, chain: CHAIN, protection, height: 5n }));
    protection.close();
  });

  it("fills the cache, so that its votes derive no points", async () => {
    const { protection } = newSigner();
    const cache = new RandomnessCache(1000);
    await commitStored({ key, chain: CHAIN, protection, start: 0n, count: 300, cache });
    expect(cache.size).toBe(300);
    protection.close();
  });
});

describe("a commitment is refused", () => {
  it("where it overlaps an earlier one, and the error names that one", async () => {
    const { protection } = newSigner();
    const request = { key, chain: CHAIN, protection };
    await commitStored({ ...request, start: 100n, count: 50 });
    for (const [start, count] of [
      [100n, 50],
      [99n, 2],
      [149n, 1],
      [0n, 1000],
      [120n, 1],
      [51n, 50],
    ] as const) {
      const error = await expectRefused("commitment-overlap", () =>
        commitStored({ ...request, start, count }),
      );
      expect(error.details).toMatchObject({ startHeight: 100n, count: 50 });
    }
    await commitStored({ ...request, start: 150n, count: 1 });
    await commitStored({ ...request, start: 99n, count: 1 });
    await commitStored({ ...request, chain: { id: "other", minCount: 1 }, start: 100n, count: 1 });
    protection.close();
  });

  it("where two overlapping ones are made at once: one is stored", async () => {
    const { protection } = newSigner();
    const request = { key, chain: CHAIN, protection, count: 100 };
    const made = await Promise.allSettled([
      commitStored({ ...request, start: 0n }),
      commitStored({ ...request, start: 50n }),
    ]);
    expect(made.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(protection.commitments(key.publicKey, CHAIN.id)).toHaveLength(1);
    protection.close();
  });

  it("below the chain's minimum, at no heights, and beyond 64 bits", async () => {
    const { protection } = newSigner();
    const request = { key, chain: { ...CHAIN, minCount: 100 }, protection };
    const error = await expectRefused("count-too-small", () =>
      commitStored({ ...request, start: 0n, count: 99 }),
    );
    expect(error.details).toEqual({ minimum: 100, count: 99 });
    for (const count of [0, -1, 1.5, 2 ** 32]) {
      await expectRefused("invalid-number", () => commitStored({ ...request, start: 0n, count }));
    }
    await expectRefused("invalid-number", () =>
      commitStored({ ...request, start: 2n ** 64n - 100n, count: 100 }),
    );
    await expectRefused("height-too-high", () =>
      commitStored({ ...request, start: 1_000_000_000_000n - 98n, count: 100 }),
    );
    await commitStored({ ...request, start: 1_000_000_000_000n - 99n, count: 100 });
    await expectRefused("no-commitment", () => proveCommitted({ ...request, height: 5n }));
    protection.close();
  });

  it("when it is cancelled: nothing is stored, progress was reported, and other work ran", async () => {
    const { protection } = newSigner();
    const stop = new AbortController();
    const progress: number[] = [];
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    await expectRefused("cancelled", () =>
      commitStored({
        key,
        chain: CHAIN,
        protection,
        start: 0n,
        count: 50_000,
        signal: stop.signal,
        onProgress: (done, total) => {
          progress.push(done);
          expect(total).toBe(50_000);
          if (done >= 600) stop.abort();
        },
      }),
    );
    clearInterval(timer);
    expect(progress).toEqual([...progress].toSorted((a, b) => a - b));
    // One block, which is not divided.
    expect(progress.at(-1)).toBe(1_024);
    expect(turns).toBeGreaterThan(5);
    expect(protection.commitments(key.publicKey, CHAIN.id)).toEqual([]);
    protection.close();
  });
});

describe("the cache of randomness", () => {
  it("keeps the newest entries, used or not, up to its capacity", () => {
    const cache = new RandomnessCache(3);
    for (const height of [1n, 2n, 3n]) cache.pair(key, "c", height);
    cache.get(key.publicKey, "c", 1n);
    cache.pair(key, "c", 4n);
    const kept = [1n, 2n, 3n, 4n].filter((height) => cache.get(key.publicKey, "c", height));
    expect(kept).toEqual([2n, 3n, 4n]);
    expect(cache.size).toBe(3);
    expect(cache.get(key.publicKey, "d", 1n)).toBeUndefined();
    expect(() => new RandomnessCache(0)).toThrow("capacity");
  });
});
