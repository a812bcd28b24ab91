import { applyRate } from "../core/amount.js";
import type { Psbt } from "../psbt/bitcoinjs.js";
import { TapstakeError } from "../core/errors.js";
import { assertChoice } from "../core/text.js";
import { assertParams, checkSlashing } from "../params/check.js";
import type { ProtocolParams, SlashingParams } from "../params/types.js";
import type { KeyOrigin } from "../script/key-origin.js";
import {
  type SlashingChangeOutput,
  slashingChangeOutput,
  stakingOutput,
  unbondingOutput,
} from "../script/outputs.js";
import type { StakeTerms } from "../script/terms.js";
import { assertNotDust } from "../bitcoin/output-script.js";
import { describeOutput, spendPsbt } from "../psbt/psbt.js";
import type { LeafSpend } from "../spending/spend.js";
import {
  createTransaction,
  FINAL_SEQUENCE,
  assertUnspentOutput,
  type UnspentOutput,
} from "../bitcoin/transaction.js";

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
 * The transaction that punishes a double vote (PROTOCOL 3). Signed in advance by the staker, adaptor-signed by
 * the committee, finished by whoever knows a finality provider's leaked key.
 * @param coin the staking output, or the unbonding output
 * @param derivations of keys that the PSBT tells a wallet, as `spendPsbt` takes them
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
  assertChoice(from, "from", SLASHABLE);
  assertUnspentOutput(coin);
  const { script: slashingScript, rate, minFee: fee } = slashingParams(params);
  const { network, unbondingTime } = params;
  const spent =
    from === "staking" ? stakingOutput(terms, network) : unbondingOutput(terms, unbondingTime, network);
  const refund = slashingChangeOutput(terms.staker, unbondingTime, network);
  const slashed = applyRate(coin.value, rate);
  const refunded = coin.value - slashed - fee;
  assertNotDust({ script: slashingScript, value: slashed }, "slashed output");
  assertNotDust({ script: refund.script, value: refunded }, "refund");

  const transaction = createTransaction(
    [{ outpoint: coin.outpoint, sequence: FINAL_SEQUENCE }],
    [
      { script: slashingScript, value: slashed },
      { script: refund.script, value: refunded },
    ],
  );
  const spend: LeafSpend = {
    transaction,
    inputIndex: 0,
    prevouts: [{ script: spent.script, value: coin.value }],
    leaf: spent.leaves.slashing,
  };
  const psbt = spendPsbt(spend, [], derivations);
  describeOutput(psbt, 1, refund, derivations);
  return { ...spend, psbt, refund, slashed, refunded, fee };
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
