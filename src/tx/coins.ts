import { applyRateUp, type Rate } from "../core/amount.js";
import type { Transaction } from "../core/bitcoin.js";
import { assertBytes } from "../core/bytes.js";
import { dustThreshold } from "../core/dust.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { assertPublicKey } from "../core/keys.js";
import { assertStakeCoin, formatOutpoint, type Prevout, type StakeCoin } from "./transaction.js";

/** A coin of a wallet that can fund a stake: P2WPKH, or P2TR spent by its key. */
export interface Coin extends StakeCoin {
  /** The output script that holds the coin. */
  readonly script: Uint8Array;
  /** For P2TR: the internal key, x-only, which some signers want to be told. */
  readonly tapInternalKey?: Uint8Array;
}

export interface Funding {
  readonly coins: readonly Coin[];
  /** What the transaction pays, in satoshi. */
  readonly fee: bigint;
  /** Satoshi that return to the change script; 0 when there is no change output. */
  readonly change: bigint;
}

/**
 * Chooses the fewest coins that cover the outputs and the fee; of equally many, those that leave most. What is left
 * returns as change, unless that would be dust: then it goes to the fee.
 *
 * A fee depends on how many coins of each kind are spent, and of a kind the largest are best. So every choice that
 * could succeed is looked at, and a satoshi more never turns success into failure.
 * @param build the transaction that spends these coins, with change when asked
 * @throws TapstakeError `invalid-coin`, `invalid-amount`, `invalid-public-key`, `insufficient-funds`,
 * `transaction-too-large`
 */
export function selectCoins(
  coins: readonly Coin[],
  value: bigint,
  feeRate: Rate,
  changeScript: Uint8Array,
  build: (coins: readonly Coin[], change: bigint) => Transaction,
): Funding {
  assertDistinct(coins);
  const weights = { plain: build([], 0n).weight(), withChange: build([], 1n).weight() };
  const [keyHash, taproot] = (["p2wpkh", "p2tr"] as const).map((kind) => largestFirst(coins, kind));
  const chosen = cheapest(keyHash!, taproot!, value, (inputs) => feeFor(weights.plain, inputs, feeRate));
  assertRelayable(weightOf(weights.withChange, chosen.inputs), chosen.coins.length);
  const change = chosen.total - value - feeFor(weights.withChange, chosen.inputs, feeRate);
  return change >= dustThreshold(changeScript) && change > 0n
    ? { coins: chosen.coins, fee: chosen.total - value - change, change }
    : { coins: chosen.coins, fee: chosen.total - value, change: 0n };
}

/** What a transaction pays at a rate in satoshi per virtual byte, rounded up, once its witnesses have this size. */
export function feeAt(transaction: Transaction, feeRate: Rate): bigint {
  return applyRateUp(BigInt(transaction.virtualSize()), feeRate);
}

/** @throws TapstakeError `invalid-rate` unless the rate is an exact fraction above 0 */
export function assertFeeRate(feeRate: Rate): void {
  const { numerator, denominator } = feeRate ?? {};
  if (
    typeof numerator !== "bigint" ||
    typeof denominator !== "bigint" ||
    numerator <= 0n ||
    denominator <= 0n
  ) {
    throw new TapstakeError(
      "invalid-rate",
      "fee rate: expected a fraction above 0, in satoshi per virtual byte",
    );
  }
}

/** @throws TapstakeError `dust-output` when nodes would not relay this output */
export function assertNotDust({ script, value }: Prevout, name: string): void {
  const threshold = dustThreshold(script);
  if (value < threshold) {
    throw new TapstakeError(
      "dust-output",
      `${name}: ${value} satoshi is dust, expected at least ${threshold}`,
      {
        value,
        threshold,
      },
    );
  }
}

/** Coins of one kind, and what the first n of them hold together. */
interface Ranked {
  readonly coins: readonly Coin[];
  readonly sums: readonly bigint[];
}

function largestFirst(coins: readonly Coin[], kind: CoinKind): Ranked {
  const ranked = coins.filter((coin) => coinKind(coin) === kind).sort((a, b) => Number(b.value - a.value));
  const sums = [0n];
  for (const coin of ranked) sums.push(sums.at(-1)! + coin.value);
  return { coins: ranked, sums };
}

type Inputs = Readonly<Record<CoinKind, number>>;

function cheapest(keyHash: Ranked, taproot: Ranked, value: bigint, feeOf: (inputs: Inputs) => bigint) {
  const [most, mostTaproot] = [keyHash.coins.length, taproot.coins.length];
  let shortest: { needed: bigint; available: bigint } | undefined;
  for (let count = 1; count <= most + mostTaproot; count++) {
    let best: { inputs: Inputs; total: bigint; left: bigint } | undefined;
    for (let p2tr = Math.max(0, count - most); p2tr <= Math.min(count, mostTaproot); p2tr++) {
      const inputs = { p2wpkh: count - p2tr, p2tr };
      const total = keyHash.sums[inputs.p2wpkh]! + taproot.sums[p2tr]!;
      const needed = value + feeOf(inputs);
      if (!best || total - needed > best.left) best = { inputs, total, left: total - needed };
      if (!shortest || needed - total < shortest.needed - shortest.available) {
        shortest = { needed, available: total };
      }
    }
    if (best && best.left >= 0n) {
      const { inputs, total } = best;
      const coins = [...keyHash.coins.slice(0, inputs.p2wpkh), ...taproot.coins.slice(0, inputs.p2tr)];
      return { coins, inputs, total };
    }
  }
  const { needed, available } = shortest ?? { needed: value, available: 0n };
  throw new TapstakeError("insufficient-funds", `expected coins of ${needed} satoshi, got ${available}`, {
    needed,
    available,
  });
}

type CoinKind = "p2wpkh" | "p2tr";

/** Weight units of an input with its witness: outpoint, empty script and sequence count four times. */
const INPUT_WEIGHT: Inputs = {
  // Count, a DER signature with a low s and its hash type (72 bytes at most), a key of 33 bytes.
  p2wpkh: 4 * 41 + 1 + 1 + 72 + 1 + 33,
  // Count, a signature of 64 bytes.
  p2tr: 4 * 41 + 1 + 1 + 64,
};

/** The fee of a transaction that without inputs has this weight. */
function feeFor(weight: number, inputs: Inputs, feeRate: Rate): bigint {
  return applyRateUp(BigInt(Math.ceil(weightOf(weight, inputs) / 4)), feeRate);
}

function weightOf(withoutInputs: number, { p2wpkh, p2tr }: Inputs): number {
  const count = p2wpkh + p2tr;
  // The segwit marker and flag; the count of inputs outgrows its one byte at 253.
  const head = 2 + 4 * (count < 253 ? 0 : 2);
  const inputs = p2wpkh * INPUT_WEIGHT.p2wpkh + p2tr * INPUT_WEIGHT.p2tr;
  return withoutInputs + head + inputs;
}

/** The largest transaction that nodes relay, in weight units. */
const MAX_STANDARD_WEIGHT = 400_000;

function assertRelayable(weight: number, coins: number): void {
  if (weight > MAX_STANDARD_WEIGHT) {
    const text = `${coins} coins make a transaction of ${weight} weight units, above the ${MAX_STANDARD_WEIGHT} that nodes relay`;
    throw new TapstakeError("transaction-too-large", text, { coins, weight });
  }
}

/** @throws TapstakeError `invalid-coin` */
export function coinKind(coin: Coin): CoinKind {
  const { script } = coin;
  if (script.length === 22 && script[0] === 0 && script[1] === 20) return "p2wpkh";
  if (script.length === 34 && script[0] === 0x51 && script[1] === 32) return "p2tr";
  throw new TapstakeError("invalid-coin", `${formatOutpoint(coin.outpoint)}: expected a P2WPKH or P2TR coin`);
}

function assertDistinct(coins: readonly Coin[]): void {
  if (!Array.isArray(coins)) {
    throw new TapstakeError("invalid-coin", `expected a list of coins, got ${describeType(coins)}`);
  }
  const seen = new Set<string>();
  for (const coin of coins as readonly Coin[]) {
    assertStakeCoin(coin);
    assertBytes(coin.script, "coin's script");
    const kind = coinKind(coin);
    if (coin.tapInternalKey !== undefined) {
      assertPublicKey(coin.tapInternalKey, "coin's internal key");
      if (kind !== "p2tr") {
        throw new TapstakeError("invalid-coin", "only a P2TR coin has an internal key");
      }
    }
    const name = formatOutpoint(coin.outpoint);
    if (seen.has(name)) throw new TapstakeError("invalid-coin", `${name} is given twice`, { outpoint: name });
    seen.add(name);
  }
}
