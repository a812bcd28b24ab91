import type { Transaction } from "../bitcoin/transaction-class.js";
import { opReturnData } from "../bitcoin/output-script.js";
import { assertBytes, concatBytes, equalBytes, hex, u64be } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
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

/** What one output of a checkpoint says. Parts with the same tag and checksum belong together. */
export type CheckpointData =
  | (Omit<Checkpoint, "blsSignature"> & {
      readonly part: 0;
      /** Computed from it, 10 bytes. */ readonly checksum: Uint8Array;
    })
  | (Pick<Checkpoint, "tag" | "blsSignature"> & {
      readonly part: 1;
      /** Of part 0, 10 bytes. */ readonly checksum: Uint8Array;
    });

const VERSION = 0;
const TAG = 4;
/** Tag, then part and version in one byte. */
const HEADER = TAG + 1;
const LENGTHS = [78, 63] as const;
const CHECKSUM = 10;

const checksumOf = (data: Uint8Array): Uint8Array => sha256(data).slice(0, CHECKSUM);

/**
 * The data of the two OP_RETURN outputs: 78 bytes of part 0, then 63 of part 1. A push of 78 bytes needs
 * OP_PUSHDATA1.
 * @throws TapstakeError `invalid-bytes` for a field of another length; `invalid-number` for an epoch beyond 64 bits
 * @example const [first, second] = encodeCheckpoint({ tag: utf8("bbn1"), epoch, blockHash, bitmap, submitter, blsSignature });
 */
export function encodeCheckpoint(checkpoint: Checkpoint): readonly [Uint8Array, Uint8Array] {
  for (const [name, length] of FIELDS) assertBytes(checkpoint[name], name, length);
  const { tag, epoch, blockHash, bitmap, submitter, blsSignature } = checkpoint;
  const data = concatBytes(u64be(epoch, "epoch"), blockHash, bitmap, submitter);
  return [
    concatBytes(tag, Uint8Array.of(VERSION), data),
    concatBytes(tag, Uint8Array.of((1 << 4) | VERSION), blsSignature, checksumOf(data)),
  ];
}

const FIELDS = [
  ["tag", TAG],
  ["blockHash", 32],
  ["bitmap", 13],
  ["submitter", 20],
  ["blsSignature", 48],
] as const satisfies readonly (readonly [keyof Checkpoint, number])[];

/**
 * What one output of a checkpoint says, by the data after OP_RETURN.
 * @throws TapstakeError `invalid-checkpoint` when it is no part, `invalid-bytes` when it is no `Uint8Array`
 */
export function parseCheckpointData(data: Uint8Array): CheckpointData {
  assertBytes(data, "checkpoint data");
  const read = dataOf(data);
  if (read) return read;
  const text = `data of ${data.length} bytes${data.length < HEADER ? "" : ` with the byte 0x${hex.encode(data.subarray(TAG, HEADER))} after the tag`} is no part of a checkpoint: part 0 has 78 bytes and 0x00 there, part 1 has 63 bytes and 0x10`;
  throw new TapstakeError("invalid-checkpoint", text, { length: data.length });
}

/**
 * The checkpoint in the data of two outputs, part 0 and then part 1. Its signature is not verified.
 * @throws TapstakeError `invalid-checkpoint` when one is not that part, or the two do not belong together
 */
export function parseCheckpoint(first: Uint8Array, second: Uint8Array): Checkpoint {
  const [head, tail] = [parseCheckpointData(first), parseCheckpointData(second)];
  if (head.part !== 0 || tail.part !== 1) {
    const text = `expected part 0 and then part 1 of a checkpoint, got part ${head.part} and part ${tail.part}`;
    throw new TapstakeError("invalid-checkpoint", text);
  }
  const joined = joinedOf(head, tail);
  if (joined) return joined;
  const [what, own, other] = equalBytes(head.tag, tail.tag)
    ? ["checksum of part 0", head.checksum, tail.checksum]
    : ["tag", head.tag, tail.tag];
  const text = `the parts are of two checkpoints: the ${what} is ${hex.encode(own)}, and part 1 has ${hex.encode(other)}`;
  throw new TapstakeError("invalid-checkpoint", text, { expected: hex.encode(own), got: hex.encode(other) });
}

/** What the one OP_RETURN output of a transaction says of a checkpoint; null when it is no part of one. */
export function checkpointDataOf({ outs }: Transaction): CheckpointData | null {
  const [data, more] = outs.flatMap(({ script }) => opReturnData(script) ?? []);
  return data && !more ? dataOf(data) : null;
}

/** The checkpoint in two transactions: part 0, then part 1. Null when they are not the parts of one checkpoint. */
export function checkpointOf(first: Transaction, second: Transaction): Checkpoint | null {
  const [head, tail] = [checkpointDataOf(first), checkpointDataOf(second)];
  return head?.part === 0 && tail?.part === 1 ? joinedOf(head, tail) : null;
}

function dataOf(bytes: Uint8Array): CheckpointData | null {
  const part = LENGTHS.findIndex((length) => length === bytes.length);
  if (part < 0 || bytes[TAG] !== ((part << 4) | VERSION)) return null;
  const [tag, data] = [bytes.slice(0, TAG), bytes.slice(HEADER)];
  if (part === 1) return { part: 1, tag, blsSignature: data.slice(0, 48), checksum: data.slice(48) };
  return {
    part: 0,
    tag,
    epoch: data.subarray(0, 8).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n),
    blockHash: data.slice(8, 40),
    bitmap: data.slice(40, 53),
    submitter: data.slice(53, 73),
    checksum: checksumOf(data),
  };
}

type DataOf<Part extends 0 | 1> = Extract<CheckpointData, { readonly part: Part }>;

function joinedOf(head: DataOf<0>, tail: DataOf<1>): Checkpoint | null {
  if (!equalBytes(head.tag, tail.tag) || !equalBytes(head.checksum, tail.checksum)) return null;
  const { tag, epoch, blockHash, bitmap, submitter } = head;
  return { tag, epoch, blockHash, bitmap, submitter, blsSignature: tail.blsSignature };
}
