import { Transaction } from "../../src/bitcoin/transaction-class.js";
import { concatBytes, u64be, utf8 } from "../../src/core/bytes.js";
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
  const data = concatBytes(u64be(epoch), BLOCK_HASH, new Uint8Array(13).fill(1), new Uint8Array(20).fill(2));
  const head = (part: number) => concatBytes(utf8(tag), Uint8Array.of(part << 4));
  const first = carrying(concatBytes(head(0), data));
  const second = carrying(concatBytes(head(1), new Uint8Array(48).fill(3), sha256(data).slice(0, 10)));
  const [a, b] = [first, second].map((transaction) => ({ transaction, ...blockOf(transaction.getId()) }));
  return [a!, b!] as const;
}
