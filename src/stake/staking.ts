import type { Transaction } from "../bitcoin/transaction-class.js";
import { assertEstimated, assertFeeRate, type FeeRateLimits } from "../bitcoin/fee.js";
import { assertNotDust, assertOutputScript } from "../bitcoin/output-script.js";
import {
  assertTransaction,
  createTransaction,
  FINAL_SEQUENCE,
  formatOutpoint,
  type Prevout,
  REPLACEABLE_SEQUENCE,
  spends,
  spentBy,
  toTransaction,
} from "../bitcoin/transaction.js";
import { equalBytes } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { assertList, assertObject } from "../core/objects.js";
import { hasWitness } from "../funding/coin-cost.js";
import { assertCoins, type Coin, coinKind } from "../funding/coin.js";
import { type Funding, selectAll, selectCoins, type Spending } from "../funding/selection.js";
import { assertParams, checkStake } from "../params/check.js";
import { type ANY_RELEASE, checkBuilt, type RuleSet } from "../params/rules.js";
import type { ProtocolParams } from "../params/types.js";
import type { Psbt } from "../psbt/psbt.js";
import { checkInput, fixedInputScript, readInput } from "../psbt/input-check.js";
import { coinsOfPsbt, parseAnswer, parsePsbt, type PsbtLike, transactionOf } from "../psbt/read.js";
import { assertSameCoins, assertSameScripts, assertSameTransaction } from "../psbt/returned.js";
import { fundingPsbt } from "../psbt/write.js";
import { encodeOpReturn } from "../script/op-return.js";
import { type StakingOutput, stakingOutput } from "../script/outputs.js";
import type { StakeTerms } from "../script/terms.js";
import { assertPresignable } from "./presignable.js";

/** What `buildStaking` takes: whose stake it is, what pays, and at which rate. */
export interface StakingRequest extends Spending, FeeRateLimits {
  readonly terms: StakeTerms;
  readonly params: ProtocolParams;
  /**
   * What to stake, in satoshi; or `"all"`: what the coins yield, less the fee, without a change output. Two kinds of
   * coins are then left out: coins that cost more to spend than they hold, and coins beyond what nodes relay in one
   * transaction.
   */
  readonly value: bigint | "all";
  /** The output script that change goes to; needed unless all is staked. */
  readonly changeScript?: Uint8Array;
  /** Whether the fee can be raised while the transaction is unconfirmed (BIP-125): yes by default. */
  readonly replaceable?: boolean;
  /** What the chain must accept, as {@link checkBuilt} says. */
  readonly rules?: RuleSet | typeof ANY_RELEASE;
}

/** A staking transaction, unsigned. */
export interface Staking extends Funding {
  readonly psbt: Psbt;
  /** Without signatures. The input of a P2SH coin has its input script already: it is known before anybody signs. */
  readonly transaction: Transaction;
  /** Those that it was built with: a delegation of it has the same. */
  readonly params: ProtocolParams;
  readonly output: StakingOutput;
  /** Which output of the transaction is the stake. */
  readonly outputIndex: number;
  /** What is staked, in satoshi. */
  readonly value: bigint;
  /**
   * Whether signing leaves the txid unchanged. A P2PKH coin's signature is part of the hashed bytes, so it changes the
   * txid: nothing can be built upon the stake before {@link finishStaking}.
   */
  readonly txidFinal: boolean;
}

/**
 * The transaction that stakes (PROTOCOL 3): the staking output, the OP_RETURN where the parameters are of
 * phase 1, and change. A stake whose unbonding or slashing would pay dust is refused: `createDelegation` could not
 * make what is signed in advance.
 * @throws TapstakeError the codes of {@link checkStake}, and of {@link checkBuilt}; `invalid-coin` and the other codes of a bad coin,
 * `invalid-bytes`, `insufficient-funds`, `invalid-rate`, `fee-rate-too-low`, `fee-rate-too-high`, `dust-output`, `transaction-too-large`;
 * `multiple-staking-outputs` when change would return to the stake; `unsupported-params` for phase 1 with several
 * stakers or finality providers
 */
export function buildStaking(request: StakingRequest): Staking {
  assertObject(request, "the request", "give { terms, params, value, coins, changeScript, feeRate }");
  const { terms, params, feeRate, replaceable = true, rules } = request;
  assertObject(terms, "terms");
  assertParams(params);
  checkBuilt(rules, terms, { params });
  if (request.value !== "all") checkStake(params, terms, request.value);
  assertFeeRate(feeRate, request);
  const output = stakingOutput(terms, params.network);
  const opReturn = params.phase1 ? [{ script: phase1Data(terms, params.phase1.tag), value: 0n }] : [];
  const sequence = replaceable ? REPLACEABLE_SEQUENCE : FINAL_SEQUENCE;
  const pay = (coins: readonly Coin[], value: bigint, change: readonly Prevout[] = []) =>
    createTransaction(
      coins.map(({ outpoint }) => ({ outpoint, sequence })),
      [{ script: output.script, value }, ...opReturn, ...change],
    );
  const { changeScript, value, ...funding } = fund(request, output, pay);
  if (request.value === "all") checkStake(params, terms, value);
  assertNotDust({ script: output.script, value }, "staking output");
  assertPresignable(terms, params, value);

  const { coins, change } = funding;
  const transaction = pay(coins, value, change > 0n ? [{ script: changeScript, value: change }] : []);
  for (const [i, coin] of coins.entries()) transaction.setInputScript(i, fixedInputScript(coin));
  const psbt = fundingPsbt(transaction, coins);
  return {
    ...funding,
    psbt,
    transaction,
    params,
    output,
    outputIndex: 0,
    value,
    txidFinal: coins.every(hasWitness),
  };
}

/**
 * The signed staking transaction from the PSBT that its wallets returned, finalised or not. Each signature is
 * verified over our own copy of the transaction and its coins; nothing else in the PSBT is used.
 * @throws TapstakeError `invalid-psbt`, `psbt-mismatch` naming what was altered, `missing-signature`,
 * `invalid-signature`, `witness-mismatch`, `unsupported-sighash`, `size-above-estimate`
 */
export function finishStaking(
  staking: Pick<Staking, "transaction" | "coins"> & Partial<Pick<Staking, "vsize">>,
  returned: PsbtLike,
): Transaction {
  assertObject(staking, "the staking", "give what buildStaking returns");
  const { transaction, coins, vsize } = staking;
  assertTransaction(transaction, "staking.transaction");
  assertList(coins, "staking.coins");
  const psbt = parseAnswer(returned);
  assertSameTransaction(transaction, psbt);
  assertSameCoins(transaction, coins, psbt);
  const signed = transaction.clone();
  for (const [i, input] of psbt.data.inputs.entries()) {
    assertSameScripts(coins[i]!, i, input);
    const spent = readInput(coins[i]!, i, input);
    if (!spent) throw notSigned(i, coins[i]!, input);
    checkInput(transaction, i, coins, spent, input.tapInternalKey);
    signed.setInputScript(i, spent.script);
    signed.setWitness(i, [...spent.witness]);
  }
  if (vsize !== undefined) assertEstimated(signed, vsize);
  return signed;
}

/**
 * The coins that a staking transaction spends, in the order of its inputs.
 * @throws TapstakeError `invalid-coin` if one of them is not given; the codes of `assertCoin`
 */
export function coinsSpentBy({ ins }: Transaction, coins: readonly Coin[]): Coin[] {
  assertCoins(coins);
  return ins.map((input, i) => {
    const coin = coins.find(({ outpoint }) => spends(input, outpoint));
    if (coin) return coin;
    const outpoint = formatOutpoint(spentBy(input));
    const text = `input ${i} of the staking transaction spends ${outpoint}, which is not among the coins given; give coins: staking.coins`;
    throw new TapstakeError("invalid-coin", text, { input: i, outpoint });
  });
}

function notSigned(index: number, coin: Coin, input: Psbt["data"]["inputs"][number]): TapstakeError {
  // A coin of one key: whatever signature there is, another key made it.
  const isOfOneKey = coinKind(coin) !== "p2wsh" && coinKind(coin) !== "p2tr";
  const bySomeoneElse = isOfOneKey ? (input.partialSig ?? []).length : 0;
  const others = bySomeoneElse > 0 ? ` by the key of its coin; it has a signature by another key` : "";
  const text = `input ${index} of the staking transaction is not signed${others}`;
  const details = { input: index, ...(bySomeoneElse > 0 && { bySomeoneElse }) };
  return new TapstakeError("missing-signature", text, details);
}

/**
 * The signed transaction of a PSBT whose coins only the PSBT itself tells: that of a wallet which built the stake on its
 * own, or one that {@link buildStaking} built in another run. Each signature is verified over the coins that it names.
 * @throws TapstakeError `invalid-psbt`, `invalid-coin` when it does not describe its coins; the codes of
 * {@link finishStaking}
 */
export function transactionFromPsbt(returned: PsbtLike): Transaction {
  const psbt = parsePsbt(returned);
  return finishStaking({ transaction: transactionOf(psbt), coins: coinsOfPsbt(psbt) }, psbt);
}

/** A staking transaction that others can be built upon: signed, or said to keep its txid, as a {@link Staking} says. */
export type StakingTransaction =
  Transaction | (Pick<Staking, "transaction" | "txidFinal"> & Partial<Pick<Staking, "params">>);

/**
 * The transaction, once its txid can no longer change.
 * @throws TapstakeError `txid-not-final` where it says so itself, or is handed over bare while an input has neither an
 * input script nor a witness: signed, a P2PKH input has another txid
 */
export function withFinalTxid(staking: StakingTransaction): Transaction {
  if (typeof staking === "object" && staking !== null && "transaction" in staking) {
    if (staking.txidFinal) return toTransaction(staking.transaction);
    throw new TapstakeError(
      "txid-not-final",
      "a P2PKH coin pays for this transaction, so its txid changes when it is signed: build upon what finishStaking gives",
    );
  }
  const signed = toTransaction(staking);
  const unsigned = signed.ins.findIndex(({ script, witness }) => script.length + witness.length === 0);
  if (unsigned < 0) return signed;
  const text = `input ${unsigned} of the staking transaction is not signed, and may be of a P2PKH coin: pass what buildStaking or finishStaking gave, or { transaction, txidFinal: true } where every coin is segwit`;
  throw new TapstakeError("txid-not-final", text, { input: unsigned });
}

/** The coins, what they stake, and where change goes. */
function fund(
  request: StakingRequest,
  output: StakingOutput,
  pay: (coins: readonly Coin[], value: bigint, change?: readonly Prevout[]) => Transaction,
): Funding & { readonly value: bigint; readonly changeScript: Uint8Array } {
  const { value, changeScript = new Uint8Array(0) } = request;
  if (value === "all") return { ...selectAll(request, (coins) => pay(coins, 0n)), changeScript };
  assertOutputScript(changeScript, "change script");
  if (equalBytes(changeScript, output.script)) {
    throw new TapstakeError(
      "multiple-staking-outputs",
      "the change script is the staking output's own script",
    );
  }
  const build = (coins: readonly Coin[], change: bigint) =>
    pay(coins, value, change > 0n ? [{ script: changeScript, value: change }] : []);
  return { ...selectCoins(request, value, { changeScript, build }), value, changeScript };
}

function phase1Data({ staker, finalityProviders, timelock }: StakeTerms, tag: Uint8Array): Uint8Array {
  const [finalityProvider, ...others] = finalityProviders;
  if (!(staker instanceof Uint8Array) || others.length > 0) {
    throw new TapstakeError("unsupported-params", "phase 1 knows one staker and one finality provider");
  }
  return encodeOpReturn({ tag, staker, finalityProvider: finalityProvider!, timelock });
}
