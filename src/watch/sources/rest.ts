import * as v from "valibot";
import { HEADER_LENGTH } from "../../bitcoin/header.js";
import type { Outpoint } from "../../bitcoin/transaction.js";
import type { ChainTip } from "../../chain/access.js";
import { createRpc, type RpcOptions } from "../../chain/rpc.js";
import { TapstakeError } from "../../core/errors.js";
import { hashText } from "../outpoint.js";
import type { BlockSource, Located } from "../source.js";
import { pause } from "../pause.js";
import { type Answer, byNode, createServer, saidBy, type Server } from "./http.js";
import { blockUnavailable, indexedHeight, waitForTip } from "./rpc.js";

/** A bitcoind that was started with `-rest`. */
export interface RestOptions {
  /** For example `http://127.0.0.1:8332`. */
  readonly url: string;
  /**
   * The same node's RPC: then a new block is seen at once, by a long poll. Without it, the node is asked every second.
   */
  readonly rpc?: RpcOptions;
  /** How long to wait for an answer, in milliseconds: 30000 by default. */
  readonly timeout?: number;
}

const POLL = 1_000;
/** What bitcoind takes at most. */
const MOST_HEADERS = 2_000;
const MOST_OUTPOINTS = 15;

/** The blocks of a bitcoind by REST, as raw bytes. It has no password, so it must not be open to others. */
export function restSource({ url, rpc: rpcOptions, timeout = 30_000 }: RestOptions): BlockSource {
  const server = createServer(url, timeout, byNode);
  const rpc = rpcOptions && createRpc(rpcOptions);
  const info = async () => readJson(await ok(server, "rest/chaininfo.json"), infoForm, server);
  const tip = async (): Promise<ChainTip> => {
    const { blocks, bestblockhash } = await info();
    return { height: blocks, hash: bestblockhash };
  };
  const headers = async (hash: string, count: number): Promise<Uint8Array[]> => {
    const path = `rest/headers/${count}/${hash}.bin`;
    const answer = await server.get(path);
    if (answer.status === 404) throw blockUnavailable(server.url, hash, saidBy(answer));
    const { bytes } = accepted(answer, path, server);
    return Array.from({ length: Math.floor(bytes.length / HEADER_LENGTH) }, (_, i) =>
      bytes.slice(i * HEADER_LENGTH, (i + 1) * HEADER_LENGTH),
    );
  };
  return {
    name: server.url,
    tip,
    async header(hash) {
      // Of a block outside of the best chain, the list is empty, but the block itself is there.
      const [header] = await headers(hash, 1);
      return header ?? (await blockOf(server, hash)).subarray(0, HEADER_LENGTH);
    },
    async hashAt(height) {
      const answer = await server.get(`rest/blockhashbyheight/${height}.bin`);
      // Without words, it is the answer of a node that has no REST.
      if (answer.status === 404 && saidBy(answer) !== "") return null;
      return hashText(accepted(answer, "blockhashbyheight", server).bytes);
    },
    block: (hash) => blockOf(server, hash),
    async waitForTip(known, signal) {
      if (rpcOptions) return waitForTip(rpcOptions, known, signal);
      for (;;) {
        const now = await tip();
        if (now.hash !== known || signal.aborted) return now;
        await pause(POLL, signal);
      }
    },
    headersAfter: async (hash, count) => (await headers(hash, Math.min(count + 1, MOST_HEADERS))).slice(1),
    async locate(outpoints) {
      for (;;) {
        const found = await locate(server, outpoints);
        if (!found) continue;
        if (!rpc) return found;
        const heights: (number | null)[] = [];
        for (const [i, height] of found.heights.entries()) {
          heights.push(height ?? (await indexedHeight(rpc, found.tip, outpoints[i]!.txid)));
        }
        if ((await tip()).hash === found.tip.hash) return { tip: found.tip, heights };
      }
    },
    async isUnspent(outpoint) {
      const found = await locate(server, [outpoint]);
      return found!.heights[0] !== null;
    },
    async isBehind() {
      const { initialblockdownload, headers: known, blocks } = await info();
      return initialblockdownload || known > blocks;
    },
    async lowestBlock() {
      const { pruned, pruneheight } = await info();
      return pruned ? (pruneheight ?? 0) : 0;
    },
  };
}

async function blockOf(server: Server, hash: string): Promise<Uint8Array> {
  const path = `rest/block/${hash}.bin`;
  const answer = await server.get(path);
  if (answer.status === 404)
    throw blockUnavailable(server.url, hash, saidBy(answer) || "REST is not enabled");
  return accepted(answer, path, server).bytes;
}

/** Heights of unspent outputs, all at one tip; null when the tip changed meanwhile. */
async function locate(server: Server, outpoints: readonly Outpoint[]): Promise<Located | null> {
  const heights: (number | null)[] = [];
  let tip: ChainTip | undefined;
  for (let i = 0; i === 0 || i < outpoints.length; i += MOST_OUTPOINTS) {
    const part = outpoints.slice(i, i + MOST_OUTPOINTS).map(({ txid, vout }) => `${txid}-${vout}`);
    const answer = readJson(await ok(server, `rest/getutxos/${part.join("/")}.json`), utxosForm, server);
    if (tip && tip.hash !== answer.chaintipHash) return null;
    tip = { height: answer.chainHeight, hash: answer.chaintipHash };
    const found = [...answer.utxos];
    for (const bit of answer.bitmap) heights.push(bit === "1" ? (found.shift()?.height ?? null) : null);
  }
  return { tip: tip!, heights };
}

const ok = async (server: Server, path: string): Promise<Answer> =>
  accepted(await server.get(path), path, server);

function accepted(answer: Answer, path: string, server: Server): Answer {
  if (answer.status === 200) return answer;
  const reason = saidBy(answer);
  const why =
    answer.status === 404 && reason === "" ? "REST is not enabled: start bitcoind with -rest" : reason;
  const text = `${path}: ${why || "no reason given"} (HTTP status ${answer.status})`;
  throw new TapstakeError("node-error", text, { url: server.url, path, status: answer.status, reason: why });
}

function readJson<Schema extends v.GenericSchema>(answer: Answer, form: Schema, server: Server) {
  try {
    const result = v.safeParse(form, JSON.parse(new TextDecoder().decode(answer.bytes)));
    if (result.success) return result.output as v.InferOutput<Schema>;
  } catch {
    // Not JSON: the same as JSON of another form.
  }
  throw new TapstakeError("node-unreachable", `${server.url} did not answer as a bitcoind does`, {
    url: server.url,
  });
}

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const infoForm = v.object({
  blocks: count,
  headers: v.optional(count, 0),
  bestblockhash: hash,
  initialblockdownload: v.optional(v.boolean(), false),
  pruned: v.boolean(),
  pruneheight: v.optional(count),
});
const utxosForm = v.object({
  chainHeight: count,
  chaintipHash: hash,
  bitmap: v.string(),
  utxos: v.array(v.object({ height: count })),
});
