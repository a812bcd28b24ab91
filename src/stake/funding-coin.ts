import type { Transaction } from "../bitcoin/transaction-class.js";
import { formatOutpoint, type UnspentOutput, spentBy } from "../bitcoin/transaction.js";
import { TapstakeError } from "../core/errors.js";
import { assertCoin, type Coin, coinKind } from "../funding/coin.js";
import { checkInput, readInput } from "../psbt/input-check.js";
import { parseAnswer, type PsbtLike } from "../psbt/read.js";
import { assertSameCoins, assertSameScripts, assertSameTransaction } from "../psbt/returned.js";
import type { LeafSpend } from "../spending/spend.js";

/** The input of an expansion that spends the funding coin (PROTOCOL 3). */
export const FUNDING_INPUT = 1;

/**
 * The witness of the funding coin from the PSBT that its wallet returned, finalised or not. Its signature is verified
 * over our own copy of the transaction; nothing else in the PSBT is used.
 * @throws TapstakeError `invalid-psbt`, `psbt-mismatch`, `missing-signature`, `invalid-signature`,
 * `unsupported-sighash`, `invalid-coin`
 */
export function fundingWitness({ transaction, prevouts }: LeafSpend, returned: PsbtLike): Uint8Array[] {
  const psbt = parseAnswer(returned);
  assertSameTransaction(transaction, psbt);
  assertSameCoins(transaction, prevouts, psbt);
  const coins = transaction.ins.map((input, i) => ({ outpoint: spentBy(input), ...prevouts[i]! }));
  fundingKind(coins[FUNDING_INPUT]!);
  const input = psbt.data.inputs[FUNDING_INPUT]!;
  assertSameScripts(coins[FUNDING_INPUT]!, FUNDING_INPUT, input);
  const spent = readInput(coins[FUNDING_INPUT]!, FUNDING_INPUT, input);
  if (!spent) {
    const text = `input ${FUNDING_INPUT} of the expansion, its funding coin, is not signed`;
    throw new TapstakeError("missing-signature", text, { input: FUNDING_INPUT });
  }
  checkInput(transaction, FUNDING_INPUT, coins, spent, input.tapInternalKey);
  return [...spent.witness];
}

type FundingKind = "p2wpkh" | "p2tr";

/** @throws TapstakeError `invalid-coin` also for the previous stake itself */
export function assertFundingCoin(coin: Coin, stake: UnspentOutput): void {
  assertCoin(coin);
  fundingKind(coin);
  const [name, staked] = [formatOutpoint(coin.outpoint), formatOutpoint(stake.outpoint)];
  if (name === staked) {
    throw new TapstakeError("invalid-coin", `${name} is the previous stake, which cannot fund itself`);
  }
}

/**
 * If the previous stake's own transaction spends a coin, the coin is gone once that stake is on the chain: no node
 * would accept the expansion.
 * @param staking the transaction of the previous stake
 * @throws TapstakeError `invalid-coin`
 */
export function assertNotSpent(coins: readonly Coin[], staking: Transaction): void {
  const spent = new Set(staking.ins.map((input) => formatOutpoint(spentBy(input))));
  const name = coins.map(({ outpoint }) => formatOutpoint(outpoint)).find((each) => spent.has(each));
  if (name === undefined) return;
  const text = `coin ${name} cannot fund this expansion: the transaction of the previous stake spends it already`;
  throw new TapstakeError("invalid-coin", text, { outpoint: name });
}

/**
 * The committee signs before the coin's owner does. So the owner's witness must not change the txid, and its size must
 * be known from the output alone: a delegation records only the output of the coin.
 * @throws TapstakeError `invalid-coin`
 */
export function fundingKind(coin: Coin): FundingKind {
  const kind = fundingKindOf(coin);
  if (kind) return kind;
  const name = formatOutpoint(coin.outpoint);
  const text = `coin ${name} cannot fund an expansion: it needs a P2WPKH coin, or a P2TR coin spent by its key`;
  throw new TapstakeError("invalid-coin", text, { outpoint: name });
}

export function fundingKindOf(coin: Coin): FundingKind | undefined {
  const kind = coinKind(coin);
  return (kind === "p2wpkh" || kind === "p2tr") && !coin.leaf ? kind : undefined;
}
