import { assertSatoshi, MAX_MONEY } from "../core/amount.js";
import { assertBytes, equalBytes, hex, isBytes } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { counted, show } from "../core/text.js";
import { Transaction } from "./bitcoinjs.js";

/** Where an output is: the transaction's hash in its internal byte order (the reverse of a txid), and the index. */
export interface Outpoint {
  readonly hash: Uint8Array;
  readonly index: number;
}

/** What an input spends: signatures commit to both (BIP-341). */
export interface Prevout {
  readonly script: Uint8Array;
  /** Satoshi. */
  readonly value: bigint;
}

/** An output that can be spent: where it is and what it holds. */
export interface UnspentOutput {
  readonly outpoint: Outpoint;
  /** Satoshi. */
  readonly value: bigint;
}

/** The sequence of pre-signed transactions: neither a lock nor replaceable (PROTOCOL 3). */
export const FINAL_SEQUENCE = 0xffff_ffff;
/** Replaceable (BIP-125): the fee can be raised while the transaction waits. */
export const REPLACEABLE_SEQUENCE = 0xffff_fffd;

/**
 * A transaction of version 2 without lock time, unsigned. It keeps nothing of the caller's memory: what is changed
 * there later must not change what was built.
 */
export function createTransaction(
  inputs: readonly { readonly outpoint: Outpoint; readonly sequence: number }[],
  outputs: readonly Prevout[],
): Transaction {
  const transaction = new Transaction();
  transaction.version = 2;
  for (const { outpoint, sequence } of inputs) {
    transaction.addInput(Uint8Array.from(outpoint.hash), outpoint.index, sequence);
  }
  for (const { script, value } of outputs) transaction.addOutput(Uint8Array.from(script), value);
  return transaction;
}

/**
 * Bytes as a transaction. Accepts exactly what serialises to the same bytes again.
 * @throws TapstakeError `invalid-transaction`
 */
export function parseTransaction(raw: Uint8Array): Transaction {
  assertBytes(raw, "transaction");
  let transaction: Transaction;
  try {
    // A copy: slices of a Node Buffer would share its memory, and change with it.
    transaction = Transaction.fromBuffer(Uint8Array.from(raw));
  } catch (cause) {
    throw new TapstakeError(
      "invalid-transaction",
      `what was given (${counted(raw.length, "byte")}) is not one whole transaction`,
      {},
      { cause },
    );
  }
  if (transaction.ins.length === 0 || transaction.outs.length === 0) {
    throw new TapstakeError("invalid-transaction", "a transaction needs inputs and outputs");
  }
  const total = transaction.outs.reduce((sum, { value }) => sum + value, 0n);
  if (transaction.outs.some(({ value }) => value < 0n) || total > MAX_MONEY) {
    throw new TapstakeError("invalid-transaction", "the outputs hold more than all bitcoin");
  }
  if (!equalBytes(transaction.toBuffer(), raw)) {
    throw new TapstakeError("invalid-transaction", "the transaction is not in its canonical serialisation");
  }
  return transaction;
}

/** The outpoint of one of a transaction's outputs. */
export function outpointOf(transaction: Transaction, index: number): Outpoint {
  return { hash: transaction.getHash(), index };
}

/** `txid:index`, as people and explorers write it. */
export function formatOutpoint({ hash, index }: Outpoint): string {
  return `${txidOf(hash)}:${index}`;
}

/** A transaction's hash as people and explorers write it: in the reversed order of bytes. */
export const txidOf = (hash: Uint8Array): string => hex.encode(hash.toReversed());

/**
 * The inverse of {@link formatOutpoint}: what people, explorers and bitcoind write, with the txid in its reversed
 * byte order.
 * @throws TapstakeError `invalid-hex`, `invalid-coin`
 * @example
 * ```ts
 * const coin = { outpoint: parseOutpoint(`${txid}:${vout}`), value: 100_000n, script };
 * ```
 */
export function parseOutpoint(text: string): Outpoint {
  const match = typeof text === "string" ? /^([^:]*):(0|[1-9]\d{0,9})$/.exec(text) : null;
  if (!match) throw new TapstakeError("invalid-coin", `a coin is written txid:index, got ${show(text)}`);
  const outpoint = { hash: hex.decode(match[1]!, 32, "txid").toReversed(), index: Number(match[2]) };
  assertOutpoint(outpoint);
  return outpoint;
}

/** Whether an input spends the outpoint. */
export function spends(input: Transaction["ins"][number], outpoint: Outpoint): boolean {
  return input.index === outpoint.index && equalBytes(input.hash, outpoint.hash);
}

/** @throws TapstakeError `invalid-coin` */
export function assertOutpoint(outpoint: Outpoint): void {
  const { hash, index } = outpoint ?? {};
  if (!isBytes(hash, 32) || !Number.isInteger(index) || index < 0 || index > 0xffff_fffe) {
    throw new TapstakeError("invalid-coin", "an outpoint needs a hash of 32 bytes and an index");
  }
}

/** @throws TapstakeError `invalid-coin`, `invalid-amount` */
export function assertUnspentOutput(coin: UnspentOutput): void {
  assertOutpoint(coin?.outpoint);
  assertSatoshi(coin.value, "coin");
}

/**
 * One output of a transaction.
 * @throws TapstakeError `output-not-found` beyond the last
 */
export function outputAt(transaction: Transaction, index: number): Prevout {
  const output = transaction.outs[index];
  if (!output) {
    const text = `there is no output ${index}: the transaction has ${transaction.outs.length}, counted from 0`;
    throw new TapstakeError("output-not-found", text, { index, outputs: transaction.outs.length });
  }
  return output;
}
