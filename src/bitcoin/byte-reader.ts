/** Reads bytes from the front. Each call throws what `malformed` makes if too few bytes are left. */
export interface Reader {
  take(length: number): Uint8Array;
  /** Four bytes as a number, the lowest first. */
  uint32(): number;
  /** Eight bytes as a number with a sign, the lowest first. */
  int64(): bigint;
  /** Bitcoin's variable-length size, in its shortest form only. */
  size(): number;
  /** Bytes after their length. */
  sized(): Uint8Array;
  /** A count, then each element behind its length: a witness. */
  stack(): Uint8Array[];
  /** The next byte, which stays; undefined at the end. */
  peek(): number | undefined;
  /** Bytes that were not taken yet. */
  readonly left: number;
}

export function createReader(bytes: Uint8Array, malformed: () => Error): Reader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let position = 0;
  /** Where the next bytes begin, which are taken. */
  const next = (length: number) => {
    if (length > bytes.length - position) throw malformed();
    position += length;
    return position - length;
  };
  const take = (length: number) => {
    const at = next(length);
    return bytes.slice(at, at + length);
  };
  const size = () => {
    const first = bytes[next(1)]!;
    if (first < 0xfd) return first;
    // Nothing in memory has the length of eight bytes.
    if (first === 0xff) throw malformed();
    const value = first === 0xfd ? view.getUint16(next(2), true) : view.getUint32(next(4), true);
    if (value < (first === 0xfd ? 0xfd : 0x1_0000)) throw malformed();
    return value;
  };
  const sized = () => take(size());
  return {
    take,
    uint32: () => view.getUint32(next(4), true),
    int64: () => view.getBigInt64(next(8), true),
    size,
    sized,
    stack() {
      const elements: Uint8Array[] = [];
      for (let left = size(); left > 0; left--) elements.push(sized());
      return elements;
    },
    peek: () => bytes[position],
    get left() {
      return bytes.length - position;
    },
  };
}

/** A number of up to six bytes, little-endian. */
export function littleEndian(bytes: Uint8Array): number {
  return bytes.reduceRight((sum, byte) => sum * 256 + byte, 0);
}
