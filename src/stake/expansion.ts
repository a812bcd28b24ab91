import type { Transaction } from "../bitcoin/transaction-class.js";
import {
  assertFeeRate,
  assertStatedLength,
  type FeeRateLimits,
  rateOf,
  SCHNORR_LENGTHS,
} from "../bitcoin/fee.js";
import { assertNotDust, assertOutputScript, dustThreshold } from "../bitcoin/output-script.js";
import {
  assertUnspentOutput,
  createTransaction,
  FINAL_SEQUENCE,
  formatOutpoint,
  outpointOf,
  outputAt,
  type UnspentOutput,
  toTransaction,
} from "../bitcoin/transaction.js";
import { applyRateUp, type Rate } from "../core/amount.js";
import { assertBytes, equalBytes, hex } from "../core/bytes.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { assertList, assertObject } from "../core/objects.js";
import { witnessLengths } from "../funding/coin-cost.js";
import { assertCoins, type Coin } from "../funding/coin.js";
import { checkStake, sameKeySet } from "../params/check.js";
import { type ANY_RELEASE, checkBuilt, type RuleSet } from "../params/rules.js";
import type { ProtocolParams } from "../params/types.js";
import type { Psbt } from "../psbt/psbt.js";
import { describeOutput, fieldsOf, spendPsbt } from "../psbt/write.js";
import type { KeyOrigin } from "../script/key-origin.js";
import { type StakingOutput, stakingOutput } from "../script/outputs.js";
import { stakerKeys, type StakeTerms } from "../script/terms.js";
import { type LeafSpend, withWitness } from "../spending/spend.js";
import { placeholderWitness } from "../spending/witness.js";
import { assertFundingCoin, assertNotSpent, FUNDING_INPUT, fundingKindOf } from "./funding-coin.js";
import { assertPresignable } from "./presignable.js";

/** A stake that can be expanded: a `Delegation` is one. */
export interface PreviousStake {
  readonly terms: StakeTerms;
  /** The parameters of that stake: their committee signs. */
  readonly params: ProtocolParams;
  readonly staking: { readonly transaction: Transaction; readonly outputIndex: number };
}

/** What `buildExpansion` takes. */
export interface ExpansionRequest extends FeeRateLimits {
  readonly previous: PreviousStake;
  /** The new stake: by the same stakers; its time lock starts anew. */
  readonly terms: StakeTerms;
  /** The parameters in force now. */
  readonly params: ProtocolParams;
  /** What to stake, in satoshi: at least the value of the previous stake. */
  readonly value: bigint;
  /**
   * The one coin that pays the fee and the added value: P2WPKH, or P2TR spent by its key. Its owner signs, and need not
   * be the staker.
   */
  readonly coin: Coin;
  /** The output script that change goes to. */
  readonly changeScript: Uint8Array;
  /** Fee rate in sat/vB. */
  readonly feeRate: Rate;
  /**
   * Bytes of each staker's signature: 64, or 65 with a hash type. The default is 65: then an expansion by more than
   * seven stakers can end up more than two virtual bytes smaller than the size its fee pays for. The committee's
   * signatures have 64 bytes, as the staking chain accepts no others. The coin itself states the length of its own
   * signatures.
   */
  readonly signatureLength?: number;
  /** Origins of the stakers' keys, as the previous stake and the new one name them: the PSBT shows them to a wallet. */
  readonly derivations?: readonly KeyOrigin[];
  /** What the chain must accept, as {@link checkBuilt} says. */
  readonly rules?: RuleSet | typeof ANY_RELEASE;
}

/** An expansion that any one of several coins can fund. */
export interface ExpansionFunding extends Omit<ExpansionRequest, "coin"> {
  readonly coins: readonly Coin[];
  /** Whether an unconfirmed coin may be spent: no by default. */
  readonly allowUnconfirmed?: boolean;
}

/**
 * Why this coin was selected. Among coins that cost the same, it is the smallest.
 * - `given`: the caller named it.
 * - `changeless`: it needs no change, and no coin with change costs less.
 * - `cheapest`: it costs least, with change.
 */
export type ExpansionReason = "given" | "changeless" | "cheapest";

/** An unsigned expansion. As a {@link LeafSpend}, it is the spend of the previous stake by its unbonding leaf. */
export interface Expansion extends LeafSpend {
  readonly psbt: Psbt;
  readonly previous: PreviousStake;
  readonly coin: Coin;
  /** The new stake. */
  readonly output: StakingOutput;
  /** Which output of the transaction is the new stake. */
  readonly outputIndex: number;
  /** The fee in satoshi. */
  readonly fee: bigint;
  /** The most virtual bytes once signed: each signature has its stated length, else the longest. */
  readonly vsize: number;
  /** The real fee rate in sat/vB, in thousandths, rounded down. */
  readonly feeRate: Rate;
  /** The value of the change output in satoshi; 0 without one. */
  readonly change: bigint;
  /** Why this coin was selected. */
  readonly reason: ExpansionReason;
}

/** The input that spends the previous stake (PROTOCOL 3). */
const PREVIOUS_INPUT = 0;
const STAKE_OUTPUT = 0;

/**
 * The transaction that turns a stake into a larger or longer one without unbonding (PROTOCOL 3). It spends the previous
 * stake, by its unbonding leaf, and one funding coin. It pays the new stake and change. The committee of the previous
 * parameters signs it in advance, so nothing in it can change later.
 * @throws TapstakeError the codes of {@link checkStake}, of {@link checkExpansion}, and of {@link checkBuilt};
 * `staking-output-mismatch` if the previous stake is not at its stated outpoint; `invalid-coin`, `invalid-amount`,
 * `invalid-bytes`, `invalid-public-key`, `invalid-rate`, `fee-rate-too-low`, `fee-rate-too-high`, `invalid-number`,
 * `insufficient-funds`, `dust-output`; `multiple-staking-outputs` if the change script is the stake's; the codes of
 * `spendPsbt` for derivations
 */
export function buildExpansion(given: ExpansionRequest): Expansion {
  assertObject(given, "the request", REQUEST);
  const { coin, ...request } = given;
  const plan = planOf(request);
  assertFundingCoin(coin, plan.stake.coin);
  assertNotSpent([coin], request.previous.staking.transaction);
  const payment = pay(plan, coin);
  if (!isPaid(payment)) throw insufficient(payment);
  return expansionOf(plan, payment, "given");
}

const REQUEST = "give { previous, terms, params, value, changeScript, feeRate } and the coin or coins";

/**
 * {@link buildExpansion} with the coin that costs least, out of several. Among coins that cost the same, it takes the
 * smallest, and keeps larger ones for other uses. It ignores coins whose script cannot fund an expansion, unconfirmed
 * coins unless they are allowed, and the previous stake itself.
 * @throws TapstakeError `insufficient-funds` if no coin is enough; `invalid-coin`, also if a coin is given twice, or
 * the transaction of the previous stake spends it; the codes of {@link buildExpansion}
 */
export function fundExpansion(funding: ExpansionFunding): Expansion {
  assertObject(funding, "the request", REQUEST);
  const { coins, allowUnconfirmed = false, ...request } = funding;
  assertList(coins, "coins");
  const plan = planOf(request);
  const stake = formatOutpoint(plan.stake.coin.outpoint);
  for (const coin of coins) {
    assertUnspentOutput(coin);
    assertBytes(coin.script, "coin's script");
  }
  const known = coins.filter((coin) => fundingKindOf(coin) && formatOutpoint(coin.outpoint) !== stake);
  assertCoins(known);
  assertNotSpent(known, request.previous.staking.transaction);
  const isFree = ({ confirmations }: Coin) => allowUnconfirmed || confirmations !== 0;
  const bySize = known
    .filter(isFree)
    .toSorted((a, b) => (a.value < b.value ? -1 : Number(a.value > b.value)));
  const outcomes = bySize.map((coin) => pay(plan, coin));
  const payments = outcomes.filter(isPaid);
  const [first, ...others] = payments;
  if (!first)
    throw noneIsEnough(
      outcomes.findLast(isShort),
      coins,
      known.filter((coin) => !isFree(coin)),
    );
  const best = others.reduce((least, other) => (other.fee < least.fee ? other : least), first);
  return expansionOf(plan, best, best.change > 0n ? "cheapest" : "changeless");
}

/** A checked expansion without its coin. */
interface Plan extends Omit<ExpansionRequest, "coin"> {
  readonly stake: ReturnType<typeof previousStake>;
  readonly output: StakingOutput;
}

/** How a coin pays. */
interface Payment {
  readonly coin: Coin;
  readonly fee: bigint;
  readonly vsize: number;
  readonly change: bigint;
}

/** What a coin lacks to pay. */
interface Shortage {
  readonly needed: bigint;
  readonly available: bigint;
}

const isPaid = (outcome: Payment | Shortage): outcome is Payment => "fee" in outcome;
const isShort = (outcome: Payment | Shortage): outcome is Shortage => !isPaid(outcome);

/** @throws TapstakeError the codes of {@link buildExpansion} but for those of the coin */
function planOf(request: Omit<ExpansionRequest, "coin">): Plan {
  const { previous, terms, params, value, changeScript, feeRate, signatureLength, rules } = request;
  const stake = previousStake(previous);
  checkBuilt(rules, terms, { params, previous: previous.terms });
  checkStake(params, terms, value);
  checkExpansion(previous, { terms, params, value });
  assertFeeRate(feeRate, request);
  if (signatureLength !== undefined) assertStatedLength(signatureLength, SCHNORR_LENGTHS);
  assertOutputScript(changeScript, "change script");
  const output = stakingOutput(terms, params.network);
  if (equalBytes(changeScript, output.script)) {
    const text = "the change script is the staking output's own script";
    throw new TapstakeError("multiple-staking-outputs", text);
  }
  assertNotDust({ script: output.script, value }, "staking output");
  assertPresignable(terms, params, value);
  return { ...request, stake, output };
}

function spendWith({ stake, output, value, changeScript }: Plan, coin: Coin, change: bigint): LeafSpend {
  return {
    transaction: createTransaction(
      [stake.coin, coin].map(({ outpoint }) => ({ outpoint, sequence: FINAL_SEQUENCE })),
      [{ script: output.script, value }, ...(change > 0n ? [{ script: changeScript, value: change }] : [])],
    ),
    inputIndex: PREVIOUS_INPUT,
    prevouts: [
      { script: stake.output.script, value: stake.coin.value },
      { script: Uint8Array.from(coin.script), value: coin.value },
    ],
    leaf: stake.output.leaves.unbonding,
  };
}

/** Change is what remains of the surplus after the fee. If that would be dust, it goes to the fee. */
function pay(plan: Plan, coin: Coin): Payment | Shortage {
  const { stake, value, changeScript, feeRate } = plan;
  const surplus = stake.coin.value + coin.value - value;
  const sizeWith = (change: bigint) => signedSize(plan, coin, spendWith(plan, coin, change));
  const vsize = sizeWith(1n);
  const fee = applyRateUp(BigInt(vsize), feeRate);
  const change = surplus - fee;
  if (change > 0n && change >= dustThreshold(changeScript)) return { coin, fee, vsize, change };
  const changeless = sizeWith(0n);
  const needed = applyRateUp(BigInt(changeless), feeRate);
  return surplus < needed
    ? { needed, available: surplus }
    : { coin, fee: surplus, vsize: changeless, change: 0n };
}

/** Virtual bytes of the signed expansion. */
function signedSize({ signatureLength }: Plan, coin: Coin, spend: LeafSpend): number {
  const signed = withWitness(spend, placeholderWitness(spend.leaf, signatureLength));
  signed.setWitness(
    FUNDING_INPUT,
    witnessLengths(coin).map((length) => new Uint8Array(length)),
  );
  return signed.virtualSize();
}

function expansionOf(plan: Plan, payment: Payment, reason: ExpansionReason): Expansion {
  const { previous, output } = plan;
  const { coin, fee, vsize, change } = payment;
  const spend = spendWith(plan, coin, change);
  const psbt = expansionPsbt(spend, coin, output, plan.derivations);
  const feeRate = rateOf(fee, vsize);
  return {
    ...spend,
    psbt,
    previous,
    coin,
    output,
    outputIndex: STAKE_OUTPUT,
    fee,
    vsize,
    feeRate,
    change,
    reason,
  };
}

function insufficient({ needed, available }: Shortage): TapstakeError {
  const text =
    available < 0n
      ? `not enough coins: the new stake needs ${-available} sat more than the previous stake and the coin have, and ${needed} sat for the fee`
      : `not enough coins: the fee needs ${needed} sat above the new stake, and ${available} sat are left`;
  return new TapstakeError("insufficient-funds", text, { needed, available });
}

/** @param largest what the largest spendable coin lacks, if there is one */
function noneIsEnough(
  largest: Shortage | undefined,
  coins: readonly Coin[],
  aside: readonly Coin[],
): TapstakeError {
  const unconfirmed = aside.reduce((sum, { value }) => sum + value, 0n);
  const error = largest
    ? insufficient(largest)
    : new TapstakeError(
        "insufficient-funds",
        `an expansion needs one P2WPKH coin, or a P2TR coin spent by its key; not one of the ${coins.length} coins is such a coin`,
        { coins: coins.length },
      );
  if (unconfirmed === 0n) return error;
  const text = `${error.message}; ${unconfirmed} sat more are in unconfirmed coins`;
  return new TapstakeError("insufficient-funds", text, { ...error.details, unconfirmed });
}

/**
 * The output of the previous stake: built again from its terms, and found at its stated place.
 * @throws TapstakeError `invalid-argument`, `output-not-found`, `staking-output-mismatch`, the codes of
 * {@link checkStake}
 */
export function previousStake(previous: PreviousStake): {
  readonly coin: UnspentOutput;
  readonly output: StakingOutput;
} {
  const { terms, params, staking } = previous ?? {};
  if (!params || typeof staking?.transaction?.getHash !== "function") {
    const text = `previous stake must be its terms, parameters and staking transaction, not ${describeType(previous)}`;
    throw new TapstakeError("invalid-argument", text);
  }
  const output = stakingOutput(terms, params.network);
  const transaction = toTransaction(staking.transaction);
  const { script, value } = outputAt(transaction, staking.outputIndex);
  if (!equalBytes(script, output.script)) {
    const [expected, got] = [hex.encode(output.script), hex.encode(script)];
    const text = `output ${staking.outputIndex} of the previous staking transaction must have the script ${expected} of the previous terms, not ${got}`;
    throw new TapstakeError("staking-output-mismatch", text, { expected, got });
  }
  checkStake(params, terms, value);
  return { coin: { outpoint: outpointOf(transaction, staking.outputIndex), value }, output };
}

/**
 * Checks what an expansion may change of a stake (PROTOCOL 3). The stakers stay, and the value does not shrink. A
 * quorum of the previous committee is in the new one: only members who sign all of the new stake sign the spend of the
 * old.
 * @throws TapstakeError `wrong-network`, `staker-mismatch`, `covenant-mismatch`, `expansion-value-too-low`
 */
export function checkExpansion(
  previous: PreviousStake,
  { terms, params, value }: Pick<ExpansionRequest, "terms" | "params" | "value">,
): void {
  if (previous.params.network !== params.network) {
    const [expected, got] = [previous.params.network, params.network];
    const text = `the previous stake is on ${expected}, but the new parameters are of ${got}`;
    throw new TapstakeError("wrong-network", text, { expected, got });
  }
  if (!sameKeySet(stakerKeys(previous.terms.staker), stakerKeys(terms.staker))) {
    throw new TapstakeError("staker-mismatch", "the stakers are not those of the previous stake");
  }
  const { keys, quorum } = previous.params.covenant;
  const staying = keys.filter((key) => params.covenant.keys.some((other) => equalBytes(key, other))).length;
  if (staying < quorum) {
    const text = `the new committee keeps ${staying} members of the previous one; ${quorum} are needed`;
    throw new TapstakeError("covenant-mismatch", text, { expected: quorum, got: staying });
  }
  const staked = outputAt(toTransaction(previous.staking.transaction), previous.staking.outputIndex).value;
  if (value < staked) {
    const text = `the new stake of ${value} sat is below the previous one of ${staked} sat`;
    throw new TapstakeError("expansion-value-too-low", text, { expected: staked, got: value });
  }
}

function expansionPsbt(
  spend: LeafSpend,
  coin: Coin,
  output: StakingOutput,
  derivations?: readonly KeyOrigin[],
): Psbt {
  const psbt = spendPsbt(spend, [], derivations);
  Object.assign(psbt.data.inputs[FUNDING_INPUT]!, fieldsOf(coin));
  describeOutput(psbt, STAKE_OUTPUT, output, derivations ?? []);
  return psbt;
}
