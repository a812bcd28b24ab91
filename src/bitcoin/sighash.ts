import { hash256, sha256, taggedHash } from "../core/hashes.js";
import { createWriter, type Writer } from "./byte-writer.js";

/** What a signature commits to: all outputs, none, or the one with the input's index; and every input, or one. */
export const SIGHASH = { default: 0, all: 1, none: 2, single: 3, anyoneCanPay: 0x80 } as const;

/** What is signed of a transaction. */
interface Signable {
  readonly version: number;
  readonly locktime: number;
  readonly ins: readonly Input[];
  readonly outs: readonly Output[];
}
interface Input {
  readonly hash: Uint8Array;
  readonly index: number;
  readonly sequence: number;
}
interface Output {
  readonly script: Uint8Array;
  readonly value: bigint;
}

/**
 * What a signature of a coin from before segwit is over.
 * @param script of the output that is spent, without OP_CODESEPARATOR
 * @throws RangeError unless the hash type is ALL
 */
export function legacyHash(
  transaction: Signable,
  index: number,
  script: Uint8Array,
  hashType: number,
): Uint8Array {
  if (hashType !== SIGHASH.all) throw new RangeError(`the hash type must be ALL (1), not ${hashType}`);
  const { version, locktime, ins, outs } = transaction;
  inputAt(transaction, index);
  const writer = createWriter().uint32(version).size(ins.length);
  for (const [i, input] of ins.entries()) {
    writeOutpoint(writer, input);
    writer.sized(i === index ? script : NOTHING).uint32(input.sequence);
  }
  writer.size(outs.length);
  writeOutputs(writer, outs);
  return hash256(writer.uint32(locktime).uint32(hashType).done());
}

/** What a signature of a segwit coin of version 0 is over (BIP-143). */
export function witnessHash(
  transaction: Signable,
  index: number,
  script: Uint8Array,
  value: bigint,
  hashType: number,
): Uint8Array {
  const { version, locktime, ins } = transaction;
  const input = inputAt(transaction, index);
  const { isOne, outputs } = commitments(transaction, index, hashType, 0x1f);
  const hashed = (isThere: boolean, write: (writer: Writer) => void) =>
    writer.bytes(isThere ? hash256(written(write)) : ZEROS);
  const writer = createWriter().uint32(version);
  hashed(!isOne, (w) => ins.forEach((each) => writeOutpoint(w, each)));
  hashed(!isOne && outputs === transaction.outs, (w) => ins.forEach(({ sequence }) => w.uint32(sequence)));
  writeOutpoint(writer, input);
  writer.sized(script).int64(value).uint32(input.sequence);
  hashed(outputs !== null, (w) => writeOutputs(w, outputs!));
  return hash256(writer.uint32(locktime).uint32(hashType).done());
}

/** What a Schnorr signature is over, besides its transaction. */
export interface TaprootSigning {
  readonly index: number;
  /** The scripts and values of the coins of all inputs. */
  readonly scripts: readonly Uint8Array[];
  readonly values: readonly bigint[];
  readonly hashType: number;
  readonly leafHash?: Uint8Array | undefined;
  readonly annex?: Uint8Array | undefined;
}

/**
 * BIP-341 (common signature message) for the key path, with its extension of BIP-342 for a leaf.
 * @throws RangeError without a script and a value for each input; at a hash type that BIP-341 does not know, or SINGLE
 * without an output of the input's index; at an annex that does not begin with 0x50
 */
export function keyPathOrLeafHash(transaction: Signable, signing: TaprootSigning): Uint8Array {
  const { version, locktime, ins, outs } = transaction;
  const { index, scripts, values, hashType, leafHash, annex } = signing;
  const input = inputAt(transaction, index);
  if (scripts.length !== ins.length || values.length !== ins.length) {
    throw new RangeError("scripts and values must have one entry for each input's coin");
  }
  // Such signatures are invalid, and SINGLE without its output would be read as NONE.
  const lacksOutput = (hashType & 0x03) === SIGHASH.single && index >= outs.length;
  if (!TAPROOT_HASH_TYPES.has(hashType) || lacksOutput) {
    throw new RangeError(`input ${index} has no sighash of the type ${hashType}`);
  }
  if (annex && annex[0] !== ANNEX) throw new RangeError("an annex begins with 0x50");
  const { isOne, outputs } = commitments(transaction, index, hashType, 0x03);
  const writer = createWriter().uint8(EPOCH).uint8(hashType).uint32(version).uint32(locktime);
  const hashed = (write: (writer: Writer) => void) => writer.bytes(sha256(written(write)));
  if (!isOne) {
    hashed((w) => ins.forEach((each) => writeOutpoint(w, each)));
    hashed((w) => values.forEach((value) => w.int64(value)));
    hashed((w) => scripts.forEach((script) => w.sized(script)));
    hashed((w) => ins.forEach(({ sequence }) => w.uint32(sequence)));
  }
  if (outputs === outs) hashed((w) => writeOutputs(w, outs));
  writer.uint8((leafHash ? 2 : 0) + (annex ? 1 : 0));
  if (isOne) {
    writeOutpoint(writer, input);
    writer.int64(values[index]!).sized(scripts[index]!).uint32(input.sequence);
  } else {
    writer.uint32(index);
  }
  if (annex) hashed((w) => w.sized(annex));
  if (outputs && outputs !== outs) hashed((w) => writeOutputs(w, outputs));
  if (leafHash) writer.bytes(leafHash).uint8(KEY_VERSION).uint32(NO_CODE_SEPARATOR);
  return taggedHash("TapSighash", writer.done());
}

/** BIP-341: DEFAULT, ALL, NONE and SINGLE, and all but the first with ANYONECANPAY. */
const TAPROOT_HASH_TYPES: ReadonlySet<number> = /* @__PURE__ */ new Set([0, 1, 2, 3, 0x81, 0x82, 0x83]);
const ANNEX = 0x50;
const EPOCH = 0;
const KEY_VERSION = 0;
const NO_CODE_SEPARATOR = 0xffff_ffff;
const NOTHING = new Uint8Array(0);
const ZEROS = new Uint8Array(32);

/**
 * Whether a hash type commits to one input only; and the outputs that it commits to: `outs` itself for all, null for
 * none.
 * @param mask the bits of the type that say which outputs
 */
function commitments({ outs }: Signable, index: number, hashType: number, mask: number) {
  const of = hashType & mask;
  const one = of === SIGHASH.single && index < outs.length ? [outs[index]!] : null;
  const outputs = of === SIGHASH.none || of === SIGHASH.single ? one : outs;
  return { isOne: (hashType & SIGHASH.anyoneCanPay) !== 0, outputs };
}

function inputAt({ ins }: Signable, index: number): Input {
  const input = ins[index];
  if (!input) throw new RangeError(`there is no input ${index}`);
  return input;
}

function writeOutpoint(writer: Writer, { hash, index }: Input): void {
  writer.bytes(hash).uint32(index);
}

function writeOutputs(writer: Writer, outputs: readonly Output[]): void {
  for (const { script, value } of outputs) writer.int64(value).sized(script);
}

function written(write: (writer: Writer) => void): Uint8Array {
  const writer = createWriter();
  write(writer);
  return writer.done();
}
