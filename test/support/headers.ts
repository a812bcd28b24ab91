import { hasWork, parseHeader } from "../../src/bitcoin/header.js";
import { concatBytes } from "../../src/core/bytes.js";

/** The least difficulty, as on regtest. */
export const EASY_BITS = 0x207f_ffff;

const u32le = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
};

/** A header with the work that it states, or without it. */
export function headerUpon(
  previous: Uint8Array,
  { time = 1000, bits = EASY_BITS, works = true, seed = 0 } = {},
): Uint8Array {
  for (let nonce = 0; ; nonce++) {
    const root = new Uint8Array(32).fill(seed);
    const header = concatBytes(u32le(1), previous, root, u32le(time), u32le(bits), u32le(nonce));
    if (hasWork(parseHeader(header)) === works) return header;
  }
}

/** Headers that follow one upon another, the oldest first. */
export function headerChain(
  length: number,
  previous: Uint8Array = new Uint8Array(32),
  firstTime = 1000,
): Uint8Array[] {
  const headers: Uint8Array[] = [];
  for (let i = 0; i < length; i++) {
    const before = headers.at(-1);
    headers.push(headerUpon(before ? parseHeader(before).hash : previous, { time: firstTime + i }));
  }
  return headers;
}
