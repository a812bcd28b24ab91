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
  /** Further coins, which must be spent. */
  readonly mustSpend?: readonly Coin[];
  /** Whether unconfirmed coins may be spent: no by default. */
  readonly allowUnconfirmed?: boolean;
  /** Fee rate in sat/vB. */
  readonly feeRate: Rate;
  /**
   * The fee rate, in sat/vB, that the owner expects to pay later to spend a coin. With it, the selection minimises
   * Bitcoin Core's waste: the fee now, plus the later cost of spending the change, less the later cost of the coins
   * spent now. The default is 0, which minimises the fee of this transaction.
   */
  readonly longTermFeeRate?: Rate;
}

/**
 * Why these coins were selected.
 * - `changeless`: they need no change, and no choice with change costs less.
 * - `cheapest`: they cost least, with change.
 * - `only`: the search found no choice, and these yield the most that the coins can.
 * - `all`: the caller asked for all coins.
 * - `fitting`: the caller asked for all coins; these hold the most among those that nodes relay in one transaction.
 */
export type SelectionReason = "changeless" | "cheapest" | "only" | "all" | "fitting";

/** What pays for a transaction. */
export interface Funding {
  readonly coins: readonly Coin[];
  /** The fee in satoshi. */
  readonly fee: bigint;
  /** The most virtual bytes once signed: each signature has the length that its coin states, else the longest. */
  readonly vsize: number;
  /** The real fee rate in sat/vB, in thousandths, rounded down. */
  readonly feeRate: Rate;
  /** The value of the change output in satoshi; 0 without one. */
  readonly change: bigint;
  /** Why these coins were selected. */
  readonly reason: SelectionReason;
}

/**
 * Selects coins that cover `value` and the fee with the least waste. Without a long-term rate, that is the least fee; a
 * surplus without change counts as fee. There is a change output unless it would be dust.
 *
 * The search is branch and bound, as in Bitcoin Core, and includes choices with change. For up to about 15 coins the
 * result is optimal. For more, it is the best of the first 100,000 choices, and never worse than taking the largest
 * coins first. If any subset of the coins can pay, the search finds one: a satoshi more never turns a failure into a
 * success. (That holds up to the weight that nodes relay, some 1,400 coins in one transaction.)
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
 * All that the coins yield, less the fee. Coins that cost more to spend than they hold are left out. If the rest is
 * more than nodes relay in one transaction, the coins that hold least for their weight are left out too.
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
  // Left out, and named in the error if the other coins are not enough.
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
