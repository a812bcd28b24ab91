import { assertBytes } from "../core/bytes.js";

/** Puts bytes one after the other, numbers with the lowest byte first, as transactions have them. */
export interface Writer {
  /** @throws TapstakeError `invalid-bytes` */
  bytes(bytes: Uint8Array): Writer;
  /** @throws RangeError unless it is an integer of 8 bits */
  uint8(value: number): Writer;
  /** @throws RangeError unless it is an integer of 32 bits */
  uint32(value: number): Writer;
  /** @throws RangeError outside 64 bits; TypeError at what is not a bigint */
  int64(value: bigint): Writer;
  /** Bitcoin's variable-length size, in its shortest form. */
  size(value: number): Writer;
  /** Bytes behind their length. */
  sized(bytes: Uint8Array): Writer;
  /** A count, then each element behind its length: a witness. */
  stack(elements: readonly Uint8Array[]): Writer;
  /** All that was put, in memory of its own. */
  done(): Uint8Array;
}

export function createWriter(): Writer {
  let buffer = new Uint8Array(256);
  let view = new DataView(buffer.buffer);
  let length = 0;
  /** Makes room for so many bytes; returns where they begin. */
  const room = (more: number): number => {
    const at = length;
    length += more;
    if (length <= buffer.length) return at;
    const larger = new Uint8Array(Math.max(length, 2 * buffer.length));
    larger.set(buffer);
    buffer = larger;
    view = new DataView(buffer.buffer);
    return at;
  };
  const writer: Writer = {
    bytes(bytes) {
      // Text would be written as its digits.
      assertBytes(bytes, "what is written");
      const at = room(bytes.length);
      buffer.set(bytes, at);
      return writer;
    },
    uint8(value) {
      if ((value & 0xff) !== value) throw new RangeError(`${value} is not an integer of 8 bits`);
      const at = room(1);
      buffer[at] = value;
      return writer;
    },
    uint32(value) {
      // The view would take any value modulo 2^32, and what is no number as 0.
      if (value >>> 0 !== value) throw new RangeError(`${value} is not an integer of 32 bits`);
      const at = room(4);
      view.setUint32(at, value, true);
      return writer;
    },
    int64(value) {
      if (BigInt.asIntN(64, value) !== value) throw new RangeError(`${value} has more than 64 bits`);
      const at = room(8);
      view.setBigInt64(at, value, true);
      return writer;
    },
    size(value) {
      if (value < 0xfd) return writer.uint8(value);
      if (value > 0xffff) return writer.uint8(0xfe).uint32(value);
      return writer
        .uint8(0xfd)
        .uint8(value & 0xff)
        .uint8(value >> 8);
    },
    sized: (bytes) => writer.size(bytes.length).bytes(bytes),
    stack(elements) {
      writer.size(elements.length);
      for (const element of elements) writer.sized(element);
      return writer;
    },
    done: () => buffer.slice(0, length),
  };
  return writer;
}
