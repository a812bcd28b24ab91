/** Reads bytes from the front. Each call throws what `malformed` makes if too few bytes are left. */
export interface Reader {
  take(length: number): Uint8Array;
  /** Bitcoin's variable-length size (compactSize), in its shortest form only. */
  size(): number;
  /** Bytes after their length. */
  sized(): Uint8Array;
  /** How many bytes are not read yet. */
  readonly left: number;
}

export function createReader(bytes: Uint8Array, malformed: () => Error): Reader {
  let position = 0;
  const take = (length: number) => {
    if (length > bytes.length - position) throw malformed();
    position += length;
    return bytes.slice(position - length, position);
  };
  const size = () => {
    const first = take(1)[0]!;
    if (first < 0xfd) return first;
    // Nothing in memory has the length of eight bytes.
    if (first === 0xff) throw malformed();
    const value = littleEndian(take(first === 0xfd ? 2 : 4));
    if (value < (first === 0xfd ? 0xfd : 0x1_0000)) throw malformed();
    return value;
  };
  return {
    take,
    size,
    sized: () => take(size()),
    get left() {
      return bytes.length - position;
    },
  };
}

/** A number of up to six bytes, little-endian. */
export function littleEndian(bytes: Uint8Array): number {
  return bytes.reduceRight((sum, byte) => sum * 256 + byte, 0);
}
