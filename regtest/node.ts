import { randomUUID } from "node:crypto";
import { createRpc, type Rpc, type RpcOptions } from "../src/chain/index.js";
import type { Acceptance, TransactionInfo } from "../src/chain/types.js";
import { formatBtc, SATOSHI_PER_BTC } from "../src/core/amount.js";
import { hex } from "../src/core/bytes.js";
import { TapstakeError } from "../src/core/errors.js";
import { assertRegtest, attachableUrl, attachTarget } from "./attach.js";
import { BITCOIND_HELP, findBitcoind } from "./bitcoind.js";
import { startProcess } from "./process.js";
import { waitFor } from "./wait.js";

/** How a node is started. */
export interface StartOptions {
  /** More flags for bitcoind; a node that is attached to keeps its own. */
  readonly args?: readonly string[];
  /** Blocks to mine at the start: 101 by default, so that one coinbase can be spent. */
  readonly blocks?: number;
  /**
   * Bitcoin Core's relay policy on Bitcoin Knots too, whose own relays no witness above 1650 bytes: that of a
   * committee of 20, say.
   */
  readonly corePolicy?: boolean;
  /** The longest wait for bitcoind's first answer, in milliseconds: 60000 by default. */
  readonly deadline?: number;
}

/** An output that was paid and mined. */
export interface Funding {
  readonly txid: string;
  readonly vout: number;
  /** In satoshi. */
  readonly value: bigint;
  readonly script: Uint8Array;
}

/** What to pay, and to whom. */
export interface Payment {
  readonly to: string | Uint8Array;
  readonly satoshi: bigint;
}

/** A private regtest node with a funded wallet. */
export interface RegtestNode {
  /** The node, asked through the harness's own wallet. */
  readonly rpc: Rpc;
  /** For a client of one's own. */
  readonly connection: RpcOptions;
  /** The node's own name, for example `/Satoshi:29.2.0/`. */
  readonly version: string;
  /** Whether the node was there before, as with Docker: then its chain is shared and it is not stopped. */
  readonly attached: boolean;
  height(): Promise<number>;
  /** Mines blocks of what is in the mempool; returns their hashes. */
  mine(blocks?: number): Promise<string[]>;
  /**
   * Mines one block of exactly these transactions: consensus decides, relay policy does not. Returns its hash.
   * @throws TapstakeError `node-refused` with `reason`
   */
  mineTransactions(transactions: readonly (Uint8Array | string)[]): Promise<string>;
  /**
   * Pays an address or a script and mines it (and what else is in the mempool). Mines more coins as needed. The coin is
   * the caller's: where it is one of the node's own wallet, that keeps from paying with it, and signs it all the same.
   */
  fund(to: string | Uint8Array, satoshi: bigint): Promise<Funding>;
  /**
   * Pays many addresses or scripts, each given once, in one transaction and one block: far quicker than one by
   * one. The outputs, in the order of the payments.
   */
  fundMany(payments: readonly Payment[]): Promise<Funding[]>;
  /**
   * Sends a raw transaction to the node; returns its id.
   * @param options.maxBurn the most satoshi that may go to outputs that can never be spent
   * @throws TapstakeError `node-refused` with `reason`
   */
  send(transaction: Uint8Array | string, options?: { maxBurn?: bigint }): Promise<string>;
  /** The mempool's verdict on a raw transaction. */
  accepts(transaction: Uint8Array | string): Promise<Acceptance>;
  /** The address of a descriptor, with or without its checksum, by bitcoind's own reckoning. */
  deriveAddress(descriptor: string): Promise<string>;
  /** Asks until `condition` gives a truthy answer. @throws TapstakeError `wait-timeout` */
  waitFor: typeof waitFor;
  /** Ends the node and removes its data; one that was attached to keeps running. Again does nothing. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a private bitcoind on a free port with a datadir of its own, mines and makes a wallet. It ends with `stop()`,
 * or when this process ends in any way. If there is no bitcoind but a regtest node answers (docker-compose.yml, or
 * TAPSTAKE_REGTEST_URL), that node is used.
 * @throws TapstakeError `bitcoind-not-found`, `node-start-failed`, `wait-timeout`; when attaching `wrong-network`,
 * `node-unreachable`
 * @example
 * ```ts
 * const node = await startNode();
 * const coin = await node.fund(address, 100_000n);
 * await node.stop();
 * ```
 */
export async function startNode(options: StartOptions = {}): Promise<RegtestNode> {
  const backing = await startBacking(options);
  try {
    return await equip(backing, options.blocks ?? 101);
  } catch (error) {
    await backing.stop();
    throw error;
  }
}

/** A node that runs, before it has coins. */
interface Backing {
  readonly connection: RpcOptions;
  readonly attached: boolean;
  readonly wallet: string;
  stop(): Promise<void>;
}

async function startBacking({ args = [], corePolicy, deadline = 60_000 }: StartOptions): Promise<Backing> {
  const target = attachTarget();
  if (target.isExplicit) return attach(target.connection);
  const bitcoind = findBitcoind();
  if (bitcoind) {
    const policy = bitcoind.version.includes("knots") ? knotsPolicy(corePolicy) : [];
    const { connection, stop } = await startProcess(bitcoind.path, [...policy, ...args], deadline);
    return { connection, attached: false, wallet: "tapstake", stop };
  }
  if ((await attachableUrl()) === undefined) throw new TapstakeError("bitcoind-not-found", BITCOIND_HELP);
  return attach(target.connection);
}

/**
 * Options that Bitcoin Core does not know, and does not start with. Bitcoin Knots takes a lock time of 21 as the mark
 * of an overlay protocol, and relays no such transaction. Its own wallet picks lock times from the last hundred
 * heights, 21 included, and does not report that the mempool refused a transaction.
 */
const knotsPolicy = (corePolicy = false): string[] => [
  "-rejectparasites=0",
  ...(corePolicy ? ["-corepolicy"] : []),
];

/** Test files that share one node must not share one wallet. */
async function attach(connection: RpcOptions): Promise<Backing> {
  await assertRegtest(connection);
  const wallet = `tapstake-${randomUUID()}`;
  const stop = async () => {
    await createRpc(connection).unloadwallet(wallet);
  };
  return { connection, attached: true, wallet, stop };
}

async function equip(backing: Backing, blocks: number): Promise<RegtestNode> {
  const plain = createRpc(backing.connection);
  await plain.createwallet(backing.wallet);
  const rpc = plain.wallet(backing.wallet);
  const [{ subversion: version }, reward] = await Promise.all([rpc.getnetworkinfo(), rpc.getnewaddress()]);
  const mine = async (count = 1) => {
    const hashes = await rpc.generatetoaddress(count, reward);
    await indexed(rpc);
    return hashes;
  };
  if (blocks > 0) await mine(blocks);
  const fundMany: RegtestNode["fundMany"] = async (payments) => {
    const named = await Promise.all(
      payments.map(async ({ to, satoshi }) => ({
        address: typeof to === "string" ? to : await addressOf(rpc, to),
        satoshi,
      })),
    );
    await earn(
      rpc,
      mine,
      named.reduce((sum, { satoshi }) => sum + satoshi, 0n),
    );
    const txid = await rpc.sendmany(named);
    await mine();
    const { vout } = await rpc.gettransactioninfo(txid);
    const funded = named.map(({ address }) => findOutput(txid, vout, address));
    // The wallet pays by coins of its own choice, and some of these may be its own.
    await rpc.call(
      "lockunspent",
      false,
      funded.map((each) => ({ txid, vout: each.vout })),
    );
    return funded;
  };

  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= backing.stop());
  return {
    rpc,
    connection: backing.connection,
    version,
    attached: backing.attached,
    height: () => rpc.getblockcount(),
    mine,
    async mineTransactions(transactions) {
      const hash = await rpc.generateblock(reward, transactions.map(toHex));
      await indexed(rpc);
      return hash;
    },
    fund: async (to, satoshi) => (await fundMany([{ to, satoshi }]))[0]!,
    fundMany,
    send: (transaction, { maxBurn = 0n } = {}) => rpc.sendrawtransaction(transaction, { maxBurn }),
    async accepts(transaction) {
      const [verdict] = await rpc.testmempoolaccept([transaction]);
      return verdict!;
    },
    async deriveAddress(descriptor) {
      const { descriptor: checked } = await rpc.getdescriptorinfo(descriptor);
      const [address] = await rpc.deriveaddresses(checked);
      return address!;
    },
    waitFor,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/**
 * bitcoind writes its transaction index beside the chain, not before a block is done: until it has caught up,
 * `getrawtransaction` may not know what was just mined. A node without the index is not waited for.
 */
async function indexed(rpc: Rpc): Promise<void> {
  const height = await rpc.getblockcount();
  await waitFor(
    async () => {
      const { txindex } = await rpc.getindexinfo();
      return !txindex || (txindex.synced && txindex.best_block_height >= height);
    },
    { what: "the transaction index to catch up" },
  );
}

/** What a payment may cost beyond its amount. */
const FEE_RESERVE = 1_000_000n;
/** All the coins that regtest can ever have: 50 BTC a block, halved every 150 blocks. */
const REGTEST_SUPPLY = 15_000n * SATOSHI_PER_BTC;
/** Each block brings one coinbase to age; a hundred must pass before a new wallet's first. */
const BLOCKS_AT_ONCE = 10;
const MOST_BLOCKS = 1000;

/** Mines until the wallet can pay, or until it is clear that the chain is too old to yield that much. */
async function earn(rpc: Rpc, mine: (blocks: number) => Promise<string[]>, satoshi: bigint): Promise<void> {
  const needed = satoshi + FEE_RESERVE;
  let balance = await rpc.getbalance();
  for (let mined = 0; balance < needed; mined += BLOCKS_AT_ONCE) {
    if (needed > REGTEST_SUPPLY || mined >= MOST_BLOCKS) {
      throw new TapstakeError("insufficient-funds", `this regtest chain cannot yield ${formatBtc(satoshi)}`, {
        needed,
        balance,
      });
    }
    await mine(BLOCKS_AT_ONCE);
    balance = await rpc.getbalance();
  }
}

function findOutput(txid: string, vout: TransactionInfo["vout"], address: string): Funding {
  const output = vout.find((candidate) => candidate.scriptPubKey.address === address)!;
  return { txid, vout: output.n, value: output.value, script: hex.decode(output.scriptPubKey.hex) };
}

/** bitcoind pays addresses. @throws TapstakeError `invalid-script` when the script has none */
async function addressOf(rpc: Rpc, script: Uint8Array): Promise<string> {
  const { address, type } = await rpc.decodescript(hex.encode(script));
  if (address === undefined) {
    throw new TapstakeError("invalid-script", `the script must have an address, not be of type ${type}`, {
      type,
    });
  }
  return address;
}

const toHex = (transaction: Uint8Array | string): string =>
  typeof transaction === "string" ? transaction : hex.encode(transaction);
