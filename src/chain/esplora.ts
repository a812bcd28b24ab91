import * as v from "valibot";
import type { Transaction } from "../bitcoin/transaction-class.js";
import { outputAt, parseTransaction, toOutpoint } from "../bitcoin/transaction.js";
import { MAX_MONEY, type Rate } from "../core/amount.js";
import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import type { ChainAccess } from "./access.js";
import { ask, DEFAULT_TIMEOUT, MAX_ANSWER, parseLossless, parseUrl } from "./http.js";

/** Where the server is, and how long to wait. */
export interface EsploraOptions {
  /** For example `https://blockstream.info/api`. */
  readonly url: string;
  /** How long to wait for an answer, in milliseconds: 30000 by default. */
  readonly timeout?: number;
  /** The most bytes of an answer: 64 MiB by default. A longer one is `unexpected-answer`. */
  readonly maxAnswer?: number;
}

/** Whether a block holds something, and which. */
export interface EsploraStatus {
  readonly confirmed: boolean;
  readonly height?: number;
  readonly blockHash?: string;
}

/** Where an output was spent. */
export interface EsploraOutspend {
  readonly spent: boolean;
  readonly txid?: string;
  readonly vin?: number;
}

/** An unspent output of an address, as Esplora lists it. */
export interface EsploraUtxo {
  readonly txid: string;
  readonly vout: number;
  /** Satoshi. */
  readonly value: bigint;
  readonly status: EsploraStatus;
}

/**
 * The calls of an Esplora server (Blockstream's, mempool.space, one's own), typed. Everything throws
 * `node-unreachable` (no answer, or not from an Esplora server) and `node-error` (its own error, with `status` and
 * `reason`).
 */
export interface Esplora {
  readonly url: string;
  /** @throws TapstakeError `node-refused` with the node's `reason` */
  broadcast(transaction: Uint8Array): Promise<string>;
  /** Null when the server does not know it. */
  transaction(txid: string): Promise<Transaction | null>;
  status(txid: string): Promise<EsploraStatus>;
  /** Null when the transaction is in no block that the server knows. */
  merkleBlock(txid: string): Promise<Uint8Array | null>;
  outspend(txid: string, vout: number): Promise<EsploraOutspend>;
  utxos(address: string): Promise<EsploraUtxo[]>;
  /** By the number of blocks within which to be mined: satoshi per virtual byte. */
  feeEstimates(): Promise<ReadonlyMap<number, Rate>>;
  tipHeight(): Promise<number>;
  blockHash(height: number): Promise<string>;
}

/** A client of an Esplora server's own interface. @throws TapstakeError `node-unreachable` when the URL is none */
export function createEsplora({
  url,
  timeout = DEFAULT_TIMEOUT,
  maxAnswer: limit = MAX_ANSWER,
}: EsploraOptions): Esplora {
  const { endpoint, credentials } = parseUrl(url);
  const { username, password } = credentials ?? {};
  const basic = btoa(String.fromCharCode(...new TextEncoder().encode(`${username}:${password}`)));
  const headers = credentials && { authorization: `Basic ${basic}` };
  const request = (path: string, init?: RequestInit) =>
    ask({ endpoint, path, name: path, timeout, limit, init: { ...init, ...(headers && { headers }) } });

  const read = async <Schema extends v.GenericSchema>(path: string, schema: Schema) => {
    const { status, text } = await request(path);
    if (status !== 200) throw serverError(path, status, text);
    return conform(schema, parseAnswer(text), path);
  };
  const conform = <Schema extends v.GenericSchema>(schema: Schema, value: unknown, path: string) => {
    const result = v.safeParse(schema, value);
    if (result.success) return result.output as v.InferOutput<Schema>;
    const text = `${path}: ${endpoint} did not answer as an Esplora server does`;
    throw new TapstakeError("node-unreachable", text, { url: endpoint, path });
  };

  return {
    url: endpoint,
    async broadcast(transaction) {
      const { status, text } = await request("tx", { method: "POST", body: hex.encode(transaction) });
      if (status === 200) return conform(hash, text.trim(), "tx");
      if (status === 400) throw refusal(text);
      throw serverError("tx", status, text);
    },
    async transaction(txid) {
      const path = `tx/${txid}/hex`;
      const { status, text } = await request(path);
      if (status === 404) return null;
      if (status !== 200) throw serverError(path, status, text);
      const raw = conform(hexadecimal, text.trim(), path);
      const transaction = conform(v.pipe(v.string(), v.rawTransform(asTransaction)), raw, path);
      // What it is asked for is what everything else is reckoned from.
      conform(v.literal(txid), transaction.getId(), path);
      return transaction;
    },
    status: (txid) => read(`tx/${txid}/status`, statusForm),
    async merkleBlock(txid) {
      const path = `tx/${txid}/merkleblock-proof`;
      const { status, text } = await request(path);
      if (status === 404) return null;
      if (status !== 200) throw serverError(path, status, text);
      return hex.decode(conform(hexadecimal, text.trim(), path));
    },
    outspend: (txid, vout) => read(`tx/${txid}/outspend/${vout}`, outspendForm),
    utxos: (address) => read(`address/${encodeURIComponent(address)}/utxo`, v.array(utxoForm)),
    feeEstimates: () => read("fee-estimates", estimatesForm),
    tipHeight: () => read("blocks/tip/height", integer),
    async blockHash(height) {
      const path = `block-height/${height}`;
      const { status, text } = await request(path);
      if (status !== 200) throw serverError(path, status, text);
      return conform(hash, text.trim(), path);
    },
  };
}

/** An Esplora server as {@link ChainAccess}. */
export function esploraAccess(options: EsploraOptions): ChainAccess {
  const esplora = createEsplora(options);
  const depth = async ({ height }: EsploraStatus, tip?: number) =>
    height === undefined ? 0 : Math.max(1, (tip ?? (await esplora.tipHeight())) - height + 1);
  return {
    url: esplora.url,
    genesis: () => esplora.blockHash(0),
    async tip() {
      const height = await esplora.tipHeight();
      return { height, hash: await esplora.blockHash(height) };
    },
    async transaction(txid) {
      const transaction = await esplora.transaction(txid);
      return transaction && { transaction, confirmations: await depth(await esplora.status(txid)) };
    },
    previousTransaction: async (outpoint) => esplora.transaction(toOutpoint(outpoint).txid),
    merkleBlock: (txid) => esplora.merkleBlock(txid),
    async unspent(outpoint) {
      const { txid, vout } = toOutpoint(outpoint);
      const transaction = await esplora.transaction(txid);
      if (!transaction?.outs[vout]) return null;
      const { spent } = await esplora.outspend(txid, vout);
      if (spent) return null;
      const confirmations = await depth(await esplora.status(txid));
      return { ...outputAt(transaction, vout), confirmations };
    },
    async coins(address) {
      const utxos = await esplora.utxos(address);
      const tip = utxos.length === 0 ? 0 : await esplora.tipHeight();
      return Promise.all(
        utxos.map(async ({ txid, vout, value, status }) => ({
          outpoint: toOutpoint({ txid, vout }),
          value,
          confirmations: await depth(status, tip),
        })),
      );
    },
    async feeRate(blocks) {
      const estimates = await esplora.feeEstimates();
      // The servers estimate for some numbers of blocks: the next one that is not slower than asked.
      const within = Math.max(...[...estimates.keys()].filter((target) => target <= blocks));
      const rate = estimates.get(within);
      if (!rate) throw new TapstakeError("no-fee-estimate", `${esplora.url} has no estimate of what to pay`);
      return rate;
    },
    broadcast: (transaction) => esplora.broadcast(transaction.toBuffer()),
  };
}

const integer = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const hexadecimal = v.pipe(v.string(), v.regex(/^(?:[0-9a-f]{2})+$/));
const hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const satoshi = v.pipe(
  integer,
  v.transform((value) => BigInt(value)),
  v.maxValue(MAX_MONEY),
);

const statusForm = v.pipe(
  v.union([
    v.object({ confirmed: v.literal(true), block_height: integer, block_hash: hash }),
    v.object({ confirmed: v.literal(false) }),
  ]),
  v.transform((status): EsploraStatus =>
    status.confirmed
      ? { confirmed: true, height: status.block_height, blockHash: status.block_hash }
      : { confirmed: false },
  ),
);
const outspendForm = v.union([
  v.object({ spent: v.literal(true), txid: hash, vin: integer }),
  v.object({ spent: v.literal(false) }),
]);
const utxoForm = v.object({ txid: hash, vout: integer, value: satoshi, status: statusForm });

/** A decimal number, as text where it has decimals, rounded up to thousandths: a fee is never below its rate. */
const rateForm = v.pipe(
  v.union([integer, v.pipe(v.string(), v.regex(/^\d{1,9}(?:\.\d+)?$/))]),
  v.transform((value): Rate => {
    const [whole, decimals = ""] = String(value).split(".") as [string, string?];
    const rest = decimals.slice(3).replace(/0+$/, "") === "" ? 0n : 1n;
    return { numerator: BigInt(whole + decimals.slice(0, 3).padEnd(3, "0")) + rest, denominator: 1000n };
  }),
  v.check(({ numerator }) => numerator > 0n),
);
const estimatesForm = v.pipe(
  // To valibot a list is a record, whose first key is 0.
  v.record(v.pipe(v.string(), v.regex(/^[1-9]\d{0,4}$/)), rateForm),
  v.transform((rates) => new Map(Object.entries(rates).map(([blocks, rate]) => [Number(blocks), rate]))),
);

function asTransaction({ dataset, addIssue, NEVER }: v.RawTransformContext<string>): Transaction {
  try {
    return parseTransaction(hex.decode(dataset.value));
  } catch (error) {
    addIssue({ message: (error as Error).message });
    return NEVER;
  }
}

/** JSON, or undefined: no form takes that. */
function parseAnswer(text: string): unknown {
  try {
    return parseLossless(text);
  } catch {
    return undefined;
  }
}

/** The longest reason that is repeated: a web page is none. */
const REASON_LENGTH = 200;

function serverError(path: string, status: number, text: string): TapstakeError {
  const reason = text.trim().slice(0, REASON_LENGTH);
  return new TapstakeError("node-error", `${path}: ${reason || "no reason given"} (HTTP status ${status})`, {
    path,
    status,
    reason,
  });
}

/** Esplora passes on what bitcoind said: `sendrawtransaction RPC error: {"code":-26,"message":"…"}`. */
function refusal(text: string): TapstakeError {
  const quoted = /"message"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(text)?.[1];
  const said = quoted === undefined ? undefined : parseAnswer(quoted);
  const reason = typeof said === "string" ? said : text.trim().slice(0, REASON_LENGTH);
  return new TapstakeError("node-refused", `the node refused the transaction: ${reason}`, { reason });
}
