/** What bitcoind answers, as far as tapstake reads it. Fields keep the node's names; amounts are satoshi. */

export interface BlockchainInfo {
  /** `main`, `test`, `testnet4`, `signet` or `regtest`. */
  readonly chain: string;
  readonly blocks: number;
  readonly headers: number;
  readonly bestblockhash: string;
  readonly initialblockdownload: boolean;
}

/** Of `getnetworkinfo`. */
export interface NetworkInfo {
  /** For example 290200. */
  readonly version: number;
  /** For example `/Satoshi:29.2.0/`. */
  readonly subversion: string;
}

/** Of `getindexinfo`. */
export interface IndexInfo {
  readonly synced: boolean;
  readonly best_block_height: number;
}

/** Of `getblockheader`. */
export interface HeaderInfo {
  readonly hash: string;
  readonly height: number;
  /** -1 outside of the best chain. */
  readonly confirmations: number;
  readonly time: number;
  readonly previousblockhash?: string;
}

/** Of `getblock`. */
export interface BlockInfo extends HeaderInfo {
  /** Ids of its transactions, the coinbase first. */
  readonly tx: readonly string[];
}

/** An output script, as bitcoind describes it. */
export interface ScriptInfo {
  readonly hex: string;
  readonly type: string;
  readonly address?: string;
}

/** Of `getrawtransaction`. */
export interface TransactionInfo {
  readonly txid: string;
  readonly hash: string;
  readonly hex: string;
  readonly version: number;
  readonly locktime: number;
  readonly vsize: number;
  readonly vin: readonly {
    readonly txid?: string;
    readonly vout?: number;
    readonly sequence: number;
    readonly txinwitness?: readonly string[];
  }[];
  readonly vout: readonly { readonly n: number; readonly value: bigint; readonly scriptPubKey: ScriptInfo }[];
  /** Absent while the transaction is not mined, as are the next two. */
  readonly blockhash?: string;
  readonly confirmations?: number;
  readonly blocktime?: number;
}

/** Of `gettxout`. */
export interface UtxoInfo {
  readonly bestblock: string;
  readonly confirmations: number;
  readonly value: bigint;
  readonly scriptPubKey: ScriptInfo;
  readonly coinbase: boolean;
}

/** An output that `scantxoutset` found. */
export interface ScannedOutput {
  readonly txid: string;
  readonly vout: number;
  readonly scriptPubKey: string;
  readonly value: bigint;
  /** Of the block that holds it. */
  readonly height: number;
}

/** Of `getmempoolentry`. */
export interface MempoolEntry {
  readonly vsize: number;
  /** In satoshi. */
  readonly fee: bigint;
}

/** What `sendrawtransaction` takes. */
export interface SendOptions {
  /** The most satoshi for 1000 virtual bytes; 0 (the default) is no limit. */
  readonly maxFeeRate?: bigint;
  /** The most satoshi that unspendable outputs may hold: a slashing to an OP_RETURN needs it. 0 by default. */
  readonly maxBurn?: bigint;
}

/** The mempool's verdict on a transaction; `reason` is null when it is allowed. */
export interface Acceptance {
  readonly txid: string;
  readonly allowed: boolean;
  readonly reason: string | null;
  readonly vsize?: number;
  /** In satoshi. */
  readonly fee?: bigint;
}

/** Of `getdescriptorinfo`. */
export interface DescriptorInfo {
  /** Public and with its checksum. */
  readonly descriptor: string;
  readonly checksum: string;
  readonly isrange: boolean;
  readonly issolvable: boolean;
  readonly hasprivatekeys: boolean;
}

/** Of `decodescript`. */
export interface DecodedScript {
  readonly asm: string;
  readonly type: string;
  readonly address?: string;
}

/** An output of `listunspent`. */
export interface UnspentOutput {
  readonly txid: string;
  readonly vout: number;
  readonly address?: string;
  readonly scriptPubKey: string;
  readonly value: bigint;
  readonly confirmations: number;
  readonly spendable: boolean;
}

/** What `importdescriptors` takes for each descriptor. */
export interface ImportRequest {
  readonly desc: string;
  /** Seconds since 1970 from which to rescan, or `now` for no rescan. */
  readonly timestamp: number | "now";
  readonly active?: boolean;
  readonly internal?: boolean;
  readonly label?: string;
}

/** What `importdescriptors` says of each descriptor. */
export interface ImportResult {
  readonly success: boolean;
  readonly warnings?: readonly string[];
  readonly error?: { readonly code: number; readonly message: string };
}

/** Of `walletprocesspsbt`. */
export interface ProcessedPsbt {
  /** Base64; `finalizepsbt` leaves it out when it gives `hex`. */
  readonly psbt?: string;
  readonly complete: boolean;
  /** The raw transaction, when complete. */
  readonly hex?: string;
}
