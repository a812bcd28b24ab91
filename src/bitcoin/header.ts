import { assertBytes, equalBytes, hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { sha256 } from "../core/hashes.js";
import { littleEndian } from "./byte-reader.js";

/** The fixed length of a block's header. */
export const HEADER_LENGTH = 80;

/** What a block's header says. Hashes are in their internal byte order, the reverse of what people write. */
export interface BlockHeader {
  /** The header's own hash, 32 bytes. */
  readonly hash: Uint8Array;
  /** The hash of the block before, 32 bytes. */
  readonly previous: Uint8Array;
  /** 32 bytes. */
  readonly merkleRoot: Uint8Array;
  /** Seconds since 1970. */
  readonly time: number;
  /** The target in its compact form. */
  readonly bits: number;
}

/**
 * Reads a block's header. Its work is not looked at: {@link hasWork} does that.
 * @throws TapstakeError `invalid-bytes` unless it has 80 bytes
 */
export function parseHeader(bytes: Uint8Array): BlockHeader {
  assertBytes(bytes, "header", HEADER_LENGTH);
  return {
    hash: sha256(sha256(bytes)),
    previous: bytes.slice(4, 36),
    merkleRoot: bytes.slice(36, 68),
    time: littleEndian(bytes.subarray(68, 72)),
    bits: littleEndian(bytes.subarray(72, 76)),
  };
}

/** The hash that a header must not exceed. 0 where the compact form is negative or says nothing. */
export function targetOf({ bits }: Pick<BlockHeader, "bits">): bigint {
  const exponent = bits >>> 24;
  const mantissa = BigInt(bits & 0x007f_ffff);
  if ((bits & 0x0080_0000) !== 0) return 0n;
  return exponent <= 3 ? mantissa >> BigInt(8 * (3 - exponent)) : mantissa << BigInt(8 * (exponent - 3));
}

/** Whether a header's hash is at most the target that it states. Whether Bitcoin asks for that target, a chain says. */
export function hasWork(header: BlockHeader): boolean {
  const target = targetOf(header);
  return target > 0n && BigInt(`0x${hex.encode(header.hash.toReversed())}`) <= target;
}

/** The work that a header stands for, as Bitcoin adds it up: 2^256 / (target + 1). */
export const workOf = (header: Pick<BlockHeader, "bits">): bigint => {
  const target = targetOf(header);
  return target === 0n ? 0n : 2n ** 256n / (target + 1n);
};

/**
 * Headers that follow one upon another, each with the work that it states.
 * @throws TapstakeError `invalid-header` at the first that does not; `invalid-bytes`
 */
export function parseHeaderChain(headers: readonly Uint8Array[]): BlockHeader[] {
  const parsed = headers.map(parseHeader);
  for (const [i, header] of parsed.entries()) {
    const before = parsed[i - 1];
    if (before && !equalBytes(header.previous, before.hash)) {
      throw new TapstakeError("invalid-header", `header ${i} does not follow upon header ${i - 1}`, {
        index: i,
      });
    }
    if (!hasWork(header)) {
      const text = `header ${i} lacks the work that it states`;
      throw new TapstakeError("invalid-header", text, { index: i });
    }
  }
  return parsed;
}
