import { Transaction } from "../../src/bitcoin/transaction-class.js";
import { encodeCheckpoint } from "../../src/babylon/checkpoint.js";
import { utf8 } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { blockOf } from "./rules.js";

const carrying = (data: Uint8Array): Transaction => {
  const transaction = new Transaction();
  transaction.version = 2;
  transaction.addInput(sha256(data), 0);
  const push = data.length > 75 ? [0x6a, 0x4c, data.length] : [0x6a, data.length];
  transaction.addOutput(Uint8Array.of(...push, ...data), 0n);
  return transaction;
};

export const BLOCK_HASH = new Uint8Array(32).fill(7);

/** The two transactions of a checkpoint, each in a block of its own. */
export function checkpointParts(tag = "bbn1", epoch = 12n) {
  const transactions = encodeCheckpoint({
    tag: utf8(tag),
    epoch,
    blockHash: BLOCK_HASH,
    bitmap: new Uint8Array(13).fill(1),
    submitter: new Uint8Array(20).fill(2),
    blsSignature: new Uint8Array(48).fill(3),
  }).map(carrying);
  const [a, b] = transactions.map((transaction) => ({ transaction, ...blockOf(transaction.getId()) }));
  return [a!, b!] as const;
}
