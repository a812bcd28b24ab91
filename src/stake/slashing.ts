import { assertNotDust } from "../bitcoin/output-script.js";
import {
  assertUnspentOutput,
  createTransaction,
  FINAL_SEQUENCE,
  type UnspentOutput,
} from "../bitcoin/transaction.js";
import { applyRate, max, type Rate } from "../core/amount.js";
import { TapstakeError } from "../core/errors.js";
import { assertChoice } from "../core/text.js";
import { assertParams, checkSlashing } from "../params/check.js";
import type { ProtocolParams, SlashingParams } from "../params/types.js";
import type { Psbt } from "../psbt/psbt.js";
import { describeOutput, spendPsbt } from "../psbt/write.js";
import type { KeyOrigin } from "../script/key-origin.js";
import { outputsOf, type SlashingChangeOutput, type StakeOutputs } from "../script/outputs.js";
import type { StakeTerms } from "../script/terms.js";
import type { LeafSpend } from "../spending/spend.js";

/** Which output of a stake's life is slashed: the stake itself, or what is unbonding. */
export type Slashable = (typeof SLASHABLE)[number];
export const SLASHABLE = ["staking", "unbonding"] as const;

/** A slashing transaction, unsigned. Output 0 is what is slashed, output 1 the refund. */
export interface Slashing extends LeafSpend {
  readonly psbt: Psbt;
  readonly refund: SlashingChangeOutput;
  /** Satoshi that go to the slashing script. */
  readonly slashed: bigint;
  /** Satoshi that return to the staker, locked for the unbonding time. */
  readonly refunded: bigint;
  /** Satoshi: the least that the parameters allow. */
  readonly fee: bigint;
}

/**
 * The transaction that punishes a double vote (PROTOCOL 3). The staker signs it in advance, and the committee
 * adaptor-signs it. Anyone who knows a finality provider's leaked key can finish it.
 * @param coin the staking output, or the unbonding output
 * @param derivations of keys that the PSBT shows to a wallet, as `spendPsbt` takes them
 * @throws TapstakeError the codes of `checkTerms` and of {@link slashingParams}; `invalid-argument`, `invalid-coin`,
 * `dust-output`; the codes of `spendPsbt`
 */
export function buildSlashing(
  terms: StakeTerms,
  params: ProtocolParams,
  from: Slashable,
  coin: UnspentOutput,
  derivations: readonly KeyOrigin[] = [],
): Slashing {
  assertParams(params);
  const slashing = slashingOf(outputsOf(terms, params), params, from, coin);
  const psbt = spendPsbt(slashing, [], derivations);
  describeOutput(psbt, 1, slashing.refund, derivations);
  return { ...slashing, psbt };
}

/** {@link buildSlashing} but for the PSBT, where the outputs are derived already. @throws TapstakeError its codes */
export function slashingOf(
  outputs: StakeOutputs,
  params: ProtocolParams,
  from: Slashable,
  coin: UnspentOutput,
): Omit<Slashing, "psbt"> {
  assertChoice(from, "from", SLASHABLE);
  assertUnspentOutput(coin);
  const { script: slashingScript, rate, minFee: fee } = slashingParams(params);
  const { [from]: spent, refund } = outputs;
  const slashed = slashedAmount(coin.value, rate);
  const refunded = coin.value - slashed - fee;
  assertNotDust({ script: slashingScript, value: slashed }, "slashed output");
  assertNotDust({ script: refund.script, value: refunded }, "refund");
  return {
    transaction: createTransaction(
      [{ outpoint: coin.outpoint, sequence: FINAL_SEQUENCE }],
      [
        { script: slashingScript, value: slashed },
        { script: refund.script, value: refunded },
      ],
    ),
    inputIndex: 0,
    prevouts: [{ script: spent.script, value: coin.value }],
    leaf: spent.leaves.slashing,
    refund,
    slashed,
    refunded,
    fee,
  };
}

/**
 * How the parameters punish, checked: a script in hexadecimal, say, would burn what is slashed.
 * @throws TapstakeError `unsupported-params` for phase 1, which had no slashing; `invalid-params`, `invalid-bytes`,
 * `invalid-rate`, `invalid-amount`
 */
export function slashingParams(params: ProtocolParams): SlashingParams {
  assertParams(params);
  if (!params.slashing) {
    throw new TapstakeError(
      "unsupported-params",
      `parameters v${params.version} of phase 1 have no slashing`,
    );
  }
  checkSlashing(params.slashing);
  return params.slashing;
}

/**
 * What a slashing made here takes, in satoshi. Floats of very large stakes are a satoshi above the exact product, and the
 * chain must accept it.
 */
export const slashedAmount = (value: bigint, rate: Rate): bigint =>
  max(applyRate(value, rate), leastSlashed(value, rate));

/**
 * The least that the staking chain lets a slashing take, in satoshi. It multiplies as floats of 64 bits, adds a half and
 * cuts: where `value × rate` is an exact half this can be a satoshi less than half away from zero, which PROTOCOL 3 says
 * and every slashing made here takes.
 * @param rate with at most 4 decimals
 */
export function leastSlashed(value: bigint, { numerator, denominator }: Rate): bigint {
  // A decimal's nearest float, as the chain reads its rate from text: one division of whole numbers is exact to that.
  const rate = Number((numerator * 10_000n) / denominator) / 10_000;
  return BigInt(Math.trunc(Number(value) * rate + 0.5));
}
