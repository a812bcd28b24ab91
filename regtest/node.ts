import { createRpc, type Rpc, type RpcOptions } from "../src/chain/index.js";
import type { Acceptance } from "../src/chain/types.js";
import type { Rate } from "../src/core/amount.js";
import { assertInteger } from "../src/core/bytes.js";
import { describeType, TapstakeError } from "../src/core/errors.js";
import { attach, attachableUrl, attachTarget, connectionOf } from "./attach.js";
import { BITCOIND_HELP, type Bitcoind, cachedHome, findBitcoind } from "./bitcoind.js";
import { assertSnapshot, createData, nodeAttached, type NodeData, noData, type Snapshot } from "./data.js";
import { safeFeeRate } from "./fees.js";
import { installBitcoind } from "./install.js";
import { createMiner, type Miner } from "./mining.js";
import { connectNodes, disconnectNodes } from "./peers.js";
import { type NodeProcess, startProcess } from "./process.js";
import { waitFor } from "./wait.js";
import { createPayer, createWallet, type Funding, type Payment } from "./wallet.js";

/** How a node is started. */
export interface StartOptions {
  /** More flags for bitcoind; a node that is attached to keeps its own. */
  readonly args?: readonly string[];
  /** Blocks to mine at the start: 101 by default, so that one coinbase can be spent; 0 with `from`. */
  readonly blocks?: number;
  /**
   * Bitcoin Core's relay policy on Bitcoin Knots too, whose own relays no witness above 1650 bytes: that of a
   * committee of 20, say.
   */
  readonly corePolicy?: boolean;
  /** The longest wait for bitcoind's first answer, in milliseconds: 60000 by default. */
  readonly deadline?: number;
  /**
   * Makes the same chain in each run: keys of the wallet, payments of `fund` and times follow from this text. What
   * tests do must be the same too, and in the same order. The clock stands still; `setTime` moves it.
   */
  readonly seed?: string;
  /** The size of the mempool in megabytes: bitcoind's 300 by default, 5 at the least. A small one can be filled. */
  readonly maxMempool?: number;
  /** Begins with the data of another node at the moment of this snapshot. */
  readonly from?: Snapshot;
  /**
   * A regtest node that runs already, for example `http://127.0.0.1:18443`: it is used in place of a new one, and keeps
   * running. A user and a password can be in it, or be given as `username` and `password`, or as `cookieFile`.
   */
  readonly url?: string;
  readonly username?: string;
  readonly password?: string;
  /** The path of the running node's `.cookie`. */
  readonly cookieFile?: string;
  /**
   * Whether a bitcoind may be downloaded into the user's cache, once, if there is none: yes by default. It is checked
   * before it runs.
   */
  readonly download?: boolean;
}

/** A private regtest node with a funded wallet. */
export interface RegtestNode extends Miner, NodeData {
  /** The node, asked through the harness's own wallet. */
  readonly rpc: Rpc;
  /** For a client of one's own. */
  readonly connection: RpcOptions;
  /** Where it listens for other nodes, for example `127.0.0.1:23456`; undefined for a node that was there before. */
  readonly p2p: string | undefined;
  /** The node's own name, for example `/Satoshi:29.2.0/`. */
  readonly version: string;
  /** Whether the node was there before, as with Docker: then its chain is shared and it is not stopped. */
  readonly attached: boolean;
  height(): Promise<number>;
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
  /** A fee rate that the mempool takes, in sat/vB: twice its lowest, which is 2 sat/vB while it has room. */
  feeRate(): Promise<Rate>;
  /** The address of a descriptor, with or without its checksum, by bitcoind's own reckoning. */
  deriveAddress(descriptor: string): Promise<string>;
  /** Connects the node to another one. @throws TapstakeError `invalid-argument`, `node-attached`, `wait-timeout` */
  connect(other: RegtestNode): Promise<void>;
  /** Ends the node's connection to another one. @throws TapstakeError `invalid-argument`, `wait-timeout` */
  disconnect(other: RegtestNode): Promise<void>;
  /** Sets the node's clock, in Unix seconds; it stands still from then on. @throws TapstakeError `invalid-number` */
  setTime(time: number): Promise<void>;
  /** Asks until `condition` gives a truthy answer. @throws TapstakeError `wait-timeout` */
  waitFor: typeof waitFor;
  /** Ends the node and removes its data; one that was attached to keeps running. Again does nothing. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a private bitcoind on free ports with a folder of its own, mines and makes a wallet. It ends with `stop()`, or
 * when this process ends in any way. If there is no bitcoind, a regtest node that answers is used (docker-compose.yml,
 * or TAPSTAKE_REGTEST_URL), else one is downloaded.
 * @throws TapstakeError `invalid-argument`, `invalid-number`; `bitcoind-not-found`, `node-start-failed`,
 * `wait-timeout`; when attaching `wrong-network`, `node-unreachable`, and `node-attached` for an option that only a
 * node of the harness's own can have
 * @example
 * ```ts
 * const node = await startNode();
 * const coin = await node.fund(address, 100_000n);
 * await node.stop();
 * ```
 */
export async function startNode(options: StartOptions = {}): Promise<RegtestNode> {
  assertOptions(options);
  const backing = await startBacking(options);
  try {
    return await equip(backing, options);
  } catch (error) {
    await backing.stop();
    throw error;
  }
}

/**
 * Starts several private nodes, each connected to the next, with one chain. The first has coins; another one mines its
 * own when `fund` needs them. With a seed, each has keys of its own.
 * @param count 2 to 16
 * @throws TapstakeError as {@link startNode}
 */
export async function startNodes(count: number, options: StartOptions = {}): Promise<RegtestNode[]> {
  assertInteger(count, "count", 2, 16);
  const nodes: RegtestNode[] = [];
  try {
    for (let i = 0; i < count; i++) {
      const seed = options.seed !== undefined && i > 0 ? `${options.seed} ${i}` : options.seed;
      nodes.push(
        await startNode({ ...options, ...(i > 0 && { blocks: 0 }), ...(seed !== undefined && { seed }) }),
      );
      if (nodes[0]!.attached) throw nodeAttached(nodes[0]!.rpc.url);
      if (i > 0) await connectNodes(nodes[i - 1]!, nodes[i]!);
    }
    const block = await nodes[0]!.rpc.getbestblockhash();
    for (const { rpc } of nodes) {
      await waitFor(async () => (await rpc.getbestblockhash()) === block, {
        what: "the nodes to have one chain",
      });
    }
    return nodes;
  } catch (error) {
    await Promise.all(nodes.map((node) => node.stop()));
    throw error;
  }
}

/** A node that runs, before it has coins. */
interface Backing {
  readonly connection: RpcOptions;
  readonly wallet: string;
  readonly clock: { time: number | undefined };
  /** Undefined for a node that was there before. */
  readonly process?: NodeProcess;
  stop(): Promise<void>;
}

/** 2026-01-01, in Unix seconds: where the clock of a node with a seed stands. */
const SEEDED_TIME = 1_767_225_600;

async function startBacking(options: StartOptions): Promise<Backing> {
  const { url, args = [], corePolicy, deadline = 60_000, maxMempool, from } = options;
  if (url !== undefined) return attachWith(connectionOf({ ...options, url }), options);
  const target = attachTarget();
  if (target.isExplicit) return attachWith(target.connection, options);
  const bitcoind =
    findBitcoind() ?? ((await attachableUrl()) === undefined ? await fetched(options) : undefined);
  if (!bitcoind) return attachWith(target.connection, options);
  const clock = { time: from?.time ?? (options.seed === undefined ? undefined : SEEDED_TIME) };
  const flags = [
    ...(bitcoind.version.includes("knots") ? knotsPolicy(corePolicy) : []),
    ...(maxMempool === undefined ? [] : [`-maxmempool=${maxMempool}`]),
    ...args,
  ];
  const process = await startProcess(bitcoind.path, {
    args: () => [...flags, ...(clock.time === undefined ? [] : [`-mocktime=${clock.time}`])],
    deadline,
    from: from?.datadir,
  });
  return { connection: process.connection, wallet: "tapstake", clock, process, stop: process.stop };
}

async function attachWith(
  connection: RpcOptions,
  { seed, from, maxMempool }: StartOptions,
): Promise<Backing> {
  if (seed !== undefined || from !== undefined || maxMempool !== undefined) {
    throw nodeAttached(createRpc(connection).url);
  }
  return { ...(await attach(connection)), clock: { time: undefined } };
}

/** A bitcoind that is downloaded now. @throws TapstakeError `bitcoind-not-found` */
async function fetched({ download = true }: StartOptions): Promise<Bitcoind> {
  if (!download || process.platform === "win32") throw new TapstakeError("bitcoind-not-found", BITCOIND_HELP);
  await installBitcoind(cachedHome(), {
    onStart: (line) => process.stderr.write(`tapstake: ${line}, once\n`),
  });
  const bitcoind = findBitcoind();
  if (!bitcoind) throw new TapstakeError("bitcoind-not-found", BITCOIND_HELP);
  return bitcoind;
}

/**
 * Options that Bitcoin Core does not know, and does not start with. Bitcoin Knots takes a lock time of 21 as the mark
 * of an overlay protocol, and relays no such transaction. Its own wallet picks lock times from the last hundred
 * heights, 21 included, and does not report that the mempool refused a transaction. It does not start when the clock is
 * years after its release. Its blocks have less than a third of the size of Bitcoin Core's, and hold old coins first, whatever they pay.
 */
const knotsPolicy = (corePolicy = false): string[] => [
  "-rejectparasites=0",
  "-softwareexpiry=0",
  "-blockmaxsize=4000000",
  "-blockmaxweight=4000000",
  "-blockprioritysize=0",
  ...(corePolicy ? ["-corepolicy"] : []),
];

async function equip(backing: Backing, options: StartOptions): Promise<RegtestNode> {
  const { connection, wallet, clock, process } = backing;
  const { from, blocks = from ? 0 : 101 } = options;
  const seed = options.seed ?? from?.seed;
  const plain = createRpc(connection);
  if (from) await plain.loadwallet(wallet);
  else await createWallet(plain, wallet, seed);
  const rpc = plain.wallet(wallet);
  const [{ subversion: version }, reward] = await Promise.all([rpc.getnetworkinfo(), rpc.getnewaddress()]);
  const miner = createMiner(rpc, reward);
  if (blocks > 0) await miner.mine(blocks);
  const fundMany = createPayer(rpc, miner, seed !== undefined);
  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= backing.stop());
  const node: RegtestNode = {
    rpc,
    connection,
    p2p: process?.p2p,
    version,
    attached: process === undefined,
    height: () => rpc.getblockcount(),
    ...miner,
    ...(process ? createData({ process, wallet, seed, clock }) : noData(rpc.url)),
    fund: async (to, satoshi) => (await fundMany([{ to, satoshi }]))[0]!,
    fundMany,
    send: (transaction, { maxBurn = 0n } = {}) => rpc.sendrawtransaction(transaction, { maxBurn }),
    async accepts(transaction) {
      const [verdict] = await rpc.testmempoolaccept([transaction]);
      return verdict!;
    },
    feeRate: () => safeFeeRate(rpc),
    async deriveAddress(descriptor) {
      const { descriptor: checked } = await rpc.getdescriptorinfo(descriptor);
      const [address] = await rpc.deriveaddresses(checked);
      return address!;
    },
    connect: (other) => connectNodes(node, other),
    disconnect: (other) => disconnectNodes(node, other),
    async setTime(time) {
      assertInteger(time, "time", 1, 0xffff_ffff);
      await rpc.call("setmocktime", time);
      clock.time = time;
    },
    waitFor,
    stop,
    [Symbol.asyncDispose]: stop,
  };
  return node;
}

/** The least that bitcoind takes, and the most that makes sense on regtest, in megabytes. */
const MEMPOOL = { least: 5, most: 1_000 };

function assertOptions(options: StartOptions): void {
  const { args = [], blocks = 0, deadline = 1, maxMempool = MEMPOOL.least, from } = options;
  assertInteger(blocks, "blocks", 0, 100_000);
  assertInteger(deadline, "deadline", 1, 86_400_000);
  assertInteger(maxMempool, "maxMempool", MEMPOOL.least, MEMPOOL.most);
  if (!Array.isArray(args) || !args.every((arg) => typeof arg === "string")) {
    throw new TapstakeError("invalid-argument", 'args must be a list of texts, for example ["-txindex=0"]');
  }
  for (const name of ["seed", "url", "username", "password", "cookieFile"] as const) {
    const value: unknown = options[name];
    if (value !== undefined && (typeof value !== "string" || value === "")) {
      throw new TapstakeError("invalid-argument", `${name} must be text, not ${describeType(value)}`);
    }
  }
  if (from !== undefined) assertSnapshot(from);
}
