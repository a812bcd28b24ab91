import { parseOutpoint, txidOf } from "../bitcoin/transaction.js";
import type { Transaction } from "../bitcoin/transaction-class.js";
import { hex } from "../core/bytes.js";

/** The 36 bytes of an outpoint, as an input has them. @throws TapstakeError `invalid-coin`, `invalid-hex` */
export function outpointBytes(text: string): Uint8Array {
  const { txid, vout } = parseOutpoint(text);
  return joinOutpoint(hashBytes(txid), vout);
}

/** The 36 bytes of an output's place. @param hash 32 bytes in the order of bytes of a transaction */
export function joinOutpoint(hash: Uint8Array, index: number): Uint8Array {
  const bytes = new Uint8Array(36);
  bytes.set(hash);
  new DataView(bytes.buffer).setUint32(32, index, true);
  return bytes;
}

/** `txid:vout` of 36 bytes. */
export const outpointText = (bytes: Uint8Array): string =>
  `${txidOf(bytes.subarray(0, 32))}:${outpointIndex(bytes)}`;

const outpointIndex = (bytes: Uint8Array): number =>
  (bytes[32]! | (bytes[33]! << 8) | (bytes[34]! << 16) | (bytes[35]! << 24)) >>> 0;

export const spentOutpoint = ({ hash, index }: Transaction["ins"][number]): Uint8Array =>
  joinOutpoint(hash, index);

/** A hash as people write it, as the bytes of a block or transaction. */
export const hashBytes = (text: string): Uint8Array => hex.decode(text, 32, "hash").toReversed();

/** The inverse of {@link hashBytes}. */
export const hashText = txidOf;
