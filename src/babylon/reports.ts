import type { Transaction } from "../bitcoin/transaction-class.js";
import { parseHeader, parseHeaderChain } from "../bitcoin/header.js";
import { parseTransaction } from "../bitcoin/transaction.js";
import { TapstakeError } from "../core/errors.js";
import { type Checkpoint, checkpointOf } from "./checkpoint.js";
import { ACCOUNT, type Codec, fields, listOf, type Sent, WITHOUT_WITNESS } from "./codec.js";
import { checkInclusionProof, type InclusionProof } from "./inclusion.js";
import type { MessageOf } from "./schema.js";
import { assertMessage } from "./shape.js";

/**
 * The message that reports headers of Bitcoin to the chain's light client. The chain takes them when the first follows
 * upon a header that it knows, and the whole has more work than what it has there.
 * @param headers 80 bytes each, the oldest first; some 100 in one message
 * @param signer the account that sends it, in bech32: some networks list who may
 * @throws TapstakeError `invalid-header` when there is none, when one does not follow upon the one before, or lacks its work;
 * `invalid-bytes`, `invalid-address`
 */
export function insertHeadersMessage(
  headers: readonly Uint8Array[],
  signer: string,
): MessageOf<"MsgInsertHeaders"> {
  checkHeaders(headers);
  return HEADERS.write({ headers, signer });
}

/**
 * The inverse of {@link insertHeadersMessage}, checked in the same way.
 * @throws TapstakeError as there
 */
export function readInsertHeaders(
  message: MessageOf<"MsgInsertHeaders">,
): Sent<{ readonly headers: readonly Uint8Array[] }> {
  assertMessage("MsgInsertHeaders", message);
  const read = HEADERS.read(message);
  checkHeaders(read.headers);
  return read;
}

const HEADERS = fields<MessageOf<"MsgInsertHeaders">, Sent<{ readonly headers: readonly Uint8Array[] }>>({
  signer: ["signer", ACCOUNT],
  headers: "headers",
});

function checkHeaders(headers: readonly Uint8Array[]): void {
  if (headers.length === 0)
    throw new TapstakeError("invalid-header", "headers must be a list of at least one");
  parseHeaderChain(headers);
}

/** One of the two transactions of a checkpoint, shown to be in a block. */
export interface CheckpointPart {
  readonly transaction: Transaction;
  readonly inclusion: InclusionProof;
  /** Of its block, 80 bytes. */
  readonly header: Uint8Array;
}

/** A checkpoint and where Bitcoin has it. */
export interface CheckpointReport {
  /** The account that sends the message, in bech32. */
  readonly submitter: string;
  /** Part 0, then part 1. */
  readonly parts: readonly [CheckpointPart, CheckpointPart];
}

/**
 * The message that proves a checkpoint to be on Bitcoin.
 * @throws TapstakeError `invalid-proof` when a transaction is not in the block of its header; `invalid-checkpoint` when
 * the two are not the parts of one checkpoint; `invalid-bytes`, `invalid-address`
 */
export function insertSpvProofMessage({
  submitter,
  parts,
}: CheckpointReport): MessageOf<"MsgInsertBTCSpvProof"> {
  checkCheckpoint(parts);
  return PROOFS.write({ submitter, parts });
}

/**
 * The inverse of {@link insertSpvProofMessage}, checked in the same way, and the checkpoint itself.
 * @throws TapstakeError `message-mismatch` unless it has two proofs; `invalid-transaction`, and as there
 */
export function readInsertSpvProof(
  message: MessageOf<"MsgInsertBTCSpvProof">,
): CheckpointReport & { readonly checkpoint: Checkpoint } {
  assertMessage("MsgInsertBTCSpvProof", message);
  const { submitter, parts } = PROOFS.read(message);
  const [first, second, ...more] = parts;
  if (!first || !second || more.length > 0) {
    const text = `proofs must be 2, one for each part of a checkpoint, not ${parts.length}`;
    throw new TapstakeError("message-mismatch", text, { expected: 2, got: parts.length });
  }
  const both = [first, second] as const;
  return { submitter, parts: both, checkpoint: checkCheckpoint(both) };
}

/** The header's hash names the block: a proof has no field for it. */
const PART: Codec<CheckpointPart, MessageOf<"BTCSpvProof">> = {
  write: ({ transaction, inclusion, header }) => ({
    btcTransaction: WITHOUT_WITNESS.write(transaction),
    btcTransactionIndex: inclusion.key.index,
    merkleNodes: inclusion.proof,
    confirmingBtcHeader: header,
  }),
  read: ({
    btcTransaction,
    btcTransactionIndex: index,
    merkleNodes: proof,
    confirmingBtcHeader: header,
  }) => ({
    transaction: parseTransaction(btcTransaction),
    inclusion: { key: { index, hash: parseHeader(header).hash }, proof },
    header,
  }),
};

const PROOFS = fields<
  MessageOf<"MsgInsertBTCSpvProof">,
  { readonly submitter: string; readonly parts: readonly CheckpointPart[] }
>({
  submitter: ["submitter", ACCOUNT],
  proofs: ["parts", listOf(PART)],
});

function checkCheckpoint(parts: readonly [CheckpointPart, CheckpointPart]): Checkpoint {
  for (const { transaction, inclusion, header } of parts) {
    checkInclusionProof(inclusion, transaction, header);
  }
  const [first, second] = parts;
  const checkpoint = checkpointOf(first.transaction, second.transaction);
  if (checkpoint) return checkpoint;
  const ids = [first, second].map(({ transaction }) => transaction.getId());
  const text = `${ids.join(" and ")} are not part 0 and part 1 of one checkpoint: give them in that order`;
  throw new TapstakeError("invalid-checkpoint", text);
}
