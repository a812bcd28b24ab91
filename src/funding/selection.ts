import { rateOf } from "../bitcoin/fee.js";
import { formatOutpoint } from "../bitcoin/transaction.js";
import type { Rate } from "../core/amount.js";
import { TapstakeError } from "../core/errors.js";
import {
  type Choice,
  findCheapest,
  findFitting,
  findMost,
  MAX_STANDARD_WEIGHT,
  type Pool,
} from "./branch-and-bound.js";
import { candidateOf, type CoinCost, costOf, type Recipient, type Selected } from "./coin-cost.js";
import { assertCoins, type Coin } from "./coin.js";

/** What to spend, and how. */
export interface Spending {
  /** Coins to choose from. Their owners sign, and need not be the staker. */
  readonly coins: readonly Coin[];
  /** Coins to spend in any case, besides. */
  readonly mustSpend?: readonly Coin[];
  /** Whether coins that are not mined yet may be spent: not unless told. */
  readonly allowUnconfirmed?: boolean;
  /** Satoshi per virtual byte. */
  readonly feeRate: Rate;
  /**
   * What the owner expects to pay later to spend a coin, in satoshi per virtual byte. With it, what is least is
   * Bitcoin Core's waste: fees now, and those of spending the change later, less what the coins spent now would
   * cost later. 0 unless told: then what is least is the fee of this transaction.
   */
  readonly longTermFeeRate?: Rate;
}

/**
 * Why these coins: `changeless`, they need no change and nothing with change costs less; `cheapest`, they cost
 * least, with change; `only`, the search found none, and these are the most that the coins can yield; `all`, that
 * was asked for; `fitting`, that was asked for, and these hold most of those that nodes relay in one transaction.
 */
export type SelectionReason = "changeless" | "cheapest" | "only" | "all" | "fitting";

/** What pays for a transaction. */
export interface Funding {
  readonly coins: readonly Coin[];
  /** What the transaction pays, in satoshi. */
  readonly fee: bigint;
  /** The most virtual bytes once signed: with every signature as long as it can be, or as its coin says. */
  readonly vsize: number;
  /** What is really paid: satoshi per virtual byte, to thousandths, rounded down. */
  readonly feeRate: Rate;
  /** Satoshi that return to the change script; 0 when there is no change output. */
  readonly change: bigint;
  /** Why these coins. */
  readonly reason: SelectionReason;
}

/**
 * Chooses coins that cover `value` and the fee at the least waste; without a long-term rate that is the least fee,
 * with the surplus of a choice without change counted in. Change returns unless it would be dust.
 *
 * Branch and bound, as Bitcoin Core does it, over choices with change too. Of some 15 coins what it finds is the
 * least there is; of more, the best of the first 100,000 that were looked at, and never worse than the
 * largest coins first. Whatever subset of the coins can pay, something is found: a satoshi more never turns
 * success into failure. (That holds up to the weight that nodes relay, some 1,400 coins in one transaction.)
 * @throws TapstakeError `invalid-coin` and the other codes of a bad coin; `invalid-rate`, `insufficient-funds`,
 * `transaction-too-large`
 */
export function selectCoins(spending: Spending, value: bigint, recipient: Recipient): Funding {
  const { pool, unconfirmed } = poolOf(spending);
  const cost = costOf(spending, value, recipient);
  const cheapest = findCheapest(pool, cost);
  if (cheapest) return fundingOf(cheapest, cheapest.change > 0n ? "cheapest" : "changeless", cost);
  const most = findMost(pool, cost);
  for (const selected of [findFitting(pool, cost), most]) {
    const outcome = cost.settle(selected);
    if (outcome) return fundingOf({ ...outcome, selected }, "only", cost);
  }
  throw insufficient(value, most, cost, unconfirmed);
}

/**
 * All that the coins yield, less the fee: those that cost more to spend than they hold stay where they are, and those
 * that hold least for their weight where all would be more than nodes relay in one transaction.
 * @throws TapstakeError the codes of {@link selectCoins}
 */
export function selectAll(
  spending: Spending,
  build: Recipient["build"],
): Funding & { readonly value: bigint } {
  const { pool, unconfirmed } = poolOf(spending);
  const cost = costOf(spending, 0n, { changeScript: new Uint8Array(0), build });
  const most = findMost(pool, cost);
  const isRelayed = cost.weightOf(most) <= MAX_STANDARD_WEIGHT;
  const selected = isRelayed ? most : findFitting(pool, cost);
  const fee = cost.feeOf(selected);
  if (selected.value <= fee) throw insufficient(1n, selected, cost, unconfirmed);
  const choice = { selected, fee, change: 0n };
  return { ...fundingOf(choice, isRelayed ? "all" : "fitting", cost), value: selected.value - fee };
}

function poolOf({ coins, mustSpend = [], allowUnconfirmed = false }: Spending): {
  pool: Pool;
  unconfirmed: bigint;
} {
  const seen = new Set<string>();
  assertCoins(mustSpend, "mustSpend", seen);
  assertCoins(coins, "coins", seen);
  const isFree = ({ confirmations }: Coin) => allowUnconfirmed || confirmations !== 0;
  const waiting = mustSpend.find((coin) => !isFree(coin));
  if (waiting) {
    const outpoint = formatOutpoint(waiting.outpoint);
    const index = mustSpend.indexOf(waiting);
    const text = `mustSpend[${index}]: ${outpoint} must be spent, but it is unconfirmed and unconfirmed coins are not allowed`;
    throw new TapstakeError("invalid-coin", text, { index, outpoint });
  }
  // Left aside, and named when the rest is not enough.
  const aside = coins.filter((coin) => !isFree(coin));
  return {
    pool: { required: mustSpend.map(candidateOf), optional: coins.filter(isFree).map(candidateOf) },
    unconfirmed: aside.reduce((sum, { value }) => sum + value, 0n),
  };
}

/** @throws TapstakeError `transaction-too-large` */
function fundingOf({ selected, fee, change }: Choice, reason: SelectionReason, cost: CoinCost): Funding {
  const weight = cost.weightOf(selected, change);
  if (weight > MAX_STANDARD_WEIGHT) {
    const text = `${selected.count} coins make a transaction of ${weight} weight units; nodes relay at most ${MAX_STANDARD_WEIGHT}`;
    throw new TapstakeError("transaction-too-large", text, { coins: selected.count, weight });
  }
  const vsize = Math.ceil(weight / 4);
  const coins = selected.candidates.map(({ coin }) => coin);
  return { coins, fee, vsize, feeRate: rateOf(fee, vsize), change, reason };
}

function insufficient(value: bigint, most: Selected, cost: CoinCost, unconfirmed: bigint): TapstakeError {
  const needed = value + (most.count > 0 ? cost.feeOf(most) : 0n);
  const available = most.value;
  const aside = unconfirmed > 0n ? `; ${unconfirmed} sat more are in unconfirmed coins` : "";
  return new TapstakeError(
    "insufficient-funds",
    `not enough coins: need ${needed} sat with the fee, have ${available} sat${aside}`,
    { needed, available, ...(unconfirmed > 0n && { unconfirmed }) },
  );
}
