import {
  assertFeeRate,
  assertStatedLength,
  feeAt,
  type FeeRateLimits,
  rateOf,
  SCHNORR_LENGTHS,
} from "../bitcoin/fee.js";
import { assertNotDust, assertOutputScript } from "../bitcoin/output-script.js";
import {
  assertUnspentOutput,
  createTransaction,
  type Prevout,
  type UnspentOutput,
} from "../bitcoin/transaction.js";
import type { Rate } from "../core/amount.js";
import { assertBytes, equalBytes, hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { assertObject } from "../core/objects.js";
import { assertChoice } from "../core/text.js";
import { assertParams } from "../params/check.js";
import type { ProtocolParams } from "../params/types.js";
import type { Psbt } from "../psbt/psbt.js";
import { spendPsbt } from "../psbt/write.js";
import type { KeyOrigin } from "../script/key-origin.js";
import { outputsOf, type TimelockLeaf } from "../script/outputs.js";
import type { StakeTerms } from "../script/terms.js";
import { type LeafSpend, withWitness } from "../spending/spend.js";
import { placeholderWitness } from "../spending/witness.js";

/** Where a time lock can run out: the stake, what was unbonded, or what slashing left. */
export type Withdrawable = (typeof WITHDRAWABLE)[number];
const WITHDRAWABLE = ["staking", "unbonding", "refund"] as const;

/** What `buildWithdrawal` takes: which output, where its coins go, and at which rate. */
export interface WithdrawalRequest extends FeeRateLimits {
  readonly terms: StakeTerms;
  readonly params: ProtocolParams;
  readonly from: Withdrawable;
  /** Its script, if it is given, must be that of the output that `terms`, `params` and `from` name. */
  readonly coin: UnspentOutput & Partial<Pick<Prevout, "script">>;
  /** The output script that the coins go to. */
  readonly destination: Uint8Array;
  /** Satoshi per virtual byte. */
  readonly feeRate: Rate;
  /** Of the stakers' keys: the PSBT tells them to a wallet, as `spendPsbt` does. */
  readonly derivations?: readonly KeyOrigin[];
  /**
   * Bytes of each staker's signature: 64, or 65 with a hash type. The default is 65: then a withdrawal by more than
   * four stakers can end up more than a virtual byte smaller than the size its fee pays for.
   */
  readonly signatureLength?: number;
}

/** A withdrawal, unsigned. */
export interface Withdrawal extends LeafSpend {
  readonly psbt: Psbt;
  /** Satoshi that arrive. */
  readonly value: bigint;
  /** What the transaction pays, in satoshi. */
  readonly fee: bigint;
  /** The most virtual bytes once signed: each signature has its stated length, else the longest. */
  readonly vsize: number;
  /** What is really paid: satoshi per virtual byte, to thousandths, rounded down. */
  readonly feeRate: Rate;
  /** Blocks that the coin must be old before nodes accept this. */
  readonly timelock: number;
}

/**
 * The transaction by which a staker takes coins back once their time lock has run out (PROTOCOL 3).
 * @throws TapstakeError the codes of `checkTerms`; `staking-output-mismatch`; `invalid-argument`, `invalid-params`, `invalid-coin`, `invalid-bytes`,
 * `invalid-rate`, `fee-rate-too-low`, `fee-rate-too-high`, `invalid-number`, `insufficient-funds`, `dust-output`; the codes of `spendPsbt`
 */
export function buildWithdrawal(request: WithdrawalRequest): Withdrawal {
  assertObject(request, "the request", "give { terms, params, from, coin, destination, feeRate }");
  const { terms, params, from, coin, destination, feeRate, signatureLength, derivations } = request;
  assertChoice(from, "from", WITHDRAWABLE);
  assertUnspentOutput(coin);
  assertOutputScript(destination, "destination");
  assertFeeRate(feeRate, request);
  if (signatureLength !== undefined) assertStatedLength(signatureLength, SCHNORR_LENGTHS);
  assertParams(params);
  const { script, leaves } = outputsOf(terms, params)[from];
  assertSameScript(coin.script, script, from);
  const leaf: TimelockLeaf = leaves.timelock;
  const { timelock } = leaf;
  const build = (value: bigint): LeafSpend => {
    // BIP-112 compares the leaf's number with this sequence.
    const inputs = [{ outpoint: coin.outpoint, sequence: timelock }];
    const transaction = createTransaction(inputs, [{ script: destination, value }]);
    return { transaction, inputIndex: 0, prevouts: [{ script, value: coin.value }], leaf };
  };
  const largest = withWitness(build(coin.value), placeholderWitness(leaf, signatureLength));
  const fee = feeAt(largest, feeRate);
  const value = coin.value - fee;
  if (value <= 0n) {
    throw new TapstakeError(
      "insufficient-funds",
      `the fee of ${fee} sat takes all of the ${coin.value} sat`,
      {
        fee,
      },
    );
  }
  assertNotDust({ script: destination, value }, "withdrawal");
  const spend = build(value);
  const vsize = largest.virtualSize();
  const psbt = spendPsbt(spend, [], derivations);
  return { ...spend, psbt, value, fee, vsize, feeRate: rateOf(fee, vsize), timelock };
}

/** The coin of another output, or of other terms: its script would not open, which no node says before the time is up. */
function assertSameScript(got: Uint8Array | undefined, expected: Uint8Array, from: Withdrawable): void {
  if (got === undefined) return;
  assertBytes(got, "coin's script");
  if (equalBytes(got, expected)) return;
  const text = `the coin must be the ${from} output of these terms and parameters, with script ${hex.encode(expected)}, not ${hex.encode(got)}: give the terms and parameters that it was made with`;
  throw new TapstakeError("staking-output-mismatch", text, { from });
}
