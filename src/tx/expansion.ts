import type { Rate } from "../core/amount.js";
import type { Psbt, Transaction } from "../core/bitcoin.js";
import { assertBytes, equalBytes, hex } from "../core/bytes.js";
import { dustThreshold } from "../core/dust.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { checkRules, type RuleSet } from "../params/rules.js";
import { checkStake, sameKeySet } from "../params/stake.js";
import type { ProtocolParams } from "../params/types.js";
import type { KeyOrigin } from "../script/key-origin.js";
import { type StakingOutput, stakingOutput } from "../script/outputs.js";
import { type StakeTerms, stakerKeys } from "../script/terms.js";
import { assertCoin, type Coin, coinKind } from "./coin.js";
import { assertFeeRate, assertNotDust, feeAt } from "./fee.js";
import { fieldsOf } from "./funding-psbt.js";
import { ECDSA_LENGTH, SCHNORR_LENGTH } from "./input-weight.js";
import { assertSameTransaction, describeOutput, parsePsbt, type PsbtLike, spendPsbt } from "./psbt.js";
import { assertSameCoins, assertSameScripts } from "./psbt-inputs.js";
import { type LeafSpend, withWitness } from "./spend.js";
import {
  assertOutputScript,
  assertStakeCoin,
  createTransaction,
  FINAL_SEQUENCE,
  formatOutpoint,
  outpointOf,
  outputAt,
  type StakeCoin,
} from "./transaction.js";
import { checkInput, readInput } from "./wallet-input.js";
import { placeholderWitness } from "./witness.js";

/** A stake that can be expanded: a `Delegation` is one. */
export interface PreviousStake {
  readonly terms: StakeTerms;
  /** Those that the stake was made under: their committee signs. */
  readonly params: ProtocolParams;
  readonly staking: { readonly transaction: Transaction; readonly outputIndex: number };
}

export interface ExpansionRequest {
  readonly previous: PreviousStake;
  /** The new stake: by the same stakers; its time lock starts anew. */
  readonly terms: StakeTerms;
  /** Those in force now. */
  readonly params: ProtocolParams;
  /** What to stake, in satoshi: not less than before. */
  readonly value: bigint;
  /**
   * The one coin that pays the fee and what is added: P2WPKH, or P2TR spent by its key. Its owner signs, and need
   * not be the staker.
   */
  readonly coin: Coin;
  /** The output script that change goes to. */
  readonly changeScript: Uint8Array;
  /** Satoshi per virtual byte. */
  readonly feeRate: Rate;
  /** The least that the node relays, in satoshi per virtual byte: 1 unless told, 0 for any. */
  readonly minFeeRate?: Rate;
  /** Of the stakers' keys, as the previous stake and the new one name them: the PSBT tells them to a wallet. */
  readonly derivations?: readonly KeyOrigin[];
  /** What the chain must accept; without it, every form goes. */
  readonly rules?: RuleSet;
}

/** An expansion that any one of several coins can fund. */
export interface ExpansionFunding extends Omit<ExpansionRequest, "coin"> {
  readonly coins: readonly Coin[];
}

/** An expansion, unsigned. As a spend it is the one of the previous stake, by its unbonding leaf. */
export interface Expansion extends LeafSpend {
  readonly psbt: Psbt;
  readonly previous: PreviousStake;
  readonly coin: Coin;
  /** The new stake. */
  readonly output: StakingOutput;
  /** Which output of the transaction is the new stake. */
  readonly outputIndex: number;
  /** Satoshi. */
  readonly fee: bigint;
  /** Satoshi that return to the change script; 0 when there is no change output. */
  readonly change: bigint;
}

/** The input that spends the previous stake, and the one that spends the funding coin (PROTOCOL 3). */
const PREVIOUS_INPUT = 0;
export const FUNDING_INPUT = 1;
const STAKE_OUTPUT = 0;

/**
 * The transaction that turns a stake into a larger or longer one without unbonding (PROTOCOL 3): the previous stake
 * by its unbonding leaf and one funding coin in, the new stake and change out. The committee of the previous
 * parameters signs it in advance, so nothing of it can change afterwards.
 * @throws TapstakeError the codes of {@link checkStake}, of {@link checkExpansion}, and of `checkRules` where rules
 * are given; `staking-output-mismatch` when the previous stake is not where it is said to be; `invalid-coin`,
 * `invalid-amount`, `invalid-bytes`, `invalid-public-key`, `invalid-rate`, `fee-rate-too-low`,
 * `insufficient-funds`, `dust-output`; `multiple-staking-outputs` when change would return to the stake; the codes of
 * `spendPsbt` at derivations
 */
export function buildExpansion(request: ExpansionRequest): Expansion {
  const { previous, terms, params, value, coin, changeScript, feeRate, minFeeRate, rules } = request;
  const stake = previousStake(previous);
  if (rules) checkRules(rules, terms, { params, previous: previous.terms });
  checkStake(params, terms, value);
  checkExpansion(previous, { terms, params, value });
  assertFundingCoin(coin, stake.coin);
  assertFeeRate(feeRate, minFeeRate);
  assertOutputScript(changeScript, "change script");
  const output = stakingOutput(terms, params.network);
  if (equalBytes(changeScript, output.script)) {
    const text = "the change script is the staking output's own script";
    throw new TapstakeError("multiple-staking-outputs", text);
  }
  assertNotDust({ script: output.script, value }, "staking output");

  const spendWith = (change: bigint): LeafSpend => ({
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
  });
  const feeOf = (change: bigint) => feeAt(withPlaceholders(spendWith(change), coin), feeRate);
  const change = changeOf(stake.coin.value + coin.value - value, changeScript, feeOf);
  const spend = spendWith(change);
  const fee = stake.coin.value + coin.value - value - change;
  return {
    ...spend,
    psbt: expansionPsbt(spend, coin, output, request.derivations),
    previous,
    coin,
    output,
    outputIndex: STAKE_OUTPUT,
    fee,
    change,
  };
}

/**
 * {@link buildExpansion} with the smallest of several coins that is enough: larger ones are kept for what needs them.
 * Passed over are coins that cannot fund an expansion by their script, those that are not mined yet, and the previous
 * stake itself.
 * @throws TapstakeError `insufficient-funds` when none is enough, `invalid-coin`, and as {@link buildExpansion}
 */
export function fundExpansion({ coins, ...request }: ExpansionFunding): Expansion {
  const stake = formatOutpoint(previousStake(request.previous).coin.outpoint);
  for (const coin of coins) {
    assertStakeCoin(coin);
    assertBytes(coin.script, "coin's script");
  }
  const fit = coins
    .filter((coin) => coin.confirmations !== 0 && formatOutpoint(coin.outpoint) !== stake)
    .filter(fundingKindOf)
    .toSorted((a, b) => (a.value < b.value ? -1 : Number(a.value > b.value)));
  for (const coin of fit) {
    try {
      return buildExpansion({ ...request, coin });
    } catch (error) {
      if (!isShort(error) || coin === fit.at(-1)) throw error;
    }
  }
  const text = `expected a mined P2WPKH coin, or P2TR coin spent by its key, and found none of ${coins.length}`;
  throw new TapstakeError("insufficient-funds", text, { coins: coins.length });
}

const isShort = (error: unknown) => error instanceof TapstakeError && error.code === "insufficient-funds";

/**
 * The output of a stake that is to be expanded, built again from its terms and found where it is said to be.
 * @throws TapstakeError `invalid-argument`, `output-not-found`, `staking-output-mismatch`, the codes of
 * {@link checkStake}
 */
export function previousStake(previous: PreviousStake): {
  readonly coin: StakeCoin;
  readonly output: StakingOutput;
} {
  const { terms, params, staking } = previous ?? {};
  if (!params || typeof staking?.transaction?.getHash !== "function") {
    const text = `previous stake: expected terms, parameters and staking transaction, got ${describeType(previous)}`;
    throw new TapstakeError("invalid-argument", text);
  }
  const output = stakingOutput(terms, params.network);
  const { script, value } = outputAt(staking.transaction, staking.outputIndex);
  if (!equalBytes(script, output.script)) {
    const [expected, got] = [hex.encode(output.script), hex.encode(script)];
    const text = `previous staking output ${staking.outputIndex}: expected script ${expected}, got ${got}`;
    throw new TapstakeError("staking-output-mismatch", text, { expected, got });
  }
  checkStake(params, terms, value);
  return { coin: { outpoint: outpointOf(staking.transaction, staking.outputIndex), value }, output };
}

/**
 * What an expansion may change of a stake, and what not (PROTOCOL 3): the stakers stay, the value does not shrink,
 * and of the previous committee a quorum is in the new one, as only who signs all of the new stake signs the spend
 * of the old.
 * @throws TapstakeError `wrong-network`, `staker-mismatch`, `covenant-mismatch`, `expansion-value-too-low`
 */
export function checkExpansion(
  previous: PreviousStake,
  { terms, params, value }: Pick<ExpansionRequest, "terms" | "params" | "value">,
): void {
  if (previous.params.network !== params.network) {
    const [expected, got] = [previous.params.network, params.network];
    const text = `expected parameters of ${expected}, as of the previous stake, got ${got}`;
    throw new TapstakeError("wrong-network", text, { expected, got });
  }
  if (!sameKeySet(stakerKeys(previous.terms.staker), stakerKeys(terms.staker))) {
    throw new TapstakeError("staker-mismatch", "the stakers are not those of the previous stake");
  }
  const { keys, quorum } = previous.params.covenant;
  const staying = keys.filter((key) => params.covenant.keys.some((other) => equalBytes(key, other))).length;
  if (staying < quorum) {
    const text = `expected ${quorum} members of the previous committee in the new one, got ${staying}`;
    throw new TapstakeError("covenant-mismatch", text, { expected: quorum, got: staying });
  }
  const staked = outputAt(previous.staking.transaction, previous.staking.outputIndex).value;
  if (value < staked) {
    const text = `expected a stake of at least ${staked} satoshi, as before, got ${value}`;
    throw new TapstakeError("expansion-value-too-low", text, { expected: staked, got: value });
  }
}

/**
 * The witness of the funding coin from the PSBT that its wallet returned, finalised or not. Its signature is verified
 * over our own copy of the transaction; nothing else in the PSBT is used.
 * @throws TapstakeError `invalid-psbt`, `psbt-mismatch`, `missing-signature`, `invalid-signature`,
 * `unsupported-sighash`, `invalid-coin`
 */
export function fundingWitness({ transaction, prevouts }: LeafSpend, returned: PsbtLike): Uint8Array[] {
  const psbt = parsePsbt(returned);
  assertSameTransaction(transaction, psbt);
  assertSameCoins(transaction, prevouts, psbt);
  const coins = transaction.ins.map(({ hash, index }, i) => ({ outpoint: { hash, index }, ...prevouts[i]! }));
  fundingKind(coins[FUNDING_INPUT]!);
  assertSameScripts(coins[FUNDING_INPUT]!, FUNDING_INPUT, psbt.data.inputs[FUNDING_INPUT]!);
  const spent = readInput(coins[FUNDING_INPUT]!, FUNDING_INPUT, psbt.data.inputs[FUNDING_INPUT]!);
  if (!spent) {
    const text = `input ${FUNDING_INPUT} of the expansion, its funding coin, is not signed`;
    throw new TapstakeError("missing-signature", text, { input: FUNDING_INPUT });
  }
  checkInput(transaction, FUNDING_INPUT, coins, spent);
  return [...spent.witness];
}

function assertFundingCoin(coin: Coin, stake: StakeCoin): void {
  assertCoin(coin);
  fundingKind(coin);
  const [name, staked] = [formatOutpoint(coin.outpoint), formatOutpoint(stake.outpoint)];
  if (name === staked) {
    throw new TapstakeError("invalid-coin", `${name} is the previous stake, which cannot fund itself`);
  }
}

/**
 * The committee signs before the coin's owner does: what its owner shows must not change the txid, and its size must be
 * known from the output alone, which is all that a delegation records of the coin.
 * @throws TapstakeError `invalid-coin`
 */
export function fundingKind(coin: Coin): keyof typeof FUNDING_WITNESS {
  const kind = fundingKindOf(coin);
  if (kind) return kind;
  const name = formatOutpoint(coin.outpoint);
  const text = `${name}: expected a P2WPKH coin or a P2TR coin spent by its key to fund an expansion`;
  throw new TapstakeError("invalid-coin", text, { outpoint: name });
}

function fundingKindOf(coin: Coin): keyof typeof FUNDING_WITNESS | undefined {
  const kind = coinKind(coin);
  return (kind === "p2wpkh" || kind === "p2tr") && !coin.leaf ? kind : undefined;
}

/** What is left of the surplus after the fee; nothing when that would be dust, which then goes to the fee. */
function changeOf(surplus: bigint, changeScript: Uint8Array, feeOf: (change: bigint) => bigint): bigint {
  const change = surplus - feeOf(1n);
  if (change > 0n && change >= dustThreshold(changeScript)) return change;
  const needed = feeOf(0n);
  if (surplus < needed) {
    const text = `expected coins of ${needed} satoshi above the new stake for the fee, got ${surplus}`;
    throw new TapstakeError("insufficient-funds", text, { needed, available: surplus });
  }
  return 0n;
}

/** The largest elements of the funding coin's witness, in bytes: a signature with its hash type, and the key. */
const FUNDING_WITNESS = { p2wpkh: [ECDSA_LENGTH, 33], p2tr: [SCHNORR_LENGTH] } as const;

function withPlaceholders(spend: LeafSpend, coin: Coin): Transaction {
  const signed = withWitness(spend, placeholderWitness(spend.leaf));
  signed.setWitness(
    FUNDING_INPUT,
    FUNDING_WITNESS[fundingKind(coin)].map((length) => new Uint8Array(length)),
  );
  return signed;
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
