import { afterEach, expect, it, vi } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { Kernel } from "../../src/derivation/kernel.js";
import { commitRandomness } from "../../src/finality/commitment.js";
import { chain, homeWithKey, named, passphrase, secretKey } from "./fp-support.js";
import { inProcess } from "./in-process.js";

afterEach(() => vi.restoreAllMocks());

const count = 600;

it.each([
  [[], /^tapstake: warning: [123] batch(es)? of randomness came out wrong, .*memory tested\n$/],
  [["--json"], /^\{"warning":\{"code":"self-check-failed","message":"[123] batch/],
])(
  "fp commit %s warns of a machine that computes wrongly, and commits to what is right",
  async (more, warning) => {
    const { commitment } = commitRandomness({ secretKey, chainId: chain, startHeight: 1n, count });
    const { multiply } = Kernel.prototype;
    vi.spyOn(Kernel.prototype, "multiply").mockImplementation(function (this: Kernel, scalars) {
      const results = multiply.call(this, scalars);
      results![7]! ^= 1;
      return results;
    });
    const commit = (start: number, options: readonly string[]) => {
      const env = { TAPSTAKE_HOME: home, TAPSTAKE_PASSPHRASE: passphrase };
      return inProcess(["fp", "commit", ...named, "--start", `${start}`, "--count", `${count}`, ...options], {
        env,
      });
    };
    const home = homeWithKey();
    const wrong = await commit(1, more);
    expect(wrong.code).toBe(0);
    expect(wrong.stderr).toMatch(warning);
    expect(wrong.stdout).toContain(hex.encode(commitment.root));
    // Where the library does everything there is nothing to spoil.
    expect(await commit(1_000, ["--constant-time", ...more])).toMatchObject({ code: 0, stderr: "" });
  },
);
