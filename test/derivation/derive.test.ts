import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";
import { concatBytes, hex } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { merkle, rootOfHashes } from "../../src/crypto/merkle.js";
import { randomness } from "../../src/crypto/randomness.js";
import { type DerivedBlock, hashesIn, xOnly } from "../../src/derivation/block.js";
import { type DerivationOptions, deriveRange } from "../../src/derivation/derive.js";
import { isLong, some } from "../support/runs.js";
import { eotsVectors } from "../support/vectors.js";

const secretKey = new Uint8Array(32).fill(5);
const chainId = "bsn-1";

interface Range {
  readonly start?: bigint;
  readonly count: number;
  readonly interval?: bigint;
}

async function derive({ start = 1n, ...range }: Range, options: DerivationOptions = {}) {
  const blocks: DerivedBlock[] = [];
  const report = await deriveRange({ secretKey, chainId, start, ...range }, options, (block) =>
    blocks.push(block),
  );
  const points = concatBytes(...blocks.map((block) => block.points));
  const root = rootOfHashes(blocks.flatMap(({ subtrees }) => hashesIn(subtrees)));
  return { blocks, points, root, report };
}

const sound = { kernel: 0, library: 0, mismatches: 0, collisions: 0, threads: 0 };
/** As many as there are processors, at most. */
const beside = (threads: number) => Math.min(threads, availableParallelism());

describe("the randomness of a range", () => {
  it("is that of each of its heights, in order, with and without threads", async () => {
    const count = 9_000;
    const here = await nineThousand();
    const there = await derive({ count }, { maxThreads: 2 });
    expect(here.report).toEqual({ ...sound, kernel: count });
    expect(there.report).toEqual({ ...sound, kernel: count, threads: beside(2) });
    expect(hex.encode(there.points)).toBe(hex.encode(here.points));
    expect(there.root).toEqual(here.root);
    const points = xOnly(here.points);
    expect(here.root).toEqual(merkle.root(points));
    for (const i of [0, 1, 255, 256, 1023, 1024, 8_191, 8_192, 8_999]) {
      expect(points[i]).toEqual(randomness.derive(secretKey, chainId, BigInt(i + 1)).public);
    }
    for (const { blocks } of [here, there]) {
      expect(blocks.map(({ first }) => first)).toEqual(
        blocks.map((_, i) => i * (blocks[0]!.points.length / 33)),
      );
    }
  });

  it("equals the library's, number by number, in constant time", async () => {
    const { points } = await nineThousand();
    // The library takes five times as long: outside a long run, it derives the first heights.
    const count = isLong ? 9_000 : 2_100;
    const library = await derive({ count }, { constantTime: true });
    expect(library.report).toEqual({ ...sound, library: count, threads: isLong ? beside(4) : 0 });
    expect(hex.encode(library.points)).toBe(hex.encode(points.subarray(0, 33 * count)));
  });

  it("may have its heights at an interval, up to the last height of 64 bits", async () => {
    const last = 2n ** 64n - 1n;
    const range = { start: last - 7n * 599n, count: 600, interval: 7n };
    const points = xOnly((await derive(range)).points);
    expect(points).toHaveLength(600);
    for (const [i, point] of points.entries()) {
      if (i % 50 !== 0 && i !== 599) continue;
      expect(point).toEqual(randomness.derive(secretKey, chainId, range.start + 7n * BigInt(i)).public);
    }
    await expect(derive({ ...range, start: range.start + 1n })).rejects.toMatchObject({
      code: "invalid-number",
    });
  });

  it("equals the published vectors, among hundreds of neighbours", async () => {
    for (const { Sk, ChainId, Height, PubRand } of eotsVectors()) {
      const first = BigInt(Height) < 300n ? 0n : BigInt(Height) - 300n;
      const range = { secretKey: hex.decode(Sk), chainId: ChainId, start: first, count: 600 };
      const points: Uint8Array[] = [];
      const report = await deriveRange(range, {}, (block) => points.push(...xOnly(block.points)));
      expect(report.kernel).toBe(600);
      expect(hex.encode(points[Number(BigInt(Height) - first)]!)).toBe(PubRand);
    }
  });

  it("has the Merkle root of its points, for some of 1 to 200 heights and beside the powers of two", async () => {
    const powers = [256, 512, 1_024, 2_048, 4_096, 8_192, 16_384].flatMap((power) =>
      [-1, 0, 1].map((d) => power + d),
    );
    // That these are the library's points, another test shows.
    const counts = isLong ? powers : powers.slice(0, 15);
    const all = xOnly((await derive({ count: counts.at(-1)! })).points);
    const few = Array.from({ length: 200 }, (_, i) => i + 1);
    for (const count of [...some(few, 4), ...some(counts, 1)]) {
      const { root } = await derive({ count });
      expect(hex.encode(root)).toBe(hex.encode(merkle.root(all.slice(0, count))));
    }
  });

  it.each([
    ["no heights", { count: 0 }],
    ["half a height", { count: 1.5 }],
    ["heights beyond 64 bits", { start: 2n ** 64n - 10n, count: 11 }],
    ["heights below 0", { start: -1n, count: 1 }],
    ["heights that are one", { count: 2, interval: 0n }],
    ["heights that fall", { start: 9n, count: 2, interval: -1n }],
  ])("refuses %s", async (_, range) => {
    await expect(derive(range)).rejects.toMatchObject({ code: "invalid-number" });
  });

  it("refuses an invalid secret key, and an invalid number of threads", async () => {
    const range = { secretKey: new Uint8Array(32), chainId, start: 1n, count: 1 };
    const deriving = deriveRange(range, {}, () => {});
    await expect(deriving).rejects.toMatchObject({ code: "invalid-secret-key" });
    await expect(derive({ count: 1 }, { maxThreads: -1 })).rejects.toMatchObject({ code: "invalid-number" });
  });
});

/** Far more than any test waits for, with threads; the table for much more would take longest. */
const LONG = 20_000;

describe("deriving a long range", () => {
  it.each([0, 2])("reports its progress, with %i threads", async (maxThreads) => {
    const told: [number, number][] = [];
    const onProgress = (done: number, total: number) => told.push([done, total]);
    // Threads report each block: of 1,024 heights, where one thread alone has 256.
    await derive({ count: 9_300 }, { maxThreads, onProgress });
    expect(told.length).toBeGreaterThanOrEqual(10);
    expect(told.every(([done], i) => done > (told[i - 1]?.[0] ?? 0))).toBe(true);
    expect(told.at(-1)).toEqual([9_300, 9_300]);
  });

  it.each([0, 2])("stops when it is aborted, with %i threads", async (maxThreads) => {
    const controller = new AbortController();
    let handed = 0;
    const range = { secretKey, chainId, start: 1n, count: LONG };
    const deriving = deriveRange(range, { maxThreads, signal: controller.signal }, ({ points }) => {
      handed += points.length / 33;
      if (handed > 3_000) controller.abort();
    });
    await expect(deriving).rejects.toMatchObject({ code: "cancelled" });
    expect(handed).toBeLessThan(8_000);
    await expect(derive({ count: 100 }, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "cancelled",
    });
  });

  it.each([0, 2])("ends with the error that its caller throws, with %i threads", async (maxThreads) => {
    const range = { secretKey, chainId, start: 1n, count: LONG };
    const full = new Error("the disk is full");
    await expect(
      deriveRange(range, { maxThreads }, () => {
        throw full;
      }),
    ).rejects.toBe(full);
  });

  it("yields to other work", async () => {
    let turns = 0;
    let going = true;
    const other = () => {
      turns++;
      if (going) setImmediate(other);
    };
    setImmediate(other);
    await derive({ count: 3_000 }, { maxThreads: 0 });
    going = false;
    expect(turns).toBeGreaterThan(10);
  });

  it.each([
    ["that may have none", ["--experimental-permission", "--allow-fs-read=*"], 0],
    ["whose program is no file", [], 4],
    ["with hooks of its own", ["--import", "data:text/javascript,console.log('hook')"], 4],
  ])("gives the same result in a process %s", async (_, options, threads) => {
    const module = fileURLToPath(new URL("../../dist/src/derivation/derive.js", import.meta.url));
    const answer = await runScript(options, program(JSON.stringify(module)));
    const { points } = await nineThousand();
    const report = { ...sound, kernel: 9_000, threads: beside(threads) };
    const hooks = options.includes("--import") ? ["hook"] : [];
    expect(answer).toEqual([...hooks, JSON.stringify([hex.encode(sha256(points)), report])]);
  });

  it("gives the same result in a bundle, which has no file for threads", async () => {
    const root = fileURLToPath(new URL("../../", import.meta.url));
    // Where what is not bundled is found: libsecp256k1 reads a file beside its own.
    const folder = mkdtempSync(join(root, "dist/bundle-"));
    try {
      const outfile = join(folder, "bundle.mjs");
      // It is no part of the package.
      writeFileSync(join(folder, "package.json"), "{}");
      const contents = program('"./dist/src/derivation/derive.js"');
      await build({
        stdin: { contents, resolveDir: root },
        bundle: true,
        platform: "node",
        format: "esm",
        outfile,
        logLevel: "silent",
        external: ["tiny-secp256k1"],
      });
      const { points } = await nineThousand();
      const answer = await runScript([outfile]);
      expect(answer).toEqual([JSON.stringify([hex.encode(sha256(points)), { ...sound, kernel: 9_000 }])]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** What this process derives, once: others are compared with it. */
const nineThousand = () => (derived ??= derive({ count: 9_000 }, { maxThreads: 0 }));

let derived: ReturnType<typeof derive> | undefined;

/** Says a hash of the points, and the report. */
const program = (module: string) => `
  const { createHash } = await import("node:crypto");
  const { deriveRange } = await import(${module});
  const hash = createHash("sha256");
  const range = { secretKey: new Uint8Array(32).fill(5), chainId: "bsn-1", start: 1n, count: 9000 };
  const report = await deriveRange(range, {}, ({ points }) => hash.update(points));
  console.log(JSON.stringify([hash.digest("hex"), report]));`;

/** The lines that a process writes. */
async function runScript(args: readonly string[], script?: string): Promise<string[]> {
  const evaluated = script === undefined ? [] : ["--input-type=module", "--eval", script];
  const { stdout } = await promisify(execFile)(process.execPath, ["--no-warnings", ...args, ...evaluated]);
  return stdout.trimEnd().split("\n");
}
