import { describe, expect, it } from "vitest";
import { createTransaction } from "../../src/bitcoin/transaction.js";
import { parseRate } from "../../src/core/amount.js";
import { hex } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { createDelegation } from "../../src/delegation/delegation.js";
import { paramsOf } from "../../src/params/json.js";
import type { ProtocolParams } from "../../src/params/types.js";
import { stakingOutput } from "../../src/script/outputs.js";
import { buildStaking } from "../../src/stake/staking.js";
import { feeRate, P2WPKH } from "../support/lives.js";
import { refusal } from "../support/refusal.js";
import { makeStake } from "../support/stake.js";
import { readCopy } from "../support/vectors.js";

const recorded = JSON.parse(readCopy("wallets/stake-below-unbonding-dust.json")) as { input: unknown };
const params = paramsOf(recorded.input);
const slashing = params.slashing!;
const { slashing: _slashing, minCommission: _commission, ...before } = params;
const withoutSlashing: ProtocolParams = {
  ...before,
  phase1: { tag: hex.decode("01020304"), confirmationDepth: 10 },
};

const outpoint = { txid: hex.encode(sha256(new Uint8Array(1))), vout: 0 };

function build(of: ProtocolParams, value: bigint | "all", held = 100_000n) {
  const { terms } = makeStake({ params: of });
  const coins = [{ outpoint, value: held, script: P2WPKH }];
  return buildStaking({ terms, params: of, value, coins, changeScript: P2WPKH, feeRate: feeRate("1") });
}

function delegate(of: ProtocolParams, value: bigint) {
  const { terms } = makeStake({ params: of });
  const { script } = stakingOutput(terms, of.network);
  const transaction = createTransaction([{ outpoint, sequence: 0xffff_fffd }], [{ script, value }]);
  return createDelegation(terms, of, { transaction, txidFinal: true });
}

describe("a staking transaction", () => {
  it("is refused for the smallest stake that the published parameters allow", () => {
    const error = refusal("dust-output", () => build(params, params.minValue));
    expect(error.message).toContain("unbonding output: 100 sat is dust; nodes relay at least 330 sat");
  });

  // The refund of the slashed unbonding output has 330: 1478 less a tenth and the fee of 1000.
  const edges: readonly [what: string, params: ProtocolParams, least: bigint, says: string][] = [
    ["refunds of slashings", params, 2_478n, "refund: 329 sat"],
    [
      "slashed outputs that are not OP_RETURN",
      { ...params, slashing: { ...slashing, script: P2WPKH, rate: parseRate("0.01") } },
      30_350n,
      "slashed output: 293 sat",
    ],
  ];
  it.each(edges)("is built from the same smallest value as a delegation, by its %s", (_, of, least, says) => {
    expect(build(of, least).value).toBe(least);
    expect(delegate(of, least).params.version).toBe(0);
    for (const refuse of [build, delegate]) {
      expect(refusal("dust-output", () => refuse(of, least - 1n)).message).toContain(says);
    }
  });

  it("is built in phase 1, which has no slashing, once its unbonding output is above dust", () => {
    expect(build(withoutSlashing, 1_330n).value).toBe(1_330n);
    refusal("dust-output", () => build(withoutSlashing, 1_329n));
  });

  it("is refused where all is staked and the fee leaves too little", () => {
    const { fee } = build(params, "all");
    expect(build(params, "all", 2_478n + fee).value).toBe(2_478n);
    refusal("dust-output", () => build(params, "all", 2_477n + fee));
  });
});
