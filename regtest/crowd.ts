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
  /** How many blocks they fill: 1 by default, 20 at the most. */
  readonly blocks?: number;
}

/** Each fills an eleventh of a block but for a few virtual bytes (90,699 of 998,000); nodes relay up to 100,000 virtual bytes. */
const LARGE = { outputs: 2_108, each: 11 };
/** What some versions of bitcoind leave of a block is filled by small ones, smaller than any payment of a wallet. */
const SMALL = { outputs: 1, each: 12 };
/** In satoshi; above dust. */
const OUTPUT_VALUE = 1_000n;
/** The point of BIP-341 whose secret is unknown: the coins are gone. */
const NUMS = taprootScript(hex.decode("50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0"));

/**
 * Puts transactions of others into the mempool, which pay `feeRate` and fill blocks: what pays less waits until these are
 * mined. It mines one block first. Returns their ids.
 * @throws TapstakeError `invalid-rate`, `fee-rate-too-high`, `invalid-number`, `node-refused` if the mempool is full
 * @example
 * ```ts
 * await crowd(node, { feeRate: parseRate("300"), blocks: 3 }); // for three blocks, 300 sat/vB is the price
 * ```
 */
export async function crowd(node: RegtestNode, { feeRate, blocks = 1 }: CrowdRequest): Promise<string[]> {
  assertFeeRate(feeRate);
  assertInteger(blocks, "blocks", 1, 20);
  const of = ({ outputs, each }: typeof LARGE) => Array<number>(blocks * each).fill(outputs);
  // The large ones come first in a block: it cannot leave one of them out for small ones.
  const more = { numerator: feeRate.numerator + feeRate.denominator, denominator: feeRate.denominator };
  const plans = [
    ...of(LARGE).map((outputs) => ({ outputs, rate: more })),
    ...of(SMALL).map((outputs) => ({ outputs, rate: feeRate })),
  ];
  const txids: string[] = [];
  for (const each of await fillers(node, plans)) txids.push(await node.send(each.toBuffer()));
  return txids;
}

/** The largest mempool that {@link fillMempool} fills, in megabytes. */
const MOST_MEGABYTES = 50;
/** A large transaction takes more of the mempool's memory, in megabytes. */
const MEGABYTES_EACH = 0.09;

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
  const count = Math.ceil(megabytes / MEGABYTES_EACH);
  const plan = { outputs: LARGE.outputs, rate: feeRate };
  const transactions = await fillers(
    node,
    Array.from({ length: count }, () => plan),
  );
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

/** A transaction to make: how many outputs, and the fee rate in sat/vB. */
interface Plan {
  readonly outputs: number;
  readonly rate: Rate;
}

/** Transactions, each by a coin of its own that anyone may spend. */
async function fillers(node: RegtestNode, plans: readonly Plan[]): Promise<Transaction[]> {
  const sizeOf = ({ outputs }: Plan) => filler(SOME_COIN, anyonesScript(0), outputs).virtualSize();
  const sizes = new Map<number, number>();
  for (const plan of plans) if (!sizes.has(plan.outputs)) sizes.set(plan.outputs, sizeOf(plan));
  const coins = await node.fundMany(
    plans.map(({ outputs, rate }, i) => ({
      to: concatBytes(Uint8Array.of(0, 32), sha256(anyonesScript(i))),
      satoshi: applyRateUp(BigInt(sizes.get(outputs)!), rate) + BigInt(outputs) * OUTPUT_VALUE,
    })),
  );
  return coins.map((coin, i) => filler(coin, anyonesScript(i), plans[i]!.outputs));
}

const SOME_COIN = { txid: "11".repeat(32), vout: 0 };

function filler(
  { txid, vout }: Pick<Funding, "txid" | "vout">,
  witnessScript: Uint8Array,
  outputs: number,
): Transaction {
  const transaction = createTransaction(
    [{ outpoint: { txid, vout }, sequence: FINAL_SEQUENCE }],
    Array.from({ length: outputs }, () => ({ script: NUMS, value: OUTPUT_VALUE })),
  );
  transaction.setWitness(0, [witnessScript]);
  return transaction;
}

const OP_PUSH_2 = 0x02;

/** A number above 0, which is true, and differs from the others': so does the address. */
const anyonesScript = (i: number): Uint8Array => Uint8Array.of(OP_PUSH_2, i & 0xff, 0x40 + (i >> 8));
