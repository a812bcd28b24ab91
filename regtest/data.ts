import { existsSync } from "node:fs";
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { createRpc, type Rpc } from "../src/chain/index.js";
import { describeType, TapstakeError } from "../src/core/errors.js";
import type { NodeProcess } from "./process.js";

/** A node that goes down and comes back, with its data, or with that of an earlier moment. */

/** How a node is ended. */
export interface HaltOptions {
  /**
   * Whether bitcoind is killed (SIGKILL), as by a power cut; else it ends in order. The blocks so far are written to disk
   * before: bitcoind itself keeps them in memory for an hour, and would lose them.
   */
  readonly kill?: boolean;
}

/** How a node is restarted. */
export interface RestartOptions extends HaltOptions {
  /**
   * What becomes of the transactions in the mempool. `"keep"`, the default: they are there again. `"empty"`: they are
   * gone, those of the node's wallet too.
   */
  readonly mempool?: "keep" | "empty";
}

/** A node's data at one moment. It is gone when the node that made it is stopped. */
export interface Snapshot {
  /** The height of the chain. */
  readonly height: number;
  /** The hash of its last block. */
  readonly block: string;
  /** A copy of bitcoind's datadir. */
  readonly datadir: string;
  /** The node's seed, and its clock in Unix seconds, if it has them. */
  readonly seed?: string;
  readonly time?: number;
}

/** The part of a node that only a process of the harness's own has. */
export interface NodeData {
  /** Ends bitcoind and keeps its data; every call fails with `node-unreachable` until {@link NodeData.restart}. */
  halt(options?: HaltOptions): Promise<void>;
  /**
   * Restarts bitcoind on its data, and starts one that was halted or has crashed. Address, port and wallet stay;
   * connections to other nodes are gone.
   * @throws TapstakeError `node-attached`, `invalid-argument`, `node-start-failed`, `wait-timeout`
   * @example
   * ```ts
   * await node.restart({ kill: true, mempool: "empty" });
   * ```
   */
  restart(options?: RestartOptions): Promise<void>;
  /**
   * Copies the node's data: chain, mempool and wallet. bitcoind restarts for it.
   * @throws TapstakeError as {@link NodeData.restart}
   */
  snapshot(): Promise<Snapshot>;
  /**
   * Puts the node back to the moment of a snapshot. `startNode({ from })` starts another node there.
   * @throws TapstakeError as {@link NodeData.restart}; `invalid-argument` for a snapshot that is gone
   */
  restore(snapshot: Snapshot): Promise<void>;
}

/** What the functions below need of a node. */
export interface DataSource {
  readonly process: NodeProcess;
  readonly wallet: string;
  readonly seed: string | undefined;
  /** The node's clock, which it starts with. */
  readonly clock: { time: number | undefined };
}

export function createData({ process, wallet, seed, clock }: DataSource): NodeData {
  const plain = createRpc(process.connection);
  const datadir = join(process.folder, "data");
  const mempoolFile = join(datadir, "regtest/mempool.dat");
  let snapshots = 0;

  const begin = async (args: readonly string[] = []) => {
    await process.start(args);
    await loadWallet(plain, wallet);
  };
  const halt = async ({ kill = false }: HaltOptions = {}) => {
    if (kill && process.isRunning()) await writeChain(plain);
    await process.halt({ kill });
  };

  return {
    halt,
    async restart({ kill = false, mempool = "keep" } = {}) {
      if (mempool !== "keep" && mempool !== "empty") {
        const text = `mempool must be "keep" or "empty", not ${describeType(mempool)}`;
        throw new TapstakeError("invalid-argument", text);
      }
      const wasRunning = process.isRunning();
      // A bitcoind that ends in order writes it itself.
      if (wasRunning && kill && mempool === "keep") await plain.call("savemempool");
      const hasOwn = !wasRunning || (await unconfirmed(plain.wallet(wallet))).length > 0;
      await halt({ kill });
      if (mempool === "empty") {
        await rm(mempoolFile, { force: true });
        if (hasOwn) {
          // A wallet sends its unconfirmed transactions again when it is loaded, unless it has given them up.
          await begin(["-walletbroadcast=0"]);
          const rpc = plain.wallet(wallet);
          for (const txid of await unconfirmed(rpc)) await rpc.call("abandontransaction", txid);
          await halt();
          await rm(mempoolFile, { force: true });
        }
      }
      await begin();
    },
    async snapshot() {
      if (!process.isRunning()) await begin();
      const [height, block] = [await plain.getblockcount(), await plain.getbestblockhash()];
      await halt();
      const copy = join(process.folder, "snapshots", `${(snapshots += 1)}`);
      await cp(datadir, copy, { recursive: true });
      await begin();
      return {
        height,
        block,
        datadir: copy,
        ...(seed !== undefined && { seed }),
        ...(clock.time !== undefined && { time: clock.time }),
      };
    },
    async restore(snapshot) {
      assertSnapshot(snapshot);
      await process.halt({ kill: true });
      await rm(datadir, { recursive: true });
      await cp(snapshot.datadir, datadir, { recursive: true });
      clock.time = snapshot.time;
      await begin();
    },
  };
}

/** The same for a node that the harness attached to: its owner has its data. */
export function noData(url: string): NodeData {
  const refuse = () => Promise.reject(nodeAttached(url));
  return { halt: refuse, restart: refuse, snapshot: refuse, restore: refuse };
}

export function nodeAttached(url: string): TapstakeError {
  const text = `the node at ${url} was not started by the harness: start one with startNode() to end, restart or copy it`;
  return new TapstakeError("node-attached", text, { url });
}

/** @throws TapstakeError `invalid-argument` */
export function assertSnapshot(snapshot: unknown): asserts snapshot is Snapshot {
  const { datadir } = (snapshot ?? {}) as Partial<Snapshot>;
  if (typeof datadir !== "string") {
    throw new TapstakeError("invalid-argument", `a snapshot is needed, not ${describeType(snapshot)}`);
  }
  if (!existsSync(datadir)) {
    const text = "the snapshot is gone with the node that made it: stop that node later, or make another one";
    throw new TapstakeError("invalid-argument", text, { datadir });
  }
}

async function loadWallet(plain: Rpc, wallet: string): Promise<void> {
  const loaded = await plain.call<string[]>("listwallets");
  if (!loaded.includes(wallet)) await plain.loadwallet(wallet);
}

/** bitcoind writes its chain before it counts the coins. One that does not answer is killed all the same. */
async function writeChain(plain: Rpc): Promise<void> {
  try {
    await plain.call("gettxoutsetinfo", "none");
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
  }
}

/** The wallet's transactions that are in no block, and that it has not given up. */
async function unconfirmed(rpc: Rpc): Promise<string[]> {
  const list = await rpc.call<{ txid: string; confirmations: number; abandoned?: boolean }[]>(
    "listtransactions",
    "*",
    1_000_000,
  );
  const waiting = list.filter(({ confirmations, abandoned }) => confirmations === 0 && abandoned !== true);
  return [...new Set(waiting.map(({ txid }) => txid))];
}
