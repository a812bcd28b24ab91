import { HEADER_LENGTH } from "../../bitcoin/header.js";
import { TapstakeError } from "../../core/errors.js";
import { NUMS_KEY } from "../../script/taproot.js";
import type { ByteTable } from "./byte-table.js";

/** What a walk looks for. */
export interface Watched {
  /** Outpoints of 36 bytes, as an input has them. */
  readonly outpoints: ByteTable;
  /** Output keys of 32 bytes of P2TR scripts. */
  readonly outputKeys: ByteTable;
  /** The first 4 bytes of OP_RETURNs, each as a little-endian number. */
  readonly tags: readonly number[];
}

/** A transaction of a block in which something watched was found. */
export interface TransactionHit {
  /** Its index in the block. */
  readonly position: number;
  /** Where its bytes start and end in the block. */
  readonly start: number;
  readonly end: number;
  /** Inputs that spend a watched outpoint. */
  readonly spends: number[];
  /** Inputs whose witness has a control block of the NUMS key: whether of a stake, its leaf says. */
  readonly numsInputs: number[];
  /** Outputs to a watched key. */
  readonly outputs: number[];
  /** Outputs that are OP_RETURNs of a watched tag, of a phase-1 stake's length or a checkpoint part's. */
  readonly tagged: number[];
}

/** Four offsets a transaction: its start, its inputs, its witnesses (the lock time where it has none), its end. */
export type BlockLayout = number[];

/**
 * Walks the bytes of a block once, from front to back, and returns the transactions with something watched in them.
 * Everything is inline and nothing is copied: a call for each size or look-up would take several times as long.
 * @param layout filled with the offsets of every transaction, for who checks the block's hashes
 * @throws TapstakeError `invalid-block` unless the bytes are one whole block
 */
export function walkBlock(given: Uint8Array, watched: Watched, layout?: BlockLayout): TransactionHit[] {
  // One class for the optimiser, whether it is a Buffer or not.
  const b = new Uint8Array(given.buffer, given.byteOffset, given.length);
  const end = b.length;
  const { outpoints, outputKeys, tags } = watched;
  const { slots: inSlots, mask: inMask, filter: inFilter } = outpoints;
  const inBits = 8 * inMask + 7;
  const [i0, i1, i2, i3] = outpoints.seeds as unknown as [number, number, number, number];
  const { slots: outSlots, mask: outMask, filter: outFilter } = outputKeys;
  const outBits = 8 * outMask + 7;
  const [o0, o1, o2, o3] = outputKeys.seeds as unknown as [number, number, number, number];
  const watchesOutpoints = outpoints.size > 0;
  const watchesKeys = outputKeys.size > 0;
  const watchesTags = tags.length > 0;
  const hits: TransactionHit[] = [];

  let o = HEADER_LENGTH;
  if (o + 1 > end) throw invalid(end, "it ends within its header");
  let transactions = b[o++]!;
  if (transactions >= 0xfd) {
    const width = transactions === 0xfd ? 2 : 4;
    if (transactions === 0xff || o + width > end) throw invalid(o, SIZE);
    transactions = b[o]! | (b[o + 1]! << 8);
    if (width === 4) transactions += (b[o + 2]! + b[o + 3]! * 256) * 0x10000;
    if (transactions < (width === 2 ? 0xfd : 0x10000)) throw invalid(o, SIZE);
    o += width;
  }
  if (transactions === 0) throw invalid(o, "it has no transaction");

  for (let position = 0; position < transactions; position++) {
    const start = o;
    let hit: TransactionHit | undefined;
    o += 4;
    if (o + 2 > end) throw invalid(o, ENDS);
    const isSegwit = b[o] === 0 && b[o + 1] === 1;
    if (isSegwit) o += 2;
    const inputsAt = o;
    if (o >= end) throw invalid(o, ENDS);
    let inputs = b[o++]!;
    if (inputs >= 0xfd) {
      const width = inputs === 0xfd ? 2 : 4;
      if (inputs === 0xff || o + width > end) throw invalid(o, SIZE);
      inputs = b[o]! | (b[o + 1]! << 8);
      if (width === 4) inputs += (b[o + 2]! + b[o + 3]! * 256) * 0x10000;
      if (inputs < (width === 2 ? 0xfd : 0x10000)) throw invalid(o, SIZE);
      o += width;
    }
    if (inputs === 0) throw invalid(o, "a transaction has no input");
    for (let input = 0; input < inputs; input++) {
      if (o + 41 > end) throw invalid(o, ENDS);
      if (watchesOutpoints) {
        let word = b[o]! | (b[o + 1]! << 8) | (b[o + 2]! << 16) | (b[o + 3]! << 24);
        let print = Math.imul(word ^ i0, 0x9e3779b1);
        word = b[o + 4]! | (b[o + 5]! << 8) | (b[o + 6]! << 16) | (b[o + 7]! << 24);
        print = Math.imul(print ^ (print >>> 15) ^ word ^ i1, 0x85ebca6b);
        word = b[o + 8]! | (b[o + 9]! << 8) | (b[o + 10]! << 16) | (b[o + 11]! << 24);
        print = Math.imul(print ^ (print >>> 13) ^ word ^ i2, 0xc2b2ae35);
        word = b[o + 32]! | (b[o + 33]! << 8) | (b[o + 34]! << 16) | (b[o + 35]! << 24);
        print = Math.imul(print ^ (print >>> 16) ^ word ^ i3, 0x27d4eb2f);
        print ^= print >>> 15;
        let slot = (print ^ (print >>> 16)) & inMask;
        const bit = print & inBits;
        let number = (inFilter[bit >>> 5]! >>> (bit & 31)) & 1 ? inSlots[2 * slot + 1]! : 0;
        while (number !== 0) {
          if (inSlots[2 * slot] === print && outpoints.isKey(number - 1, b, o)) {
            (hit ??= newHit(hits, position, start)).spends.push(input);
            break;
          }
          slot = (slot + 1) & inMask;
          number = inSlots[2 * slot + 1]!;
        }
      }
      o += 36;
      let length = b[o++]!;
      if (length >= 0xfd) {
        const width = length === 0xfd ? 2 : 4;
        if (length === 0xff || o + width > end) throw invalid(o, SIZE);
        length = b[o]! | (b[o + 1]! << 8);
        if (width === 4) length += (b[o + 2]! + b[o + 3]! * 256) * 0x10000;
        if (length < (width === 2 ? 0xfd : 0x10000)) throw invalid(o, SIZE);
        o += width;
      }
      o += length + 4;
      if (o > end) throw invalid(o, ENDS);
    }

    if (o >= end) throw invalid(o, ENDS);
    let outputs = b[o++]!;
    if (outputs >= 0xfd) {
      const width = outputs === 0xfd ? 2 : 4;
      if (outputs === 0xff || o + width > end) throw invalid(o, SIZE);
      outputs = b[o]! | (b[o + 1]! << 8);
      if (width === 4) outputs += (b[o + 2]! + b[o + 3]! * 256) * 0x10000;
      if (outputs < (width === 2 ? 0xfd : 0x10000)) throw invalid(o, SIZE);
      o += width;
    }
    for (let output = 0; output < outputs; output++) {
      o += 8;
      if (o >= end) throw invalid(o, ENDS);
      let length = b[o++]!;
      if (length >= 0xfd) {
        const width = length === 0xfd ? 2 : 4;
        if (length === 0xff || o + width > end) throw invalid(o, SIZE);
        length = b[o]! | (b[o + 1]! << 8);
        if (width === 4) length += (b[o + 2]! + b[o + 3]! * 256) * 0x10000;
        if (length < (width === 2 ? 0xfd : 0x10000)) throw invalid(o, SIZE);
        o += width;
      }
      const script = o;
      o += length;
      if (o > end) throw invalid(o, ENDS);
      if (length === 34) {
        if (watchesKeys && b[script] === 0x51 && b[script + 1] === 0x20) {
          const k = script + 2;
          let word = b[k]! | (b[k + 1]! << 8) | (b[k + 2]! << 16) | (b[k + 3]! << 24);
          let print = Math.imul(word ^ o0, 0x9e3779b1);
          word = b[k + 4]! | (b[k + 5]! << 8) | (b[k + 6]! << 16) | (b[k + 7]! << 24);
          print = Math.imul(print ^ (print >>> 15) ^ word ^ o1, 0x85ebca6b);
          word = b[k + 8]! | (b[k + 9]! << 8) | (b[k + 10]! << 16) | (b[k + 11]! << 24);
          print = Math.imul(print ^ (print >>> 13) ^ word ^ o2, 0xc2b2ae35);
          word = b[k + 28]! | (b[k + 29]! << 8) | (b[k + 30]! << 16) | (b[k + 31]! << 24);
          print = Math.imul(print ^ (print >>> 16) ^ word ^ o3, 0x27d4eb2f);
          print ^= print >>> 15;
          let slot = (print ^ (print >>> 16)) & outMask;
          const bit = print & outBits;
          let number = (outFilter[bit >>> 5]! >>> (bit & 31)) & 1 ? outSlots[2 * slot + 1]! : 0;
          while (number !== 0) {
            if (outSlots[2 * slot] === print && outputKeys.isKey(number - 1, b, k)) {
              (hit ??= newHit(hits, position, start)).outputs.push(output);
              break;
            }
            slot = (slot + 1) & outMask;
            number = outSlots[2 * slot + 1]!;
          }
        }
      } else if (watchesTags && length >= 65 && length <= 81 && b[script] === 0x6a) {
        const at = tagAt(b, script, length);
        if (at !== -1) {
          const tag = b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24);
          if (tags.includes(tag)) (hit ??= newHit(hits, position, start)).tagged.push(output);
        }
      }
    }

    const witnessesAt = o;
    if (isSegwit) {
      let elementsOfAll = 0;
      for (let input = 0; input < inputs; input++) {
        if (o >= end) throw invalid(o, ENDS);
        let elements = b[o++]!;
        if (elements >= 0xfd) {
          const width = elements === 0xfd ? 2 : 4;
          if (elements === 0xff || o + width > end) throw invalid(o, SIZE);
          elements = b[o]! | (b[o + 1]! << 8);
          if (width === 4) elements += (b[o + 2]! + b[o + 3]! * 256) * 0x10000;
          if (elements < (width === 2 ? 0xfd : 0x10000)) throw invalid(o, SIZE);
          o += width;
        }
        elementsOfAll += elements;
        let last = 0;
        let lastLength = 0;
        let before = 0;
        let beforeLength = 0;
        for (let element = 0; element < elements; element++) {
          if (o >= end) throw invalid(o, ENDS);
          let length = b[o++]!;
          if (length >= 0xfd) {
            const width = length === 0xfd ? 2 : 4;
            if (length === 0xff || o + width > end) throw invalid(o, SIZE);
            length = b[o]! | (b[o + 1]! << 8);
            if (width === 4) length += (b[o + 2]! + b[o + 3]! * 256) * 0x10000;
            if (length < (width === 2 ? 0xfd : 0x10000)) throw invalid(o, SIZE);
            o += width;
          }
          before = last;
          beforeLength = lastLength;
          last = o;
          lastLength = length;
          o += length;
          if (o > end) throw invalid(o, ENDS);
        }
        if (elements >= 3) {
          // BIP-341: the control block is the last element, or the one before the annex.
          const isNums =
            (lastLength >= 33 && b[last + 1] === NUMS_0 && b[last + 2] === NUMS_1 && isNumsAt(b, last + 1)) ||
            (b[last] === 0x50 && lastLength > 0 && beforeLength >= 33 && isNumsAt(b, before + 1));
          if (isNums) (hit ??= newHit(hits, position, start)).numsInputs.push(input);
        }
      }
      if (elementsOfAll === 0) throw invalid(o, "a transaction says that it has witnesses, and has none");
    }
    o += 4;
    if (o > end) throw invalid(o, ENDS);
    if (hit) (hit as { end: number }).end = o;
    if (layout) layout.push(start, inputsAt, witnessesAt, o);
  }
  if (o !== end) throw invalid(o, "bytes follow its last transaction");
  return hits;
}

const SIZE = "a size is malformed";
const ENDS = "it ends within a transaction";
const NUMS_0 = NUMS_KEY[0]!;
const NUMS_1 = NUMS_KEY[1]!;

function isNumsAt(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < 32; i++) if (bytes[at + i] !== NUMS_KEY[i]) return false;
  return true;
}

/** The payloads that share a tag: a phase-1 stake, and the two parts of a checkpoint (PROTOCOL 3, 9). */
const TAGGED_LENGTHS: ReadonlySet<number> = new Set([71, 78, 63]);

/** Where the one push of an OP_RETURN begins, if it has one of the lengths; -1 otherwise. */
function tagAt(bytes: Uint8Array, script: number, length: number): number {
  const opcode = bytes[script + 1]!;
  // OP_PUSHDATA1 is needed above 75 bytes.
  const head = opcode === 0x4c ? 3 : 2;
  const pushed = opcode === 0x4c ? bytes[script + 2]! : opcode;
  return TAGGED_LENGTHS.has(pushed) && length === head + pushed ? script + head : -1;
}

function newHit(hits: TransactionHit[], position: number, start: number): TransactionHit {
  const hit = { position, start, end: 0, spends: [], numsInputs: [], outputs: [], tagged: [] };
  hits.push(hit);
  return hit;
}

function invalid(at: number, why: string): TapstakeError {
  return new TapstakeError("invalid-block", `not a whole block of Bitcoin: ${why} (byte ${at})`, { at });
}
