import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { checkParams } from "../../src/params/check.js";
import { mainnetPhase1 } from "../../src/params/data/mainnet.js";
import { regtest } from "../../src/params/data/regtest.js";
import type { ProtocolParams } from "../../src/params/types.js";
import { paramsWarnings } from "../../src/params/warnings.js";
import { wholeLife } from "../support/life.js";

const good = { ...regtest.versions[0]!, minTime: 21 };
const slashing = good.slashing!;
const p2wpkh = hex.decode(`0014${"01".repeat(20)}`);

const rate = (numerator: bigint) => ({ numerator, denominator: 10_000n });

/** Legal parameters, and the fields that they are warned about. */
function warned(change: Partial<ProtocolParams>): string[] {
  const params = { ...good, ...change };
  checkParams(params);
  return paramsWarnings(params).map(({ field }) => field);
}

describe("a warning", () => {
  it("is given where the shortest stake is not longer than the unbonding time", () => {
    expect(warned({ minTime: 21, unbondingTime: 20 })).toEqual([]);
    expect(warned({ minTime: 20, unbondingTime: 20 })).toEqual(["minTime"]);
    expect(warned({ minTime: 1, unbondingTime: 20 })).toEqual(["minTime"]);
    // Phase 1 had no staking chain, and activated nothing.
    const { slashing: _, ...unslashed } = good;
    const phase1 = { ...unslashed, minTime: 20, phase1: mainnetPhase1.versions[0]!.phase1! };
    expect(paramsWarnings(phase1)).toEqual([]);
  });

  it("is given where slashing the smallest unbonding output would leave a dust refund", () => {
    // 50,000 - 1,000 unbonding fee - 4,900 slashed = 44,100; the staking output refunds 45,000.
    expect(warned({ slashing: { ...slashing, minFee: 44_100n - 330n } })).toEqual([]);
    expect(warned({ slashing: { ...slashing, minFee: 44_100n - 329n } })).toEqual(["slashing.minFee"]);
    expect(warned({ slashing: { ...slashing, minFee: 50_000n } })).toEqual([
      "slashing.minFee",
      "slashing.minFee",
    ]);
  });

  it("is given where the smallest unbonding output would be dust", () => {
    const { slashing: _, ...unslashed } = good;
    const phase1 = { ...unslashed, phase1: mainnetPhase1.versions[0]!.phase1! };
    expect(paramsWarnings({ ...phase1, unbondingFee: 49_670n })).toEqual([]);
    expect(paramsWarnings({ ...phase1, unbondingFee: 49_671n }).map(({ field }) => field)).toEqual([
      "unbondingFee",
    ]);
    const nothing = paramsWarnings({ ...phase1, minValue: 329n, unbondingFee: 0n });
    // Dust before and after; and a fee of nothing, which nodes do not relay.
    expect(nothing.map(({ field }) => field)).toEqual(["minValue", "unbondingFee", "unbondingFee"]);
  });

  it("is given where a fixed fee is below the relay minimum, at the size of the signed transaction", async () => {
    const { unbonding, slashing: slashed, unbondingSlashing } = await wholeLife();
    const [unbonds, slashes, later] = [unbonding, slashed, unbondingSlashing].map((transaction) =>
      BigInt(transaction.virtualSize()),
    ) as [bigint, bigint, bigint];
    expect(warned({ unbondingFee: unbonds })).toEqual([]);
    expect(warned({ unbondingFee: unbonds - 1n })).toEqual(["unbondingFee"]);
    expect(slashes).toBeGreaterThanOrEqual(later);
    expect(warned({ slashing: { ...slashing, minFee: slashes } })).toEqual([]);
    expect(warned({ slashing: { ...slashing, minFee: later - 1n } })).toEqual([
      "slashing.minFee",
      "slashing.minFee",
    ]);
    const [{ message } = { message: "" }] = paramsWarnings({ ...good, unbondingFee: 5n });
    expect(message).toBe(`unbonding pays 5 satoshi for ${unbonds} virtual bytes: less than nodes relay`);
  });

  it("is given where the slashed part would be dust, unless it is burnt", () => {
    // 49,000 × 0.006 = 294, the dust threshold of P2WPKH.
    expect(warned({ slashing: { ...slashing, script: p2wpkh, rate: rate(60n) } })).toEqual([]);
    expect(warned({ slashing: { ...slashing, script: p2wpkh, rate: rate(59n) } })).toEqual(["slashing.rate"]);
    expect(warned({ slashing: { ...slashing, rate: rate(1n) } })).toEqual([]);
  });
});
