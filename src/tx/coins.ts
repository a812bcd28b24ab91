import { applyRateUp, assertSatoshi, type Rate } from "../core/amount.js";
import type { Transaction } from "../core/bitcoin.js";
import { dustThreshold } from "../core/dust.js";
import { TapstakeError } from "../core/errors.js";
import { assertOutpoint, formatOutpoint, type Prevout, type StakeCoin } from "./transaction.js";

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
 * Chooses coins, largest first, until they cover the outputs and the fee of the transaction that they make. What
 * is left returns as change, unless that would be dust: then it goes to the fee.
 * @param build the transaction that spends these coins, with change when asked: its real size sets the fee
 * @throws TapstakeError `invalid-coin`, `invalid-amount`, `insufficient-funds`
 */
export function selectCoins(
  coins: readonly Coin[],
  value: bigint,
  feeRate: Rate,
  changeScript: Uint8Array,
  build: (coins: readonly Coin[], change: bigint) => Transaction,
): Funding {
  assertDistinct(coins);
  const ordered = [...coins].sort((a, b) => Number(b.value - a.value));
  const chosen: Coin[] = [];
  let total = 0n;
  let needed = value;
  for (const coin of ordered) {
    chosen.push(coin);
    total += coin.value;
    needed = value + feeFor(build(chosen, 0n), chosen, feeRate);
    if (total < needed) continue;
    const change = total - value - feeFor(build(chosen, 1n), chosen, feeRate);
    return change >= dustThreshold(changeScript)
      ? { coins: chosen, fee: total - value - change, change }
      : { coins: chosen, fee: total - value, change: 0n };
  }
  throw new TapstakeError("insufficient-funds", `expected coins of ${needed} satoshi, got ${total}`, {
    needed,
    available: total,
  });
}

/** What a transaction pays at a rate in satoshi per virtual byte, rounded up, once its witnesses have this size. */
export function feeAt(transaction: Transaction, feeRate: Rate): bigint {
  return applyRateUp(BigInt(transaction.virtualSize()), feeRate);
}

/** @throws TapstakeError `invalid-rate` unless the rate is an exact fraction above 0 */
export function assertFeeRate(feeRate: Rate): void {
  const { numerator, denominator } = feeRate;
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

function feeFor(transaction: Transaction, coins: readonly Coin[], feeRate: Rate): bigint {
  for (const [i, coin] of coins.entries()) transaction.setWitness(i, keyWitness(coin));
  return feeAt(transaction, feeRate);
}

/** The size of the witness that a wallet will put: zeros in place of signatures and keys. */
function keyWitness(coin: Coin): Uint8Array[] {
  switch (coinKind(coin)) {
    case "p2tr":
      return [new Uint8Array(64)];
    case "p2wpkh":
      // A DER signature is 70 or 71 bytes with a low s, and one more for the hash type.
      return [new Uint8Array(72), new Uint8Array(33)];
  }
}

function coinKind(coin: Coin): "p2wpkh" | "p2tr" {
  const { script } = coin;
  if (script.length === 22 && script[0] === 0 && script[1] === 20) return "p2wpkh";
  if (script.length === 34 && script[0] === 0x51 && script[1] === 32) return "p2tr";
  throw new TapstakeError("invalid-coin", `${formatOutpoint(coin.outpoint)}: expected a P2WPKH or P2TR coin`);
}

function assertDistinct(coins: readonly Coin[]): void {
  const seen = new Set<string>();
  for (const coin of coins) {
    assertOutpoint(coin.outpoint);
    assertSatoshi(coin.value, "coin");
    coinKind(coin);
    const name = formatOutpoint(coin.outpoint);
    if (seen.has(name)) throw new TapstakeError("invalid-coin", `${name} is given twice`, { outpoint: name });
    seen.add(name);
  }
}
