import { Transaction } from "../bitcoin/transaction-class.js";
import { createReader, littleEndian, type Reader } from "../bitcoin/byte-reader.js";
import { createWriter } from "../bitcoin/byte-writer.js";
import { concatBytes } from "../core/bytes.js";
import type { KeyValue } from "./fields.js";

/** The first bytes of a PSBT (BIP-174). */
export const PSBT_MAGIC = Uint8Array.of(0x70, 0x73, 0x62, 0x74, 0xff);

/** The types of fields whose keys hold only the type: in the global map, in inputs, in outputs (BIP-174, BIP-370). */
const GLOBAL_OF_VERSION_2 = {
  txVersion: 0x02,
  fallbackLockTime: 0x03,
  inputCount: 0x04,
  outputCount: 0x05,
  txModifiable: 0x06,
} as const;
export const GLOBAL = { unsignedTx: 0x00, ...GLOBAL_OF_VERSION_2, version: 0xfb } as const;
const INPUT = {
  previousTxid: 0x0e,
  outputIndex: 0x0f,
  sequence: 0x10,
  requiredTime: 0x11,
  requiredHeight: 0x12,
} as const;
const OUTPUT = { amount: 0x03, script: 0x04 } as const;

/**
 * Converts a PSBT of version 2 (BIP-370), which has the parts of the transaction, to version 0, which has the unsigned
 * transaction. For version 0 it returns the same bytes. A PSBT must have only the fields of its own version.
 * @throws RangeError with what is wrong
 */
export function asVersion0(bytes: Uint8Array): Uint8Array {
  const malformed = () =>
    new RangeError("its maps of keys and values end too early, or have malformed sizes");
  const reader = createReader(bytes, malformed);
  if (!PSBT_MAGIC.every((byte, i) => byte === bytes[i])) return bytes;
  reader.take(PSBT_MAGIC.length);
  const globals = readMap(reader);
  const version = numberOf(globals, GLOBAL.version, 4) ?? 0;
  if (version === 0) {
    assertVersion0(globals, reader);
    return bytes;
  }
  if (version !== 2) throw new RangeError(`the version must be 0 or 2, not ${version}`);
  if (valueOf(globals, GLOBAL.unsignedTx)) throw new RangeError("version 2 has no unsigned transaction");
  const inputs = readMaps(reader, countOf(globals, GLOBAL.inputCount, "inputs"));
  const outputs = readMaps(reader, countOf(globals, GLOBAL.outputCount, "outputs"));
  if (reader.left > 0) throw new RangeError("it has bytes that mean nothing");
  const unsigned = unsignedTransaction(globals, inputs, outputs).toBuffer();
  return concatBytes(
    PSBT_MAGIC,
    writeMap([
      { key: Uint8Array.of(GLOBAL.unsignedTx), value: unsigned },
      ...without(globals, Object.values(GLOBAL)),
    ]),
    ...inputs.map((map) => writeMap(without(map, Object.values(INPUT)))),
    ...outputs.map((map) => writeMap(without(map, Object.values(OUTPUT)))),
  );
}

/** BIP-370: in version 0, only the transaction says what is spent and paid. */
function assertVersion0(globals: Fields, reader: Reader): void {
  const unsigned = required(valueOf(globals, GLOBAL.unsignedTx), "an unsigned transaction");
  // The number of inputs follows the 4 bytes of the transaction's version.
  if (unsigned[4] === 0) throw new RangeError("its transaction has no inputs");
  const { ins } = Transaction.fromBuffer(unsigned);
  assertWithout(globals, GLOBAL_OF_VERSION_2, "global");
  for (let map = 0; reader.left > 0; map++) {
    const isInput = map < ins.length;
    assertWithout(readMap(reader), isInput ? INPUT : OUTPUT, isInput ? "input" : "output");
  }
}

function assertWithout(fields: Fields, types: Readonly<Record<string, number>>, where: string): void {
  for (const [name, type] of Object.entries(types)) {
    if (valueOf(fields, type) === undefined) continue;
    throw new RangeError(
      `version 0 has a field of version 2: ${where} ${name} (0x${type.toString(16).padStart(2, "0")})`,
    );
  }
}

type Fields = readonly KeyValue[];

/** The pairs of one map (BIP-174), up to the end that it marks. */
export function readMap(reader: Reader): KeyValue[] {
  const fields: KeyValue[] = [];
  for (let key = reader.sized(); key.length > 0; key = reader.sized()) {
    fields.push({ key, value: reader.sized() });
  }
  return fields;
}

const readMaps = (reader: Reader, count: number): Fields[] =>
  Array.from({ length: count }, () => readMap(reader));

/** The bytes of one map, with its end. */
export function writeMap(fields: Fields): Uint8Array {
  const writer = createWriter();
  for (const { key, value } of fields) writer.sized(key).sized(value);
  return writer.uint8(0).done();
}

const without = (fields: Fields, types: readonly number[]): Fields =>
  fields.filter(({ key }) => !types.includes(key[0]!));

function unsignedTransaction(globals: Fields, inputs: readonly Fields[], outputs: readonly Fields[]) {
  const transaction = new Transaction();
  transaction.version = required(numberOf(globals, GLOBAL.txVersion, 4), "a transaction version");
  transaction.locktime = lockTime(inputs) ?? numberOf(globals, GLOBAL.fallbackLockTime, 4) ?? 0;
  for (const map of inputs) {
    transaction.addInput(
      required(valueOf(map, INPUT.previousTxid, 32), "a previous transaction in each input"),
      required(numberOf(map, INPUT.outputIndex, 4), "a previous output in each input"),
      numberOf(map, INPUT.sequence, 4) ?? 0xffff_ffff,
    );
  }
  for (const map of outputs) {
    const amount = required(valueOf(map, OUTPUT.amount, 8), "an amount in each output");
    const value = new DataView(amount.buffer).getBigUint64(0, true);
    transaction.addOutput(required(valueOf(map, OUTPUT.script), "a script in each output"), value);
  }
  return transaction;
}

/** From this number on a lock time is in seconds, below it in blocks. */
const FIRST_TIME = 500_000_000;

/**
 * BIP-370: the highest lock that inputs ask for, as a height if all of them permit one. Undefined if no input asks for
 * one.
 */
function lockTime(inputs: readonly Fields[]): number | undefined {
  const locks = inputs
    .map((map) => ({
      height: numberOf(map, INPUT.requiredHeight, 4),
      time: numberOf(map, INPUT.requiredTime, 4),
    }))
    .filter(({ height, time }) => height !== undefined || time !== undefined);
  if (locks.length === 0) return undefined;
  for (const { height = 1, time = FIRST_TIME } of locks) {
    if (height === 0 || height >= FIRST_TIME || time < FIRST_TIME)
      throw new RangeError("a lock is not of its kind");
  }
  for (const kind of ["height", "time"] as const) {
    const all = locks.flatMap((lock) => lock[kind] ?? []);
    if (all.length === locks.length) return Math.max(...all);
  }
  throw new RangeError("its inputs ask for locks by height and by time at once");
}

function countOf(globals: Fields, type: number, what: string): number {
  const value = required(valueOf(globals, type), `a number of ${what}`);
  const malformed = () => new RangeError(`its number of ${what} is malformed`);
  const reader = createReader(value, malformed);
  const count = reader.size();
  // More than 100,000 do not fit into a block, and a false number would fill the memory.
  if (reader.left > 0 || count > 100_000) throw malformed();
  return count;
}

function numberOf(fields: Fields, type: number, length: number): number | undefined {
  const value = valueOf(fields, type, length);
  return value && littleEndian(value);
}

function valueOf(fields: Fields, type: number, length?: number): Uint8Array | undefined {
  const [found, ...more] = fields.filter(({ key }) => key[0] === type);
  if (more.length > 0) throw new RangeError(`it has field ${type} twice`);
  if (found && found.key.length > 1) throw new RangeError(`the key of field ${type} must be its type alone`);
  if (found && length !== undefined && found.value.length !== length) {
    throw new RangeError(`field ${type} must have ${length} bytes, not ${found.value.length}`);
  }
  return found?.value;
}

function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new RangeError(`it lacks ${what}`);
  return value;
}
