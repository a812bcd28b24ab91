import type { Rate } from "../core/amount.js";
import type { Psbt } from "../core/bitcoin.js";
import { TapstakeError } from "../core/errors.js";
import { assertChoice } from "../core/text.js";
import type { ProtocolParams } from "../params/types.js";
import {
  slashingChangeOutput,
  stakingOutput,
  type TimelockLeaf,
  unbondingOutput,
} from "../script/outputs.js";
import type { StakeTerms } from "../script/terms.js";
import { assertFeeRate, assertNotDust, feeAt } from "./coins.js";
import { spendPsbt } from "./psbt.js";
import { type LeafSpend, withWitness } from "./spend.js";
import { assertOutputScript, assertStakeCoin, createTransaction, type StakeCoin } from "./transaction.js";
import { placeholderWitness } from "./witness.js";

/** Where a time lock can run out: the stake, what was unbonded, or what slashing left. */
export type Withdrawable = (typeof WITHDRAWABLE)[number];
const WITHDRAWABLE = ["staking", "unbonding", "refund"] as const;

export interface WithdrawalRequest {
  readonly terms: StakeTerms;
  readonly params: ProtocolParams;
  readonly from: Withdrawable;
  readonly coin: StakeCoin;
  /** The output script that the coins go to. */
  readonly destination: Uint8Array;
  /** Satoshi per virtual byte. */
  readonly feeRate: Rate;
}

/** A withdrawal, unsigned. */
export interface Withdrawal extends LeafSpend {
  readonly psbt: Psbt;
  /** Satoshi that arrive. */
  readonly value: bigint;
  readonly fee: bigint;
  /** Blocks that the coin must be old before nodes accept this. */
  readonly timelock: number;
}

/**
 * The transaction by which a staker takes coins back once their time lock has run out (PROTOCOL 3).
 * @throws TapstakeError the codes of `checkTerms`; `invalid-argument`, `invalid-coin`, `invalid-bytes`,
 * `invalid-rate`, `insufficient-funds`, `dust-output`
 */
export function buildWithdrawal(request: WithdrawalRequest): Withdrawal {
  const { from, coin, destination, feeRate } = request;
  assertChoice(from, "from", WITHDRAWABLE);
  assertStakeCoin(coin);
  assertOutputScript(destination, "destination");
  assertFeeRate(feeRate);
  const { script, leaf } = lockedOutput(request);
  const timelock = leaf.timelock;
  const build = (value: bigint): LeafSpend => {
    // BIP-112 compares the leaf's number with this sequence.
    const inputs = [{ outpoint: coin.outpoint, sequence: timelock }];
    const transaction = createTransaction(inputs, [{ script: destination, value }]);
    return { transaction, inputIndex: 0, prevouts: [{ script, value: coin.value }], leaf };
  };
  const fee = feeAt(withWitness(build(coin.value), placeholderWitness(leaf)), feeRate);
  const value = coin.value - fee;
  if (value <= 0n) {
    throw new TapstakeError("insufficient-funds", `the fee of ${fee} satoshi takes all ${coin.value}`, {
      fee,
    });
  }
  assertNotDust({ script: destination, value }, "withdrawal");
  const spend = build(value);
  return { ...spend, psbt: spendPsbt(spend), value, fee, timelock };
}

function lockedOutput({ terms, params, from }: WithdrawalRequest): {
  script: Uint8Array;
  leaf: TimelockLeaf;
} {
  const { network, unbondingTime } = params;
  const output = {
    staking: () => stakingOutput(terms, network),
    unbonding: () => unbondingOutput(terms, unbondingTime, network),
    refund: () => slashingChangeOutput(terms.staker, unbondingTime, network),
  }[from]();
  return { script: output.script, leaf: output.leaves.timelock };
}
