import type { Rate } from "../core/amount.js";
import type { Psbt, Transaction } from "../core/bitcoin.js";
import { equalBytes } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { checkStake } from "../params/stake.js";
import type { ProtocolParams } from "../params/types.js";
import { encodeOpReturn } from "../script/op-return.js";
import { type StakingOutput, stakingOutput } from "../script/outputs.js";
import type { StakeTerms } from "../script/terms.js";
import { assertFeeRate, assertNotDust, type Coin, type Funding, selectCoins } from "./coins.js";
import { checkKeyPathWitness, keyPathWitness } from "./key-path.js";
import { assertSameTransaction, parsePsbt, type PsbtLike, unsignedPsbt } from "./psbt.js";
import { assertOutputScript, createTransaction } from "./transaction.js";

export interface StakingRequest {
  readonly terms: StakeTerms;
  readonly params: ProtocolParams;
  /** What to stake, in satoshi. */
  readonly value: bigint;
  /** Coins to choose from; their owner signs, and need not be the staker. */
  readonly coins: readonly Coin[];
  /** The output script that change goes to. */
  readonly changeScript: Uint8Array;
  /** Satoshi per virtual byte. */
  readonly feeRate: Rate;
}

/** A staking transaction, unsigned. */
export interface Staking extends Funding {
  readonly psbt: Psbt;
  readonly transaction: Transaction;
  readonly output: StakingOutput;
  /** Which output of the transaction is the stake. */
  readonly outputIndex: number;
}

/** Replaceable (BIP-125): the fee can be raised while the transaction waits. */
const REPLACEABLE_SEQUENCE = 0xffff_fffd;

/**
 * The transaction that stakes (PROTOCOL 3): the staking output, the OP_RETURN where the parameters are of
 * phase 1, and change.
 * @throws TapstakeError the codes of {@link checkStake}; `invalid-coin`, `invalid-bytes`, `insufficient-funds`,
 * `invalid-rate`, `dust-output`, `transaction-too-large`; `multiple-staking-outputs` when change would return to the stake;
 * `unsupported-params` for phase 1 with several stakers or finality providers
 */
export function buildStaking(request: StakingRequest): Staking {
  const { terms, params, value, coins, changeScript, feeRate } = request;
  checkStake(params, terms, value);
  assertFeeRate(feeRate);
  assertOutputScript(changeScript, "change script");
  const output = stakingOutput(terms, params.network);
  if (equalBytes(changeScript, output.script)) {
    throw new TapstakeError(
      "multiple-staking-outputs",
      "the change script is the staking output's own script",
    );
  }
  assertNotDust({ script: output.script, value }, "staking output");
  const opReturn = params.phase1 ? [{ script: phase1Data(terms, params.phase1.tag), value: 0n }] : [];
  const build = (chosen: readonly Coin[], change: bigint) =>
    createTransaction(
      chosen.map(({ outpoint }) => ({ outpoint, sequence: REPLACEABLE_SEQUENCE })),
      [
        { script: output.script, value },
        ...opReturn,
        ...(change > 0n ? [{ script: changeScript, value: change }] : []),
      ],
    );
  const funding = selectCoins(coins, value, feeRate, changeScript, build);
  const transaction = build(funding.coins, funding.change);
  return { ...funding, psbt: fundingPsbt(transaction, funding.coins), transaction, output, outputIndex: 0 };
}

/**
 * The signed staking transaction from the PSBT that its wallet returned, finalised or not. Each signature is
 * verified over our own copy of the transaction and its coins; nothing else in the PSBT is used.
 * @throws TapstakeError `invalid-psbt`, `psbt-mismatch`, `missing-signature`, `invalid-signature`,
 * `unsupported-sighash`
 */
export function finishStaking(
  { transaction, coins }: Pick<Staking, "transaction" | "coins">,
  returned: PsbtLike,
): Transaction {
  const psbt = parsePsbt(returned);
  assertSameTransaction(transaction, psbt);
  const signed = transaction.clone();
  for (const [i, input] of psbt.data.inputs.entries()) {
    const witness = keyPathWitness(coins[i]!, input);
    if (!witness) {
      throw new TapstakeError("missing-signature", `input ${i} of the staking transaction is not signed`, {
        input: i,
      });
    }
    checkKeyPathWitness(transaction, i, coins, witness);
    signed.setWitness(i, witness);
  }
  return signed;
}

function fundingPsbt(transaction: Transaction, coins: readonly Coin[]): Psbt {
  const psbt = unsignedPsbt(transaction, coins);
  for (const [i, { tapInternalKey }] of coins.entries()) {
    if (tapInternalKey) psbt.updateInput(i, { tapInternalKey });
  }
  return psbt;
}

function phase1Data({ staker, finalityProviders, timelock }: StakeTerms, tag: Uint8Array): Uint8Array {
  const [finalityProvider, ...others] = finalityProviders;
  if (!(staker instanceof Uint8Array) || others.length > 0) {
    throw new TapstakeError("unsupported-params", "phase 1 knows one staker and one finality provider");
  }
  return encodeOpReturn({ tag, staker, finalityProvider: finalityProvider!, timelock });
}
