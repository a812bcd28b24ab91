import type { Rpc } from "../src/chain/index.js";
import { max, parseBtc, type Rate } from "../src/core/amount.js";

/** Of `getmempoolinfo`. */
interface MempoolInfo {
  readonly mempoolminfee: string;
  readonly maxmempool: number;
}

export const mempoolInfo = (rpc: Rpc): Promise<MempoolInfo> => rpc.call("getmempoolinfo");

/** The lowest rate that the mempool takes now, in sat/vB: it rises when the mempool is full. */
export async function lowestFeeRate(rpc: Rpc): Promise<Rate> {
  const { mempoolminfee } = await mempoolInfo(rpc);
  return { numerator: parseBtc(mempoolminfee), denominator: 1000n };
}

/** The lowest rate that builders take by default, in satoshi per 1000 vbytes. */
const LEAST = 1000n;

/** Twice the lowest rate that the mempool takes, in sat/vB: 2 sat/vB while the mempool has room. */
export async function safeFeeRate(rpc: Rpc): Promise<Rate> {
  const { numerator } = await lowestFeeRate(rpc);
  return { numerator: 2n * max(numerator, LEAST), denominator: 1000n };
}

/** 100 BTC: no transaction pays more. */
const PREFERENCE = 10_000_000_000;

/** Lets the node's next block hold a transaction of its mempool, whatever others pay. */
export async function prefer(rpc: Rpc, txid: string): Promise<void> {
  await rpc.call("prioritisetransaction", txid, 0, PREFERENCE);
}
