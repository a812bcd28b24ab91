import { createTransaction, FINAL_SEQUENCE } from "../src/bitcoin/transaction.js";
import { taprootScript } from "../src/bitcoin/output-script.js";
import type { Transaction } from "../src/bitcoin/transaction-class.js";
import { applyRateUp, formatRate, type Rate } from "../src/core/amount.js";
import { assertFeeRate } from "../src/bitcoin/fee.js";
import { assertInteger, concatBytes, hex } from "../src/core/bytes.js";
import { TapstakeError } from "../src/core/errors.js";
import { sha256 } from "../src/core/hashes.js";
import { lowestFeeRate, mempoolInfo } from "./fees.js";
import type { RegtestNode } from "./node.js";
import type { Funding } from "./wallet.js";

/** Other people's transactions: full blocks, a full mempool, and what a fee must be to get through. */

/** How crowded it gets. */
export interface CrowdRequest {
  /** What the transactions of others pay, in sat/vB: up to 1000. */
  readonly feeRate: Rate;
  /** The virtual bytes of all of them: 1,000,000 by default, one full block. At most 20,000,000. */
  readonly vbytes?: number;
}

/** Outputs of one transaction: below 100,000 virtual bytes, the most that nodes relay. */
const OUTPUTS = 2_300;
/** In satoshi; above dust. */
const OUTPUT_VALUE = 1_000n;
/** The point of BIP-341 whose secret is unknown: the coins are gone. */
const NUMS = taprootScript(hex.decode("50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0"));
/** Of such a transaction. */
const VSIZE = 98_980;
/** How many coins one payment makes for them. */
const AT_ONCE = 50;

/**
 * Puts transactions of others into the mempool, which pay `feeRate`: blocks prefer them to what pays less, until they are
 * mined. It mines one block first. Returns their ids.
 * @throws TapstakeError `invalid-rate`, `fee-rate-too-high`, `invalid-number`, `node-refused` if the mempool is full
 * @example
 * ```ts
 * await crowd(node, { feeRate: parseRate("300"), vbytes: 3_000_000 }); // for three blocks, 300 sat/vB is the price
 * ```
 */
export async function crowd(
  node: RegtestNode,
  { feeRate, vbytes = 1_000_000 }: CrowdRequest,
): Promise<string[]> {
  assertFeeRate(feeRate);
  assertInteger(vbytes, "vbytes", 1, 20_000_000);
  const txids: string[] = [];
  for (let left = Math.ceil(vbytes / VSIZE); left > 0; left -= AT_ONCE) {
    for (const transaction of await fillers(node, feeRate, Math.min(left, AT_ONCE))) {
      txids.push(await node.send(transaction.toBuffer()));
    }
  }
  return txids;
}

/** The largest mempool that {@link fillMempool} fills, in megabytes. */
const MOST_MEGABYTES = 50;
/** A transaction of 99,000 virtual bytes takes less of the mempool's memory, in megabytes. */
const MEGABYTES_EACH = 0.5;

/**
 * Fills the mempool until it refuses what pays less than `feeRate` (`mempool min fee not met`). The node must have been
 * started with a small mempool: `startNode({ maxMempool: 5 })`. It mines a few blocks first. Returns the lowest rate that
 * the mempool takes now, in sat/vB.
 * @throws TapstakeError `invalid-rate`, `fee-rate-too-high`; `invalid-argument` if the mempool is too large to fill
 */
export async function fillMempool(node: RegtestNode, { feeRate }: { readonly feeRate: Rate }): Promise<Rate> {
  assertFeeRate(feeRate);
  const megabytes = (await mempoolInfo(node.rpc)).maxmempool / 1_000_000;
  if (megabytes > MOST_MEGABYTES) {
    const text = `the mempool has ${megabytes} MB, which take too long to fill: start the node with maxMempool: 5`;
    throw new TapstakeError("invalid-argument", text, { megabytes });
  }
  const transactions = await fillers(node, feeRate, Math.ceil(megabytes / MEGABYTES_EACH) * 4);
  for (const transaction of transactions) {
    const lowest = await lowestFeeRate(node.rpc);
    if (lowest.numerator * feeRate.denominator >= feeRate.numerator * lowest.denominator) return lowest;
    try {
      await node.send(transaction.toBuffer());
    } catch (error) {
      if (!(error instanceof TapstakeError) || !/mempool full/.test(String(error.details["reason"])))
        throw error;
    }
  }
  const text = `the mempool does not get full at ${formatRate(feeRate)} sat/vB: mine a block, and fill it again`;
  throw new TapstakeError("unexpected-verdict", text);
}

/** Large transactions, each by a coin of its own that anyone may spend. */
async function fillers(node: RegtestNode, feeRate: Rate, count: number): Promise<Transaction[]> {
  const fee = applyRateUp(BigInt(VSIZE), feeRate);
  const witnessScripts = Array.from({ length: count }, (_, i) => anyonesScript(i));
  const coins = await node.fundMany(
    witnessScripts.map((script) => ({
      to: concatBytes(Uint8Array.of(0, 32), sha256(script)),
      satoshi: fee + BigInt(OUTPUTS) * OUTPUT_VALUE,
    })),
  );
  return coins.map((coin, i) => filler(coin, witnessScripts[i]!));
}

function filler({ txid, vout }: Funding, witnessScript: Uint8Array): Transaction {
  const outputs = Array.from({ length: OUTPUTS }, () => ({ script: NUMS, value: OUTPUT_VALUE }));
  const transaction = createTransaction([{ outpoint: { txid, vout }, sequence: FINAL_SEQUENCE }], outputs);
  transaction.setWitness(0, [witnessScript]);
  return transaction;
}

const OP_PUSH_2 = 0x02;
const OP_DROP = 0x75;
const OP_TRUE = 0x51;

/** A number that makes the script and its address differ from the others', and true. */
const anyonesScript = (i: number): Uint8Array =>
  Uint8Array.of(OP_PUSH_2, i & 0xff, 0x40 + (i >> 8), OP_DROP, OP_TRUE);
