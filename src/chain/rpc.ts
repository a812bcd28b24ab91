import { formatBtc, parseBtc } from "../core/amount.js";
import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { createTransport, type RpcOptions } from "./rpc-transport.js";
import type {
  Acceptance,
  BlockchainInfo,
  BlockInfo,
  DecodedScript,
  DescriptorInfo,
  HeaderInfo,
  ImportRequest,
  ImportResult,
  IndexInfo,
  MempoolEntry,
  NetworkInfo,
  ProcessedPsbt,
  ScannedOutput,
  SendOptions,
  TransactionInfo,
  UnspentOutput,
  UtxoInfo,
} from "./types.js";

export type { RpcOptions } from "./rpc-transport.js";

/**
 * bitcoind's RPC methods under their own names, typed. Amounts are satoshi as bigint; transactions, scripts and
 * hashes are hexadecimal as the node writes them. Everything throws `node-unreachable` and `node-error`.
 */
export interface Rpc {
  /** The node's address, without credentials. */
  readonly url: string;
  /** The same node, asked through one of its wallets. */
  wallet(name: string): Rpc;
  /**
   * Any method. Numbers with decimals come as text (`"0.00010000"`), so that no amount passes through a float;
   * `parseBtc` reads them.
   */
  call<T = unknown>(method: string, ...params: readonly unknown[]): Promise<T>;
  /**
   * One method with many lists of parameters, in one request. Returns the results in their order.
   * @throws TapstakeError the node's own error for the first call that has one
   */
  callEach<T = unknown>(method: string, calls: readonly (readonly unknown[])[]): Promise<T[]>;

  getblockchaininfo(): Promise<BlockchainInfo>;
  getnetworkinfo(): Promise<NetworkInfo>;
  /** How far each index that the node keeps has come. */
  getindexinfo(): Promise<Partial<Record<string, IndexInfo>>>;
  getblockcount(): Promise<number>;
  getbestblockhash(): Promise<string>;
  getblockhash(height: number): Promise<string>;
  /** What the node knows of a block without its transactions. */
  getblockheader(hash: string): Promise<HeaderInfo>;
  /** The block and the ids of its transactions. */
  getblock(hash: string): Promise<BlockInfo>;
  /** The serialised block. */
  getblockhex(hash: string): Promise<string>;
  /** The raw transaction; one that is mined is found with `-txindex` only. */
  getrawtransaction(txid: string): Promise<string>;
  /** The same, decoded. */
  gettransactioninfo(txid: string): Promise<TransactionInfo>;
  /** The part of a block's Merkle tree that leads to a transaction, behind the block's header (BIP-37). */
  gettxoutproof(txid: string): Promise<string>;
  /** An unspent output, the mempool included; null when it is spent or unknown. */
  gettxout(txid: string, vout: number): Promise<UtxoInfo | null>;
  /**
   * The unspent outputs in blocks that descriptors describe, from all that there are: on mainnet it takes minutes.
   * @throws TapstakeError `node-error` when another client aborts the scan
   */
  scantxoutset(descriptors: readonly string[]): Promise<ScannedOutput[]>;
  getrawmempool(): Promise<string[]>;
  getmempoolentry(txid: string): Promise<MempoolEntry>;

  /**
   * Hands a transaction to the node, which relays it; returns its id. Only Bitcoin Core 25 and later take `maxBurn`.
   * @throws TapstakeError `node-refused` with the node's `reason`
   */
  sendrawtransaction(transaction: string | Uint8Array, options?: SendOptions): Promise<string>;
  /** Whether the mempool would take each transaction, and why not. The fee rate is not limited. */
  testmempoolaccept(transactions: readonly (string | Uint8Array)[]): Promise<Acceptance[]>;
  /** Hands a whole block to the node. @throws TapstakeError `node-refused` */
  submitblock(block: string): Promise<void>;
  /** Mines blocks of what is in the mempool; returns their hashes. Regtest only, as is the next. */
  generatetoaddress(blocks: number, address: string): Promise<string[]>;
  /**
   * Mines one block of exactly these raw transactions: consensus decides, relay policy does not.
   * @throws TapstakeError `node-refused` with the node's `reason`
   */
  generateblock(address: string, transactions: readonly string[]): Promise<string>;

  getdescriptorinfo(descriptor: string): Promise<DescriptorInfo>;
  /** The addresses of a descriptor that has its checksum. */
  deriveaddresses(descriptor: string): Promise<string[]>;
  decodescript(script: string): Promise<DecodedScript>;
  validateaddress(address: string): Promise<{ isvalid: boolean; scriptPubKey?: string }>;

  createwallet(name: string): Promise<void>;
  loadwallet(name: string): Promise<void>;
  unloadwallet(name: string): Promise<void>;
  getnewaddress(type?: "bech32" | "bech32m"): Promise<string>;
  /** Confirmed and spendable coins of the wallet, in satoshi. */
  getbalance(): Promise<bigint>;
  /** Pays `satoshi` from the wallet; returns the transaction's id. */
  sendtoaddress(address: string, satoshi: bigint): Promise<string>;
  /** Pays several addresses, each named once, in one transaction; returns its id. */
  sendmany(payments: readonly { readonly address: string; readonly satoshi: bigint }[]): Promise<string>;
  listunspent(): Promise<UnspentOutput[]>;
  importdescriptors(requests: readonly ImportRequest[]): Promise<ImportResult[]>;
  /** Signs and updates a base64 PSBT with what the wallet knows. */
  walletprocesspsbt(psbt: string): Promise<ProcessedPsbt & { readonly psbt: string }>;
  finalizepsbt(psbt: string): Promise<ProcessedPsbt>;
  stop(): Promise<void>;
}

/**
 * A client for one bitcoind over `fetch`.
 * @throws TapstakeError `node-unreachable` when the URL is none
 */
export function createRpc(options: RpcOptions): Rpc {
  const { wallet, ...node } = options;
  const plain = createTransport(node);
  const transport = wallet === undefined ? plain : createTransport(options);
  const call = async <T>(method: string, ...params: readonly unknown[]): Promise<T> =>
    (await transport.request(method, params)) as T;
  /** For methods whose errors are a verdict on a transaction. */
  const submit = async <T>(method: string, ...params: readonly unknown[]): Promise<T> => {
    try {
      return await call<T>(method, ...params);
    } catch (error) {
      throw asRefusal(error);
    }
  };

  return {
    url: transport.url,
    wallet: (name) => createRpc({ ...node, wallet: name }),
    call,
    callEach: async <T>(method: string, calls: readonly (readonly unknown[])[]) =>
      (await transport.requestEach(method, calls)) as T[],

    getblockchaininfo: () => call("getblockchaininfo"),
    getnetworkinfo: () => call("getnetworkinfo"),
    getindexinfo: () => call("getindexinfo"),
    getblockcount: () => call("getblockcount"),
    getbestblockhash: () => call("getbestblockhash"),
    getblockhash: (height) => call("getblockhash", height),
    getblockheader: (hash) => call("getblockheader", hash),
    getblock: (hash) => call("getblock", hash, 1),
    getblockhex: (hash) => call("getblock", hash, 0),
    getrawtransaction: (txid) => call("getrawtransaction", txid, false),
    async gettransactioninfo(txid) {
      const info = await call<Raw<TransactionInfo, "vout">>("getrawtransaction", txid, true);
      return { ...info, vout: info.vout.map(withSatoshi) };
    },
    gettxoutproof: (txid) => call("gettxoutproof", [txid]),
    async gettxout(txid, vout) {
      const output = await call<RawAmount<UtxoInfo> | null>("gettxout", txid, vout);
      return output && withSatoshi(output);
    },
    async scantxoutset(descriptors) {
      const scan = await call<RawScan | null>("scantxoutset", "start", descriptors);
      // Another client can abort the scan: the node then answers with what it had found so far.
      if (scan?.success !== true) throw scanFailed();
      return scan.unspents.map(({ amount, ...coin }) => Object.assign(coin, { value: satoshiOf(amount) }));
    },
    getrawmempool: () => call("getrawmempool"),
    async getmempoolentry(txid) {
      const { vsize, fees } = await call<{ vsize: number; fees: { base: Decimal } }>("getmempoolentry", txid);
      return { vsize, fee: satoshiOf(fees.base) };
    },

    async sendrawtransaction(transaction, { maxFeeRate = 0n, maxBurn = 0n } = {}) {
      const params = [toHex(transaction), toBtc(maxFeeRate)];
      // Bitcoin Core before 25 has no third argument; from 25 on it is 0 when it is left out.
      if (maxBurn === 0n) return submit("sendrawtransaction", ...params);
      try {
        return await submit("sendrawtransaction", ...params, toBtc(maxBurn));
      } catch (error) {
        throw isHelp(error) ? needsVersion25(error) : error;
      }
    },
    async testmempoolaccept(transactions) {
      const answers = await call<RawAcceptance[]>("testmempoolaccept", transactions.map(toHex), "0");
      return answers.map(readAcceptance);
    },
    async submitblock(block) {
      const reason = await call<string | null>("submitblock", block);
      if (reason !== null) throw refusal("submitblock", reason);
    },
    generatetoaddress: (blocks, address) => call("generatetoaddress", blocks, address),
    generateblock: async (address, transactions) =>
      (await submit<{ hash: string }>("generateblock", address, transactions)).hash,

    getdescriptorinfo: (descriptor) => call("getdescriptorinfo", descriptor),
    deriveaddresses: (descriptor) => call("deriveaddresses", descriptor),
    decodescript: (script) => call("decodescript", script),
    validateaddress: (address) => call("validateaddress", address),

    createwallet: async (name) => void (await call("createwallet", name)),
    loadwallet: async (name) => void (await call("loadwallet", name)),
    // Through the address of one wallet, bitcoind unloads no other.
    unloadwallet: async (name) => void (await plain.request("unloadwallet", [name])),
    getnewaddress: (type = "bech32") => call("getnewaddress", "", type),
    getbalance: async () => satoshiOf(await call("getbalance")),
    sendtoaddress: (address, satoshi) => call("sendtoaddress", address, toBtc(satoshi)),
    sendmany: (payments) =>
      call(
        "sendmany",
        "",
        Object.fromEntries(payments.map(({ address, satoshi }) => [address, toBtc(satoshi)])),
      ),
    async listunspent() {
      const coins = await call<(Omit<UnspentOutput, "value"> & { amount: Decimal })[]>("listunspent");
      return coins.map(({ amount, ...coin }) => Object.assign(coin, { value: satoshiOf(amount) }));
    },
    importdescriptors: (requests) => call("importdescriptors", requests),
    walletprocesspsbt: (psbt) => call("walletprocesspsbt", psbt),
    finalizepsbt: (psbt) => call("finalizepsbt", psbt),
    stop: async () => void (await call("stop")),
  };
}

/** A number with decimals, as the text that the node wrote. */
type Decimal = string;
type RawAmount<T> = Omit<T, "value"> & { value: Decimal };
type Raw<T extends { [P in K]: readonly unknown[] }, K extends keyof T> = Omit<T, K> & {
  [P in K]: RawAmount<T[P][number]>[];
};
interface RawScan {
  success: boolean;
  unspents: (Omit<ScannedOutput, "value"> & { amount: Decimal })[];
}
interface RawAcceptance {
  txid: string;
  allowed?: boolean;
  "reject-reason"?: string;
  "package-error"?: string;
  vsize?: number;
  fees?: { base: Decimal };
}

function readAcceptance(answer: RawAcceptance): Acceptance {
  const { txid, vsize, fees } = answer;
  return {
    txid,
    allowed: answer.allowed === true,
    reason: answer.allowed ? null : (answer["reject-reason"] ?? answer["package-error"] ?? "unknown"),
    ...(vsize !== undefined && { vsize }),
    ...(fees && { fee: satoshiOf(fees.base) }),
  };
}

const withSatoshi = <T extends { value: Decimal }>(output: T): Omit<T, "value"> & { value: bigint } => ({
  ...output,
  value: satoshiOf(output.value),
});

/** The node writes a whole number of bitcoin with decimals too; other servers may not. */
function satoshiOf(amount: Decimal | number): bigint {
  return parseBtc(String(amount), "an amount from the node");
}

/** bitcoind takes amounts as text, so they never become floats on the way in either. */
function toBtc(satoshi: bigint): string {
  return formatBtc(satoshi).replace(" BTC", "");
}

function toHex(transaction: string | Uint8Array): string {
  return typeof transaction === "string" ? transaction : hex.encode(transaction);
}

/**
 * Codes by which the node judges a transaction and not the request: RPC_DESERIALIZATION_ERROR,
 * RPC_VERIFY_ERROR, RPC_VERIFY_REJECTED, RPC_VERIFY_ALREADY_IN_UTXO_SET (Bitcoin Core, rpc/protocol.h).
 */
const VERDICTS: ReadonlySet<unknown> = new Set([-22, -25, -26, -27]);

function asRefusal(error: unknown): unknown {
  if (!(error instanceof TapstakeError) || error.code !== "node-error") return error;
  const { method, code, reason } = error.details;
  return VERDICTS.has(code) ? refusal(String(method), String(reason), Number(code)) : error;
}

function refusal(method: string, answer: string, code?: number): TapstakeError {
  const reason = answer.replace(/^TestBlockValidity failed: /, "");
  return new TapstakeError("node-refused", `the node refused the transaction: ${reason}`, {
    method,
    reason,
    ...(code !== undefined && { code }),
  });
}

const scanFailed = (): TapstakeError =>
  new TapstakeError("node-error", "scantxoutset: the scan was aborted or failed; ask again", {
    method: "scantxoutset",
    reason: "aborted",
  });

/** Whether the node answered with the method's help: it does to more arguments than it knows. */
function isHelp(error: unknown): error is TapstakeError {
  if (!(error instanceof TapstakeError) || error.code !== "node-error") return false;
  const { method, code, reason } = error.details;
  return code === RPC_MISC_ERROR && String(reason).startsWith(`${String(method)} `);
}

const RPC_MISC_ERROR = -1;

function needsVersion25(error: TapstakeError): TapstakeError {
  const { method } = error.details;
  const text = `${String(method)}: this node cannot be asked to let coins be burnt; Bitcoin Core 25 or later is needed`;
  return new TapstakeError("node-error", text, error.details, { cause: error });
}
