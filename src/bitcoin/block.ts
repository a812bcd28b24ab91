import { createReader } from "./byte-reader.js";
import { Transaction } from "./transaction-class.js";

const HEADER_LENGTH = 80;

/** The transactions of a whole block. @throws RangeError when it is none */
export function transactionsOfBlock(block: Uint8Array): Transaction[] {
  const malformed = () => new RangeError("the block ends too early, or has malformed sizes");
  // A copy: slices of a Node Buffer would share its memory.
  const reader = createReader(Uint8Array.from(block), malformed);
  reader.take(HEADER_LENGTH);
  const count = reader.size();
  const transactions: Transaction[] = [];
  for (let i = 0; i < count; i++) transactions.push(Transaction.read(reader));
  if (reader.left > 0 || count === 0) throw malformed();
  return transactions;
}
