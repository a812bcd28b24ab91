import type { Transaction } from "../bitcoin/transaction-class.js";
import { opReturnData } from "../bitcoin/output-script.js";
import { equalBytes } from "../core/bytes.js";
import { sha256 } from "../core/hashes.js";

/** A checkpoint of the staking chain, as two transactions on Bitcoin say it together (PROTOCOL 9). */
export interface Checkpoint {
  /** The 4 bytes that open both outputs: `bbn1` on mainnet. */
  readonly tag: Uint8Array;
  readonly epoch: bigint;
  /** The hash of the chain's block at the end of the epoch, 32 bytes. */
  readonly blockHash: Uint8Array;
  /** Which validators signed, 13 bytes. */
  readonly bitmap: Uint8Array;
  /** The account that submitted it, 20 bytes. */
  readonly submitter: Uint8Array;
  /** 48 bytes. It is not verified. */
  readonly blsSignature: Uint8Array;
}

const HEADER = 5;
const LENGTHS = [78, 63];

/**
 * The checkpoint in two transactions: part 0, then part 1. Null when they are not the parts of one checkpoint.
 */
export function checkpointOf(first: Transaction, second: Transaction): Checkpoint | null {
  const [head, tail] = [partOf(first, 0), partOf(second, 1)];
  if (!head || !tail || !equalBytes(head.tag, tail.tag)) return null;
  if (!equalBytes(sha256(head.data).subarray(0, 10), tail.data.subarray(48))) return null;
  const { data } = head;
  return {
    tag: head.tag,
    epoch: data.subarray(0, 8).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n),
    blockHash: data.slice(8, 40),
    bitmap: data.slice(40, 53),
    submitter: data.slice(53, 73),
    blsSignature: tail.data.slice(0, 48),
  };
}

/** What the one OP_RETURN of a transaction carries, when it is this part of a checkpoint in version 0. */
function partOf(
  { outs }: Transaction,
  part: 0 | 1,
): { readonly tag: Uint8Array; readonly data: Uint8Array } | null {
  const [carried, more] = outs.flatMap(({ script }) => opReturnData(script) ?? []);
  if (!carried || more || carried.length !== LENGTHS[part] || carried[4] !== part << 4) return null;
  return { tag: carried.slice(0, 4), data: carried.slice(HEADER) };
}
