import { base64 } from "@scure/base";
import { createReader } from "../bitcoin/byte-reader.js";
import { Transaction } from "../bitcoin/transaction-class.js";
import { hex, joinBytes } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import {
  addFields,
  assertKeyType,
  GLOBAL_TABLE,
  INPUT_TABLE,
  isNamedField,
  type KeyValue,
  OUTPUT_TABLE,
  type PsbtGlobal,
  type PsbtInput,
  type PsbtInputFields,
  type PsbtOutput,
  type PsbtOutputFields,
  readFields,
  writeFields,
} from "./fields.js";
import { GLOBAL, PSBT_MAGIC, readMap, writeMap } from "./v2.js";

/**
 * A PSBT of version 0 (BIP-174, BIP-371): its fields have the names that bitcoinjs-lib gives them. To sign one with
 * bitcoinjs-lib, give its `Psbt.fromBuffer` what `toBuffer` returns.
 */
export class Psbt {
  readonly data: { globalMap: PsbtGlobal; inputs: PsbtInput[]; outputs: PsbtOutput[] };

  /**
   * @param transaction without signatures
   * @throws RangeError where it has some; TapstakeError `invalid-transaction` where it spends a coin twice
   */
  constructor(transaction: Transaction, inputs: PsbtInput[] = transaction.ins.map(() => ({}))) {
    if (transaction.hasWitnesses() || transaction.ins.some(({ script }) => script.length > 0)) {
      throw new RangeError("its transaction has signatures");
    }
    const spent = transaction.ins.map(({ hash, index }) => `${hex.encode(hash)}:${index}`);
    if (new Set(spent).size < spent.length) {
      throw new TapstakeError("invalid-transaction", "the transaction of a PSBT spends a coin twice");
    }
    this.data = { globalMap: { unsignedTx: transaction }, inputs, outputs: transaction.outs.map(() => ({})) };
  }

  /** @throws RangeError saying what is wrong */
  static fromBuffer(bytes: Uint8Array): Psbt {
    const malformed = () =>
      new RangeError("its maps of keys and values end too early, or have malformed sizes");
    // A copy: slices of a Node Buffer would share its memory.
    const reader = createReader(Uint8Array.from(bytes), malformed);
    if (!PSBT_MAGIC.every((byte, i) => byte === bytes[i])) throw new RangeError("it is no PSBT");
    reader.take(PSBT_MAGIC.length);
    const globals = readMap(reader);
    const isTransaction = ({ key }: KeyValue) => key[0] === GLOBAL.unsignedTx;
    const [unsigned, ...more] = globals.filter(isTransaction);
    if (!unsigned || more.length > 0 || unsigned.key.length > 1) {
      throw new RangeError("it must hold one unsigned transaction");
    }
    const psbt = new Psbt(Transaction.fromBuffer(unsigned.value));
    const others = globals.filter((each) => !isTransaction(each));
    Object.assign(psbt.data.globalMap, readFields(GLOBAL_TABLE, others));
    psbt.data.inputs = psbt.data.inputs.map(() => readFields(INPUT_TABLE, readMap(reader)));
    psbt.data.outputs = psbt.data.outputs.map(() => readFields(OUTPUT_TABLE, readMap(reader)));
    if (reader.left > 0) throw new RangeError("it has bytes that mean nothing");
    return psbt;
  }

  static fromHex(text: string): Psbt {
    return Psbt.fromBuffer(hex.decode(text));
  }

  static fromBase64(text: string): Psbt {
    return Psbt.fromBuffer(base64.decode(text));
  }

  get inputCount(): number {
    return this.data.inputs.length;
  }

  get version(): number {
    return this.data.globalMap.unsignedTx.version;
  }

  get locktime(): number {
    return this.data.globalMap.unsignedTx.locktime;
  }

  /** What the inputs spend. */
  get txInputs(): { hash: Uint8Array; index: number; sequence: number }[] {
    const { ins } = this.data.globalMap.unsignedTx;
    return ins.map(({ hash, index, sequence }) => ({ hash: Uint8Array.from(hash), index, sequence }));
  }

  /** What the outputs pay. */
  get txOutputs(): { script: Uint8Array; value: bigint }[] {
    const { outs } = this.data.globalMap.unsignedTx;
    return outs.map(({ script, value }) => ({ script: Uint8Array.from(script), value }));
  }

  clone(): Psbt {
    return Psbt.fromBuffer(this.toBuffer());
  }

  /** Adds fields to an input. @throws RangeError at a malformed field, and at one that is there already */
  updateInput(index: number, fields: PsbtInputFields): this {
    addFields(INPUT_TABLE, at(this.data.inputs, index), fields);
    return this;
  }

  /** Adds fields to an output. @throws RangeError as {@link Psbt.updateInput} */
  updateOutput(index: number, fields: PsbtOutputFields): this {
    addFields(OUTPUT_TABLE, at(this.data.outputs, index), fields);
    return this;
  }

  /** Adds a field that has no name here to the global map. @throws RangeError at one that has, or is there already */
  addUnknownKeyValToGlobal(field: KeyValue): this {
    assertKeyType(field.key);
    const isNamed = field.key[0] === GLOBAL.unsignedTx || isNamedField(GLOBAL_TABLE, field.key[0]!);
    const { globalMap } = this.data;
    const { unknownKeyVals = [] } = globalMap;
    const id = hex.encode(field.key);
    if (isNamed || unknownKeyVals.some(({ key }) => hex.encode(key) === id)) {
      throw new RangeError(`the PSBT has a field ${id} of its own`);
    }
    globalMap.unknownKeyVals = [...unknownKeyVals, field];
    return this;
  }

  toBuffer(): Uint8Array {
    const { globalMap, inputs, outputs } = this.data;
    const unsigned = { key: Uint8Array.of(GLOBAL.unsignedTx), value: globalMap.unsignedTx.toBuffer() };
    return joinBytes([
      PSBT_MAGIC,
      writeMap([unsigned, ...writeFields(GLOBAL_TABLE, globalMap)]),
      ...inputs.map((input) => writeMap(writeFields(INPUT_TABLE, input))),
      ...outputs.map((output) => writeMap(writeFields(OUTPUT_TABLE, output))),
    ]);
  }

  toHex(): string {
    return hex.encode(this.toBuffer());
  }

  toBase64(): string {
    return base64.encode(this.toBuffer());
  }
}

function at<T>(list: readonly T[], index: number): T {
  const found = list[index];
  if (!found) throw new RangeError(`there is no input or output ${index}`);
  return found;
}
