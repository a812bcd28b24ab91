import { afterEach, expect, it, vi } from "vitest";
import { randomness } from "../../src/crypto/randomness.js";
import { Kernel } from "../../src/derivation/kernel.js";
import { CHAIN, connect, homeWithKey, readMetrics, startSigner } from "./support.js";

afterEach(() => vi.restoreAllMocks());

/** A signer whose kernel computes wrongly, asked for 600 heights. */
async function askWrong(options: Parameters<typeof startSigner>[1] = {}) {
  const made = homeWithKey();
  const { publicKey: key } = made.key;
  const signer = await startSigner(made, options);
  const client = connect(signer.address);
  const { multiply } = Kernel.prototype;
  vi.spyOn(Kernel.prototype, "multiply").mockImplementation(function (this: Kernel, scalars) {
    const results = multiply.call(this, scalars);
    results![7]! ^= 1;
    return results;
  });
  const points = await client.createRandomnessPairList({ key, chainId: CHAIN, startHeight: 1n, count: 600 });
  points.forEach((point, i) => {
    if (i % 40 === 0) expect(point).toEqual(randomness.derive(made.secretKey, CHAIN, BigInt(i + 1)).public);
  });
  const metrics = await readMetrics(signer.metricsAddress!);
  const logged = signer
    .logged()
    .split("\n")
    .filter((line) => line.includes("came out wrong"))
    .map((line) => JSON.parse(line) as object);
  return { mistrusted: metrics.get("tapstake_randomness_mistrusted_total"), logged };
}

it("a signer on a faulty machine: returns correct results, counts the faults and logs them", async () => {
  const { mistrusted, logged } = await askWrong();
  expect(mistrusted).toBe(3);
  expect(logged).toMatchObject([{ level: "error", mismatches: 3, collisions: 0, kernel: 0, library: 600 }]);
});

it("a signer in constant time: never calls the kernel", async () => {
  expect(await askWrong({ constantTime: true })).toEqual({ mistrusted: 0, logged: [] });
});
