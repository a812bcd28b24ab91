import { assertNotDust } from "../bitcoin/output-script.js";
import {
  assertUnspentOutput,
  createTransaction,
  FINAL_SEQUENCE,
  type UnspentOutput,
} from "../bitcoin/transaction.js";
import { assertSatoshi } from "../core/amount.js";
import { assertParams } from "../params/check.js";
import type { ProtocolParams } from "../params/types.js";
import type { Psbt } from "../psbt/psbt.js";
import { describeOutput, spendPsbt } from "../psbt/write.js";
import type { KeyOrigin } from "../script/key-origin.js";
import { outputsOf, type StakeOutputs, type UnbondingOutput } from "../script/outputs.js";
import type { StakeTerms } from "../script/terms.js";
import type { LeafSpend } from "../spending/spend.js";

/** An unbonding transaction, unsigned. */
export interface Unbonding extends LeafSpend {
  readonly psbt: Psbt;
  readonly output: UnbondingOutput;
  /** What the unbonding output holds, in satoshi. */
  readonly value: bigint;
  /** Satoshi: exactly what the parameters say. */
  readonly fee: bigint;
}

/**
 * The transaction that ends a stake early (PROTOCOL 3): one input, one output, the fee of the parameters.
 * @param stake the staking output
 * @param derivations of keys that the PSBT shows to a wallet, as `spendPsbt` takes them
 * @throws TapstakeError the codes of `checkTerms`; `invalid-coin`, `invalid-params`, `invalid-amount`, `dust-output`;
 * the codes of `spendPsbt`
 */
export function buildUnbonding(
  terms: StakeTerms,
  params: ProtocolParams,
  stake: UnspentOutput,
  derivations: readonly KeyOrigin[] = [],
): Unbonding {
  assertParams(params);
  const unbonding = unbondingOf(outputsOf(terms, params), params, stake);
  const psbt = spendPsbt(unbonding, [], derivations);
  describeOutput(psbt, 0, unbonding.output, derivations);
  return { ...unbonding, psbt };
}

/** {@link buildUnbonding} but for the PSBT, where the outputs are derived already. @throws TapstakeError its codes */
export function unbondingOf(
  { staking, unbonding: output }: StakeOutputs,
  { unbondingFee: fee }: ProtocolParams,
  stake: UnspentOutput,
): Omit<Unbonding, "psbt"> {
  assertUnspentOutput(stake);
  assertSatoshi(fee, "unbonding fee");
  const value = stake.value - fee;
  assertNotDust({ script: output.script, value }, "unbonding output");
  return {
    transaction: createTransaction(
      [{ outpoint: stake.outpoint, sequence: FINAL_SEQUENCE }],
      [{ script: output.script, value }],
    ),
    inputIndex: 0,
    prevouts: [{ script: staking.script, value: stake.value }],
    leaf: staking.leaves.unbonding,
    output,
    value,
    fee,
  };
}
