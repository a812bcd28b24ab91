import { parseHeader } from "../../bitcoin/header.js";
import type { Outpoint } from "../../bitcoin/transaction.js";
import type { ChainTip } from "../../chain/access.js";
import { createRpc, type Rpc, type RpcOptions } from "../../chain/rpc.js";
import { hex } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import { hashText } from "../outpoint.js";
import type { BlockSource, Located } from "../source.js";

/** How long one call waits for a new block, in milliseconds. */
const WAIT = 20_000;
/** On nodes that cannot be given the known tip, a block between two calls is seen after this time. */
const WAIT_WITHOUT_TIP = 5_000;

/** How many calls a request has: bitcoind answers them one after another, in one of its threads. */
const IN_A_REQUEST = 500;

/** bitcoind's codes: no such block or transaction; a wrong height; a method's help, or pruned data. */
const NOT_FOUND = -5;
const INVALID_PARAMETER = -8;
const MISC_ERROR = -1;

/** The blocks of a bitcoind by RPC: slower than REST, and works with every node. */
export function rpcSource(options: RpcOptions): BlockSource {
  const rpc = createRpc(options);
  return {
    name: rpc.url,
    tip: () => tipOf(rpc),
    async header(hash) {
      return hex.decode(await found(hash, rpc, () => rpc.call<string>("getblockheader", hash, false)));
    },
    hashAt: (height) => hashAt(rpc, height),
    async block(hash) {
      return Buffer.from(await found(hash, rpc, () => rpc.getblockhex(hash)), "hex");
    },
    waitForTip: (known, signal) => waitForTip(options, known, signal),
    headersAfter: (hash, count) => headersAfter(rpc, hash, count),
    locate: (outpoints) => locate(rpc, outpoints),
    isUnspent: async ({ txid, vout }) => (await unspent(rpc, txid, vout)) !== null,
    async isBehind() {
      const { initialblockdownload, headers, blocks } = await rpc.getblockchaininfo();
      return initialblockdownload || headers > blocks;
    },
    lowestBlock: () => lowestBlock(rpc),
  };
}

export async function tipOf(rpc: Rpc): Promise<ChainTip> {
  const { blocks, bestblockhash } = await rpc.getblockchaininfo();
  return { height: blocks, hash: bestblockhash };
}

const hashAt = (rpc: Rpc, height: number): Promise<string | null> => orNone(() => rpc.getblockhash(height));

const hashesAt = (rpc: Rpc, heights: readonly number[]): Promise<string[] | null> =>
  orNone(() =>
    rpc.callEach<string>(
      "getblockhash",
      heights.map((height) => [height]),
    ),
  );

/** Null where the node's best chain has no block at a height that is asked for. */
async function orNone<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (codeOf(error) === INVALID_PARAMETER) return null;
    throw error;
  }
}

/** The next headers of the best chain. A call gives one, so many calls go into one request. */
async function headersAfter(rpc: Rpc, hash: string, count: number): Promise<Uint8Array[]> {
  const known = await found(hash, rpc, () =>
    rpc.call<{ height: number; confirmations: number }>("getblockheader", hash),
  );
  const headers: Uint8Array[] = [];
  if (known.confirmations < 0) return headers;
  const above = Math.min(count, (await rpc.getblockcount()) - known.height);
  let previous = hash;
  while (headers.length < above) {
    const from = known.height + headers.length + 1;
    const heights = Array.from(
      { length: Math.min(IN_A_REQUEST, above - headers.length) },
      (_, i) => from + i,
    );
    const hashes = await hashesAt(rpc, heights);
    // A reorganisation to fewer blocks.
    if (!hashes) return headers;
    const asked = hashes.map((each) => [each, false]);
    for (const header of await rpc.callEach<string>("getblockheader", asked)) {
      const bytes = hex.decode(header);
      // After a reorganisation between two requests, the rest is of another chain.
      if (hashText(bytes.subarray(4, 36)) !== previous) return headers;
      previous = hashText(parseHeader(bytes).hash);
      headers.push(bytes);
    }
  }
  return headers;
}

async function lowestBlock(rpc: Rpc): Promise<number> {
  const { pruned, pruneheight } = await rpc.call<{ pruned?: boolean; pruneheight?: number }>(
    "getblockchaininfo",
  );
  return pruned === true ? (pruneheight ?? 0) : 0;
}

/** A long poll: bitcoind answers when there is another tip. */
export async function waitForTip(options: RpcOptions, known: string, signal: AbortSignal): Promise<ChainTip> {
  const waiting = createRpc({ ...options, timeout: WAIT + 10_000, signal });
  try {
    return await waiting.call<ChainTip>("waitfornewblock", WAIT, known);
  } catch (error) {
    if (codeOf(error) !== MISC_ERROR) throw error;
  }
  // Before it takes the known tip: the node compares with the tip of the moment in which the call arrives.
  const stop = new AbortController();
  const waits = createRpc({ ...options, timeout: WAIT, signal: AbortSignal.any([signal, stop.signal]) });
  const next = waits.call<ChainTip>("waitfornewblock", WAIT_WITHOUT_TIP);
  next.catch(() => {});
  const tip = await tipOf(waiting);
  if (tip.hash === known) return next;
  stop.abort();
  return tip;
}

async function locate(rpc: Rpc, outpoints: readonly Outpoint[]): Promise<Located> {
  for (;;) {
    const tip = await tipOf(rpc);
    const heights: (number | null)[] = [];
    for (const { txid, vout } of outpoints) heights.push(await heightOf(rpc, tip, txid, vout));
    if ((await rpc.getbestblockhash()) === tip.hash) return { tip, heights };
  }
}

async function heightOf(rpc: Rpc, tip: ChainTip, txid: string, vout: number): Promise<number | null> {
  const output = await unspent(rpc, txid, vout);
  if (output) return tip.height - output.confirmations + 1;
  return indexedHeight(rpc, tip, txid);
}

const unspent = (rpc: Rpc, txid: string, vout: number) =>
  rpc.call<{ confirmations: number } | null>("gettxout", txid, vout, false);

/** Of a spent output: where the node keeps an index of all transactions. */
export async function indexedHeight(rpc: Rpc, tip: ChainTip, txid: string): Promise<number | null> {
  try {
    const { confirmations = 0 } = await rpc.call<{ confirmations?: number }>("getrawtransaction", txid, true);
    return confirmations > 0 ? tip.height - confirmations + 1 : null;
  } catch (error) {
    if (codeOf(error) === NOT_FOUND) return null;
    throw error;
  }
}

async function found<T>(hash: string, rpc: Rpc, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    const code = codeOf(error);
    if (code !== NOT_FOUND && code !== MISC_ERROR) throw error;
    throw blockUnavailable(rpc.url, hash, String((error as TapstakeError).details["reason"]), error);
  }
}

export function blockUnavailable(name: string, hash: string, why: string, cause?: unknown): TapstakeError {
  const text = `${name} does not have block ${hash}: ${why}`;
  return new TapstakeError("block-unavailable", text, { source: name, hash, reason: why }, { cause });
}

const codeOf = (error: unknown): unknown =>
  error instanceof TapstakeError && error.code === "node-error" ? error.details["code"] : undefined;
