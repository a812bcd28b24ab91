import type { Rpc } from "../src/chain/index.js";
import { MAX_MONEY } from "../src/core/amount.js";
import { assertInteger, hex } from "../src/core/bytes.js";
import { describeType, TapstakeError } from "../src/core/errors.js";
import { waitFor } from "./wait.js";

/** Which blocks a reorganisation removes, and what comes in their place. */
export interface ReorganisationRequest {
  /** How many blocks of the chain's end are removed: 1 or more. */
  readonly depth: number;
  /** How many are mined in their place: one more than were removed by default. With fewer, the chain gets shorter. */
  readonly blocks?: number;
  /**
   * What the new blocks hold. `"again"`, the default: the mempool, to which the transactions of the removed blocks
   * return. Else exactly these raw transactions in the first new block, and nothing in the others; what the removed
   * blocks held waits in the mempool, unless it conflicts with these.
   */
  readonly transactions?: "again" | readonly (Uint8Array | string)[];
}

/** What a reorganisation removed and added. */
export interface Reorganisation {
  /** The height of the last block that stayed. */
  readonly forkHeight: number;
  /** The hashes of the removed blocks, the lowest first. */
  readonly removed: readonly string[];
  /** The hashes of the blocks in their place, the lowest first. */
  readonly added: readonly string[];
}

/** Makes blocks, and takes them away. */
export interface Miner {
  /** Mines blocks of what is in the mempool; returns their hashes. */
  mine(blocks?: number): Promise<string[]>;
  /**
   * Mines one block of exactly these transactions: consensus decides, relay policy does not. Returns its hash.
   * @throws TapstakeError `node-refused` with `reason`
   */
  mineTransactions(transactions: readonly (Uint8Array | string)[]): Promise<string>;
  /**
   * Removes blocks from the end of the chain and mines others in their place, as a reorganisation does.
   * @throws TapstakeError `invalid-number` for a depth of 0 or beyond the chain; `invalid-argument`; `node-refused`
   * @example
   * ```ts
   * const { removed, added } = await node.reorganise({ depth: 6 });
   * await node.reorganise({ depth: 1, transactions: [unbonding.toBuffer()] });
   * ```
   */
  reorganise(request: ReorganisationRequest): Promise<Reorganisation>;
  /** Makes the node take a block, and all that follow it, for invalid. @throws TapstakeError `node-error` */
  invalidate(block: string): Promise<void>;
  /** Undoes {@link Miner.invalidate}: the chain with the most work wins again. @throws TapstakeError `node-error` */
  reconsider(block: string): Promise<void>;
}

/** After a deeper reorganisation, bitcoind returns to the mempool what the last ten removed blocks held only. */
const MOST_RETURNED = 10;

/** The most blocks that one call mines. */
const MOST_BLOCKS = 100_000;

/** @param reward the address that blocks pay */
export function createMiner(rpc: Rpc, reward: string): Miner {
  const generate = async (address: string, blocks: number) => {
    const hashes = await rpc.generatetoaddress(blocks, address);
    await indexed(rpc);
    return hashes;
  };
  const generateExactly = async (address: string, transactions: readonly (Uint8Array | string)[]) => {
    const hash = await rpc.generateblock(address, transactions.map(toHex));
    await indexed(rpc);
    return hash;
  };
  const judge = async (method: "invalidateblock" | "reconsiderblock", block: string) => {
    hex.decode(block, 32, "block hash");
    await rpc.call(method, block);
    await indexed(rpc);
  };

  return {
    async mine(blocks = 1) {
      assertInteger(blocks, "blocks", 0, MOST_BLOCKS);
      return generate(reward, blocks);
    },
    mineTransactions: (transactions) => generateExactly(reward, transactions),
    invalidate: (block) => judge("invalidateblock", block),
    reconsider: (block) => judge("reconsiderblock", block),

    async reorganise({ depth, blocks = depth + 1, transactions = "again" }) {
      const height = await rpc.getblockcount();
      assertInteger(depth, "depth", 1, height);
      assertInteger(blocks, "blocks", 0, MOST_BLOCKS);
      const forkHeight = height - depth;
      const list = transactions === "again" ? undefined : assertList(transactions, blocks);
      const removed: string[] = [];
      for (let each = forkHeight + 1; each <= height; each++) removed.push(await rpc.getblockhash(each));
      const held = list || depth <= MOST_RETURNED ? [] : await transactionsOf(rpc, removed);
      await judge("invalidateblock", removed[0]!);
      // Another branch that the node knows would come in their place: the new blocks follow the fork itself.
      while ((await rpc.getblockcount()) > forkHeight) {
        await judge("invalidateblock", await rpc.getblockhash(forkHeight + 1));
      }
      for (const each of held) await sendAgain(rpc, each);
      // Another address: at the same second, a block like the removed one would be that invalid block itself.
      const address = await rpc.getnewaddress();
      if (!list) return { forkHeight, removed, added: await generate(address, blocks) };
      const added: string[] = [];
      while (added.length < blocks) {
        added.push(await generateExactly(address, added.length === 0 ? list : []));
      }
      return { forkHeight, removed, added };
    },
  };
}

/**
 * bitcoind tells its indexes and wallets of a block beside the chain, not before a block is done: until they have caught
 * up, `getrawtransaction` may not know what was just mined. A node without the index is not waited for.
 */
export async function indexed(rpc: Rpc): Promise<void> {
  await rpc.call("syncwithvalidationinterfacequeue");
  const height = await rpc.getblockcount();
  await waitFor(
    async () => {
      const { txindex } = await rpc.getindexinfo();
      return !txindex || (txindex.synced && txindex.best_block_height >= height);
    },
    { what: "the transaction index to catch up" },
  );
}

/** The transactions of blocks without the coinbases, in the order of the chain. */
async function transactionsOf(rpc: Rpc, blocks: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const block of blocks) {
    const { tx } = await rpc.call<{ tx: { hex: string }[] }>("getblock", block, 2);
    found.push(...tx.slice(1).map((each) => each.hex));
  }
  return found;
}

/** As bitcoind itself does it: what cannot return, for example as its coinbase is too young now, does not. */
async function sendAgain(rpc: Rpc, transaction: string): Promise<void> {
  try {
    await rpc.sendrawtransaction(transaction, { maxBurn: MAX_MONEY });
  } catch (error) {
    if (!(error instanceof TapstakeError) || error.code !== "node-refused") throw error;
  }
}

function assertList(transactions: unknown, blocks: number): readonly (Uint8Array | string)[] {
  if (!Array.isArray(transactions)) {
    const text = `transactions must be "again" or a list of raw transactions, not ${describeType(transactions)}`;
    throw new TapstakeError("invalid-argument", text);
  }
  if (blocks === 0 && transactions.length > 0) {
    throw new TapstakeError("invalid-argument", "transactions need a block: give blocks as 1 or more");
  }
  return transactions as (Uint8Array | string)[];
}

const toHex = (transaction: Uint8Array | string): string =>
  typeof transaction === "string" ? transaction : hex.encode(transaction);
