import { assertSatoshi } from "../core/amount.js";
import { assertBytes, hex } from "../core/bytes.js";
import { hash256 } from "../core/hashes.js";
import { createReader, type Reader } from "./byte-reader.js";
import { createWriter } from "./byte-writer.js";
import { keyPathOrLeafHash, legacyHash, SIGHASH, witnessHash } from "./sighash.js";

export interface TransactionInput {
  /** The transaction whose output is spent, in the order of bytes of a transaction: the reverse of its txid. */
  hash: Uint8Array;
  index: number;
  /** The input script (scriptSig). */
  script: Uint8Array;
  sequence: number;
  witness: Uint8Array[];
}

export interface TransactionOutput {
  script: Uint8Array;
  /** Satoshi. */
  value: bigint;
}

/**
 * A transaction, in the shape that bitcoinjs-lib 7 gives it: programs hand over one for the other. That library itself
 * would be a third of what a page loads.
 */
export class Transaction {
  static readonly DEFAULT_SEQUENCE: number = 0xffff_ffff;
  static readonly SIGHASH_DEFAULT: number = SIGHASH.default;
  static readonly SIGHASH_ALL: number = SIGHASH.all;
  static readonly SIGHASH_NONE: number = SIGHASH.none;
  static readonly SIGHASH_SINGLE: number = SIGHASH.single;
  static readonly SIGHASH_ANYONECANPAY: number = SIGHASH.anyoneCanPay;

  version = 1;
  locktime = 0;
  ins: TransactionInput[] = [];
  outs: TransactionOutput[] = [];

  /** @throws RangeError unless the bytes are one whole transaction, with every size in its shortest form */
  static fromBuffer(bytes: Uint8Array): Transaction {
    // A copy: slices of a Node Buffer would share its memory, and change with it.
    const reader = createReader(Uint8Array.from(bytes), malformed);
    const transaction = Transaction.read(reader);
    if (reader.left > 0) throw new RangeError("bytes follow the transaction");
    return transaction;
  }

  /** @throws TapstakeError `invalid-hex`; RangeError as {@link Transaction.fromBuffer} */
  static fromHex(text: string): Transaction {
    return Transaction.fromBuffer(hex.decode(text));
  }

  /** Takes a transaction from what a reader has left. */
  static read(reader: Reader): Transaction {
    const transaction = new Transaction();
    transaction.version = reader.uint32();
    let inputs = reader.size();
    // BIP-144: the marker is in the place of a number of inputs of 0, and the flag follows.
    const isSegwit = inputs === 0 && reader.peek() === FLAG;
    if (isSegwit) {
      reader.take(1);
      inputs = reader.size();
    }
    for (let i = 0; i < inputs; i++) transaction.ins.push(readInput(reader));
    const outputs = reader.size();
    for (let i = 0; i < outputs; i++) {
      transaction.outs.push({ value: reader.int64(), script: reader.sized() });
    }
    if (isSegwit) {
      for (const input of transaction.ins) input.witness = reader.stack();
      if (!transaction.hasWitnesses()) throw new RangeError("the transaction says that it has witnesses");
    }
    transaction.locktime = reader.uint32();
    return transaction;
  }

  /** Whether the transaction makes new coins: its one input spends no transaction. */
  isCoinbase(): boolean {
    return this.ins.length === 1 && this.ins[0]!.hash.every((byte) => byte === 0);
  }

  /** @param hash in the order of bytes of a transaction @returns the input's index */
  addInput(
    hash: Uint8Array,
    index: number,
    sequence: number = Transaction.DEFAULT_SEQUENCE,
    script: Uint8Array = new Uint8Array(0),
  ): number {
    assertBytes(hash, "hash of an input", 32);
    return this.ins.push({ hash, index, script, sequence, witness: [] }) - 1;
  }

  /** @returns the output's index @throws TapstakeError `invalid-bytes`, `invalid-amount` */
  addOutput(script: Uint8Array, value: bigint): number {
    assertBytes(script, "output script");
    assertSatoshi(value, "output");
    return this.outs.push({ script, value }) - 1;
  }

  setInputScript(index: number, script: Uint8Array): void {
    this.ins[index]!.script = script;
  }

  setWitness(index: number, witness: Uint8Array[]): void {
    this.ins[index]!.witness = witness;
  }

  hasWitnesses(): boolean {
    return this.ins.some(({ witness }) => witness.length > 0);
  }

  stripWitnesses(): void {
    for (const input of this.ins) input.witness = [];
  }

  /** In weight units: a byte of a witness counts once, any other four times (BIP-141). */
  weight(): number {
    return 3 * this.byteLength(false) + this.byteLength();
  }

  virtualSize(): number {
    return Math.ceil(this.weight() / 4);
  }

  byteLength(withWitness = true): number {
    return serialise(this, withWitness).length;
  }

  /** A transaction whose inputs and outputs can be changed without changing these. */
  clone(): Transaction {
    const copy = new Transaction();
    copy.version = this.version;
    copy.locktime = this.locktime;
    copy.ins = this.ins.map((input) => ({ ...input }));
    copy.outs = this.outs.map((output) => ({ ...output }));
    return copy;
  }

  /** What a signature of a coin from before segwit is over. @throws RangeError unless the hash type is ALL */
  hashForSignature(index: number, script: Uint8Array, hashType: number): Uint8Array {
    return legacyHash(this, index, script, hashType);
  }

  /** What a signature of a segwit coin of version 0 is over (BIP-143). */
  hashForWitnessV0(index: number, script: Uint8Array, value: bigint, hashType: number): Uint8Array {
    return witnessHash(this, index, script, value, hashType);
  }

  /**
   * What a Schnorr signature is over (BIP-341), of a leaf where its hash is given (BIP-342).
   * @throws RangeError where BIP-341 knows no valid signature of this type
   */
  hashForWitnessV1(
    index: number,
    scripts: readonly Uint8Array[],
    values: readonly bigint[],
    hashType: number,
    leafHash?: Uint8Array,
    annex?: Uint8Array,
  ): Uint8Array {
    return keyPathOrLeafHash(this, { index, scripts, values, hashType, leafHash, annex });
  }

  /** In the order of bytes of a transaction. @param withWitness of the witness transaction (BIP-141) */
  getHash(withWitness = false): Uint8Array {
    // BIP-141: of a coinbase, which carries the root of these hashes, it is zero.
    if (withWitness && this.isCoinbase()) return new Uint8Array(32);
    return hash256(serialise(this, withWitness));
  }

  /** The txid, as people and explorers write it. */
  getId(): string {
    return hex.encode(this.getHash().toReversed());
  }

  toBuffer(): Uint8Array {
    return serialise(this, true);
  }

  toHex(): string {
    return hex.encode(this.toBuffer());
  }
}

/** Behind the marker: this transaction has witnesses (BIP-144). */
const FLAG = 1;

function readInput(reader: Reader): TransactionInput {
  return {
    hash: reader.take(32),
    index: reader.uint32(),
    script: reader.sized(),
    sequence: reader.uint32(),
    witness: [],
  };
}

function serialise(transaction: Transaction, withWitness: boolean): Uint8Array {
  const { version, locktime, ins, outs } = transaction;
  const isSegwit = withWitness && transaction.hasWitnesses();
  const writer = createWriter().uint32(version);
  if (isSegwit) writer.uint8(0).uint8(FLAG);
  writer.size(ins.length);
  for (const { hash, index, script, sequence } of ins) {
    writer.bytes(hash).uint32(index).sized(script).uint32(sequence);
  }
  writer.size(outs.length);
  for (const { script, value } of outs) writer.int64(value).sized(script);
  if (isSegwit) for (const { witness } of ins) writer.stack(witness);
  return writer.uint32(locktime).done();
}

const malformed = () => new RangeError("the transaction ends too early, or has malformed sizes");
