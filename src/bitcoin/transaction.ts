import { assertSatoshi, MAX_MONEY } from "../core/amount.js";
import { assertBytes, equalBytes, hex } from "../core/bytes.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { assertObject } from "../core/objects.js";
import { counted, show } from "../core/text.js";
import { Transaction } from "./transaction-class.js";

/** The place of an output, as explorers and bitcoind write it. */
export interface Outpoint {
  /** 64 hexadecimal digits. */
  readonly txid: string;
  /** The index of the output in its transaction, from 0. */
  readonly vout: number;
}

/**
 * An outpoint as functions take it: `{ txid, vout }`, or the text `txid:vout`. Functions refuse bytes: their order
 * (txid or transaction) cannot be seen.
 */
export type OutpointLike = Outpoint | string;

/** The output that an input spends: signatures commit to both fields (BIP-341). */
export interface Prevout {
  readonly script: Uint8Array;
  /** Satoshi. */
  readonly value: bigint;
}

/** An output that can be spent: its outpoint, script and value. */
export interface UnspentOutput {
  readonly outpoint: OutpointLike;
  /** Satoshi. */
  readonly value: bigint;
}

/** The sequence of pre-signed transactions: no relative lock, not replaceable (PROTOCOL 3). */
export const FINAL_SEQUENCE = 0xffff_ffff;
/** The sequence of a replaceable input (BIP-125): the fee can be raised while the transaction is unconfirmed. */
export const REPLACEABLE_SEQUENCE = 0xffff_fffd;

/**
 * An unsigned transaction of version 2 without lock time. It copies the caller's buffers: a later change of them must
 * not change the transaction.
 */
export function createTransaction(
  inputs: readonly { readonly outpoint: OutpointLike; readonly sequence: number }[],
  outputs: readonly Prevout[],
): Transaction {
  const transaction = new Transaction();
  transaction.version = 2;
  for (const { outpoint, sequence } of inputs) {
    const { txid, vout } = readOutpoint(outpoint);
    transaction.addInput(hashOfTxid(txid), vout, sequence);
  }
  for (const { script, value } of outputs) transaction.addOutput(Uint8Array.from(script), value);
  return transaction;
}

/**
 * Reads a transaction. It accepts only bytes that serialise to the same bytes again.
 * @throws TapstakeError `invalid-transaction`
 */
export function parseTransaction(raw: Uint8Array): Transaction {
  assertBytes(raw, "transaction");
  // Before they are read: a witness of empty elements takes many times its bytes.
  if (raw.length > MOST_WEIGHT) throw tooLarge();
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
  // Witnesses weigh a quarter: a long transaction can still be a small one.
  if (raw.length > MOST_BYTES && transaction.byteLength(false) > MOST_BYTES) throw tooLarge();
  assertPossible(transaction);
  if (!equalBytes(transaction.toBuffer(), raw)) {
    throw new TapstakeError("invalid-transaction", "the transaction is not in its canonical serialisation");
  }
  return transaction;
}

/** A transaction as functions take it: one of this package, or one of bitcoinjs-lib, version 6 or 7. */
export type TransactionLike = Pick<Transaction, "toBuffer">;

/**
 * A transaction in whichever form it was given: one of another library is read from its bytes, as amounts in it may be
 * numbers.
 * @throws TapstakeError `invalid-transaction`
 */
export function toTransaction(transaction: TransactionLike): Transaction {
  if (transaction instanceof Transaction) return transaction;
  const invalid = (text: string, cause?: unknown) =>
    new TapstakeError("invalid-transaction", text, {}, { cause });
  if (typeof transaction?.toBuffer !== "function") {
    throw invalid(`this must be a transaction, not ${describeType(transaction)}`);
  }
  let raw: Uint8Array;
  try {
    raw = transaction.toBuffer();
    assertBytes(raw, "transaction");
  } catch (cause) {
    throw invalid("the transaction cannot be written as bytes", cause);
  }
  return parseTransaction(raw);
}

/**
 * Checks that a value is a transaction of this package: others are read by `toTransaction` or `parseTransaction`.
 * @throws TapstakeError `invalid-argument`
 */
export function assertTransaction(value: unknown, name: string): asserts value is Transaction {
  if (value instanceof Transaction) return;
  const text = `${name} must be a transaction, not ${describeType(value)}; parseTransaction reads its bytes`;
  throw new TapstakeError("invalid-argument", text);
}

/** Weight units in a block: four for a byte without witnesses, one for any other. */
const MOST_WEIGHT = 4_000_000;
const MOST_BYTES = MOST_WEIGHT / 4;

const tooLarge = () =>
  new TapstakeError("invalid-transaction", "the transaction is larger than a block can be");

/**
 * The rules that a transaction alone can break (`CheckTransaction` of Bitcoin Core): no node takes one that breaks
 * them, in a block or out of it.
 * @throws TapstakeError `invalid-transaction`
 */
export function assertPossible({ ins, outs }: Transaction): void {
  const refuse = (text: string) => new TapstakeError("invalid-transaction", text);
  if (ins.length === 0 || outs.length === 0) throw refuse("a transaction needs inputs and outputs");
  const total = outs.reduce((sum, { value }) => sum + value, 0n);
  if (outs.some(({ value }) => value < 0n) || total > MAX_MONEY) {
    throw refuse("the outputs hold more than all bitcoin");
  }
  const spent = new Set<string>();
  for (const input of ins) {
    const { txid, vout } = spentBy(input);
    const name = `${txid}:${vout}`;
    if (spent.has(name)) throw refuse(`two inputs spend ${name}`);
    spent.add(name);
  }
  if (!ins.some(spendsNothing)) return;
  // Only the transaction that makes a block's new coins spends nothing.
  if (ins.length > 1) throw refuse("one of several inputs spends no output");
  const { length } = ins[0]!.script;
  if (length < 2 || length > 100) {
    throw refuse(`a coinbase's input script has 2 to 100 bytes, this one has ${length}`);
  }
}

const spendsNothing = ({ hash, index }: Transaction["ins"][number]): boolean =>
  index === 0xffff_ffff && hash.every((byte) => byte === 0);

/** The outpoint of one of a transaction's outputs. @throws TapstakeError `invalid-argument` */
export function outpointOf(transaction: Pick<Transaction, "getId">, vout: number): Outpoint {
  if (typeof transaction?.getId !== "function") assertTransaction(transaction, "the first argument");
  return { txid: transaction.getId(), vout };
}

/** The outpoint that an input spends. @throws TapstakeError `invalid-bytes`, `invalid-argument` */
export function spentBy(input: Pick<Transaction["ins"][number], "hash" | "index">): Outpoint {
  assertObject(input, "the input", "give one of a transaction's ins");
  const { hash, index } = input;
  assertBytes(hash, "the input's hash", 32);
  return { txid: txidOf(hash), vout: index };
}

/**
 * `txid:vout`, as explorers write it.
 * @throws TapstakeError `invalid-hex`, `invalid-coin`
 */
export function formatOutpoint(outpoint: OutpointLike): string {
  const { txid, vout } = readOutpoint(outpoint);
  return `${txid}:${vout}`;
}

/** A transaction's hash as explorers write it: in reversed byte order. */
export const txidOf = (hash: Uint8Array): string => hex.encode(hash.toReversed());

const hashOfTxid = (txid: string): Uint8Array => hex.decode(txid, 32, "txid").toReversed();

/**
 * The inverse of {@link formatOutpoint}: it reads what explorers and bitcoind write.
 * @throws TapstakeError `invalid-hex`, `invalid-coin`
 * @example
 * ```ts
 * const { txid, vout } = parseOutpoint(text);
 * ```
 */
export function parseOutpoint(text: string): Outpoint {
  const match = typeof text === "string" ? /^([^:]*):(0|[1-9]\d{0,9})$/.exec(text) : null;
  if (!match) throw new TapstakeError("invalid-coin", `a coin is written txid:vout, got ${show(text)}`);
  return toOutpoint({ txid: match[1]!, vout: Number(match[2]) });
}

/**
 * An outpoint in either form, with the txid in lower case.
 * @throws TapstakeError `invalid-hex`, `invalid-coin`
 */
export function toOutpoint(outpoint: OutpointLike): Outpoint {
  const read = readOutpoint(outpoint);
  if (read.vout > 0xffff_fffe) throw noOutpoint(`vout ${read.vout}`);
  return read;
}

/** Either form; also the null outpoint of a coinbase, whose vout is 0xffffffff. */
function readOutpoint(outpoint: OutpointLike): Outpoint {
  if (typeof outpoint === "string") return parseOutpoint(outpoint);
  const { txid, vout } = outpoint ?? {};
  if (typeof txid !== "string") {
    const isInput = (outpoint as { hash?: unknown } | undefined)?.hash instanceof Uint8Array;
    throw noOutpoint(isInput ? "a hash in bytes" : describeType(outpoint));
  }
  if (!Number.isInteger(vout) || vout < 0 || vout > 0xffff_ffff) throw noOutpoint(`vout ${show(vout)}`);
  return { txid: hex.encode(hex.decode(txid, 32, "txid")), vout };
}

const noOutpoint = (got: string): TapstakeError =>
  new TapstakeError("invalid-coin", `an outpoint is { txid, vout } or the text txid:vout, got ${got}`);

/** Whether an input spends the outpoint. */
export function spends(input: Transaction["ins"][number], outpoint: OutpointLike): boolean {
  const { txid, vout } = readOutpoint(outpoint);
  return input.index === vout && txidOf(input.hash) === txid;
}

/** @throws TapstakeError `invalid-coin`, `invalid-hex`, `invalid-amount` */
export function assertUnspentOutput(coin: UnspentOutput): void {
  toOutpoint(coin?.outpoint);
  assertSatoshi(coin.value, "coin");
}

/**
 * One output of a transaction.
 * @throws TapstakeError `output-not-found` if there is no such output
 */
export function outputAt(transaction: Transaction, index: number): Prevout {
  const output = transaction.outs[index];
  if (!output) {
    const text = `there is no output ${index}: the transaction has ${transaction.outs.length}, counted from 0`;
    throw new TapstakeError("output-not-found", text, { index, outputs: transaction.outs.length });
  }
  return output;
}
