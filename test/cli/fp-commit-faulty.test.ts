import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { Kernel } from "../../src/derivation/kernel.js";
import { commitRandomness } from "../../src/finality/randomness/commit.js";
import { commitmentToJson, merkleProofToJson } from "../../src/vote/json.js";
import { chain, homeWithKey, named, passphrase, secretKey } from "./fp-support.js";
import { inProcess } from "./in-process.js";
import { temporaryFolder } from "./support.js";

afterEach(() => vi.restoreAllMocks());

const count = 600;
const { commitment, proof } = commitRandomness({ secretKey, chainId: chain, startHeight: 1n, count });

/** From here on, the kernel gets a bit of every batch wrong. */
function breakKernel(): void {
  const { multiply } = Kernel.prototype;
  vi.spyOn(Kernel.prototype, "multiply").mockImplementation(function (this: Kernel, scalars) {
    const results = multiply.call(this, scalars);
    results![7]! ^= 1;
    return results;
  });
}

const fp = (home: string, args: readonly string[]) =>
  inProcess(["fp", ...args], { env: { TAPSTAKE_HOME: home, TAPSTAKE_PASSPHRASE: passphrase } });

it.each([
  [[], /^tapstake: warning: [123] batch(es)? of randomness came out wrong, .*memory tested\n$/],
  [["--json"], /^\{"warning":\{"code":"self-check-failed","message":"[123] batch/],
])("fp commit %s: warns of a faulty machine, and commits to correct randomness", async (more, warning) => {
  breakKernel();
  const home = homeWithKey();
  const commit = (start: number, options: readonly string[]) =>
    fp(home, ["commit", ...named, "--start", `${start}`, "--count", `${count}`, ...options]);
  const wrong = await commit(1, more);
  expect(wrong.code).toBe(0);
  expect(wrong.stderr).toMatch(warning);
  expect(wrong.stdout).toContain(hex.encode(commitment.root));
  // Where the library does everything there is nothing to break.
  expect(await commit(1_000, ["--constant-time", ...more])).toMatchObject({ code: 0, stderr: "" });
});

it("fp proof --commitment: warns of a faulty machine, and proves correctly; in constant time it has nothing to report", async () => {
  const path = join(temporaryFolder(), "commitment.json");
  writeFileSync(path, commitmentToJson(commitment));
  breakKernel();
  const prove = (...more: string[]) =>
    fp(homeWithKey(), ["proof", ...named, "--height", "77", "--commitment", path, ...more]);
  const stdout = `${merkleProofToJson(proof(77n)).trimEnd()}\n`;
  expect(await prove()).toMatchObject({ code: 0, stdout, stderr: expect.stringContaining("came out wrong") });
  expect(await prove("--constant-time")).toEqual({ code: 0, stdout, stderr: "" });
});
