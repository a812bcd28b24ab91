import { base64 } from "@scure/base";
import * as v from "valibot";
import { TapstakeError } from "../core/errors.js";
import { hexadecimal } from "./forms.js";
import type { Server } from "./lcd.js";

/** What a node made of a transaction that it was given. It is in no block yet. */
export type Verdict =
  | { readonly kind: "taken" }
  | { readonly kind: "refused"; readonly codespace: string; readonly code: number; readonly log: string }
  /** The node may have taken it: only the chain can tell. */
  | { readonly kind: "unclear"; readonly error: TapstakeError };

/** A transaction that a node has already: as good as taken. */
const IN_CACHE = { codespace: "sdk", code: 19 } as const;

/** Hands a signed transaction to a node, over RPC where there is one, else over the LCD. Nothing is thrown. */
export async function broadcast(
  { lcd, rpc }: { readonly lcd: Server; readonly rpc?: Server | undefined },
  raw: Uint8Array,
  txhash: string,
): Promise<Verdict> {
  try {
    const said = rpc ? await overRpc(rpc, raw) : await overLcd(lcd, raw);
    const { codespace, code, log, hash } = said;
    if (hash !== undefined && hash.toUpperCase() !== txhash) {
      const server = rpc ?? lcd;
      return { kind: "unclear", error: server.mismatch("", "hash", txhash) };
    }
    if (code === 0 || (codespace === IN_CACHE.codespace && code === IN_CACHE.code)) return { kind: "taken" };
    return { kind: "refused", codespace, code, log };
  } catch (error) {
    if (error instanceof TapstakeError) return { kind: "unclear", error };
    throw error;
  }
}

interface Said {
  readonly codespace: string;
  readonly code: number;
  readonly log: string;
  readonly hash?: string;
}

async function overLcd(lcd: Server, raw: Uint8Array): Promise<Said> {
  const body = { tx_bytes: base64.encode(raw), mode: "BROADCAST_MODE_SYNC" };
  const { tx_response } = await lcd.post("cosmos/tx/v1beta1/txs", body, v.object({ tx_response: lcdForm }));
  const { txhash: hash, codespace, code, raw_log: log } = tx_response;
  return { hash, codespace, code, log };
}

async function overRpc(rpc: Server, raw: Uint8Array): Promise<Said> {
  const body = { jsonrpc: "2.0", id: 1, method: "broadcast_tx_sync", params: { tx: base64.encode(raw) } };
  const answer = await rpc.post("", body, rpcForm);
  if (answer.result) return answer.result;
  const { code, message, data } = answer.error!;
  const log = `${message}: ${data}`.slice(0, LONGEST_REASON);
  // CometBFT's own answers come as errors of JSON-RPC; the LCD gives them these codes.
  const [, known] = COMETBFT.find(([text]) => log.includes(text)) ?? [];
  if (known !== undefined) return { codespace: "sdk", code: known, log };
  const about = { url: rpc.url, path: "broadcast_tx_sync", code, reason: log };
  throw new TapstakeError("node-error", `${rpc.url}: broadcast_tx_sync: ${log}`, about);
}

const COMETBFT = [
  ["tx already exists in cache", 19],
  ["mempool is full", 20],
  ["Tx too large", 21],
] as const;

/** The longest text of a server that is repeated. */
const LONGEST_REASON = 500;

const text = v.nullish(v.string(), "");
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const lcdForm = v.object({ txhash: hexadecimal, codespace: text, code: count, raw_log: text });
const rpcForm = v.pipe(
  v.object({
    result: v.nullish(v.object({ hash: hexadecimal, codespace: text, code: count, log: text })),
    error: v.nullish(v.object({ code: v.number(), message: v.string(), data: text })),
  }),
  v.check(({ result, error }) => !result !== !error, "a result or an error"),
);
