import type { Transaction } from "../bitcoin/bitcoinjs.js";
import type { ChainAccess } from "../chain/access.js";
import { burntValue } from "../bitcoin/output-script.js";
import { writeDocument } from "./files.js";
import type { Row } from "./output.js";

/** What became of a signed transaction. */
export interface Delivered {
  readonly txid: string;
  readonly transaction: string;
  readonly file?: string;
  /** The server that took it. */
  readonly sentTo?: string;
}

/**
 * Writes a signed transaction to the file of `--out`, or else hands it to the server, where there is one. What it burns
 * is what its leaf says, and meant.
 * @throws TapstakeError `file-error`; `node-refused`, and the codes of `ChainAccess`
 */
export async function deliver(
  transaction: Transaction,
  { out, chain }: { readonly out?: string | undefined; readonly chain?: ChainAccess | undefined },
): Promise<Delivered> {
  const facts = { txid: transaction.getId(), transaction: transaction.toHex() };
  if (out !== undefined) {
    await writeDocument(out, `${facts.transaction}\n`);
    return { ...facts, file: out };
  }
  if (!chain) return facts;
  await chain.broadcast(transaction, { maxBurn: burntValue(transaction.outs) });
  return { ...facts, sentTo: chain.url };
}

/** Raw where it went nowhere else. */
export const deliveredRows = ({ transaction, file, sentTo }: Delivered): Row[] => [
  ["sent to", sentTo],
  ["written to", file === undefined ? undefined : `${file}, not sent`],
  ["not sent", sentTo === undefined && file === undefined ? transaction : undefined],
];
