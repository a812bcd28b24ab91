import type { Transaction } from "../bitcoin/transaction-class.js";
import { burntValue } from "../bitcoin/output-script.js";
import { type ChainAccess, checkChain } from "../chain/access.js";
import { bitcoindAccess } from "../chain/bitcoind.js";
import { esploraAccess } from "../chain/esplora.js";
import { formatRate, parseRate, type Rate } from "../core/amount.js";
import { TapstakeError } from "../core/errors.js";
import type { Network } from "../core/network.js";
import { UsageError } from "./errors.js";
import { writeDocument } from "./files.js";
import type { Row } from "./output.js";

/** The options of the user's own bitcoind. */
export interface NodeOptions {
  readonly rpc?: string | undefined;
  readonly rpcAuthFile?: string | undefined;
}

export interface ChainOptions extends NodeOptions {
  readonly esplora?: string | undefined;
}

/**
 * Opens the server that the options name, else the environment; undefined if neither names one.
 * @throws TapstakeError `wrong-network`, `node-unreachable`, `node-error`
 */
export async function openChain(options: ChainOptions, network: Network): Promise<ChainAccess | undefined> {
  return checked(serverOf(options), network);
}

/**
 * Opens the bitcoind that the options name, else the environment, where no other server may be trusted. Undefined if
 * neither names one.
 * @throws TapstakeError as {@link openChain}
 */
export async function openNode(options: NodeOptions, network: Network): Promise<ChainAccess | undefined> {
  return checked(nodeOf(options, options.rpc ?? process.env["TAPSTAKE_RPC"]), network);
}

async function checked(chain: ChainAccess | undefined, network: Network): Promise<ChainAccess | undefined> {
  if (chain) await checkChain(chain, network);
  return chain;
}

function serverOf({ rpc, rpcAuthFile, esplora }: ChainOptions): ChainAccess | undefined {
  const isNamed = rpc !== undefined || esplora !== undefined;
  const url = isNamed ? rpc : process.env["TAPSTAKE_RPC"];
  const indexer = isNamed ? esplora : process.env["TAPSTAKE_ESPLORA"];
  if (url && indexer)
    throw new UsageError("TAPSTAKE_RPC and TAPSTAKE_ESPLORA are both set: unset one of them");
  return indexer ? esploraAccess({ url: indexer }) : nodeOf({ rpcAuthFile }, url);
}

function nodeOf({ rpcAuthFile }: NodeOptions, url: string | undefined): ChainAccess | undefined {
  const cookieFile = rpcAuthFile ?? process.env["TAPSTAKE_RPC_AUTH_FILE"];
  if (url) return bitcoindAccess({ url, ...(cookieFile && { cookieFile }) });
  if (rpcAuthFile !== undefined)
    throw new UsageError("--rpc-auth-file needs --rpc: the bitcoind that it is for");
  return undefined;
}

/** The default target for confirmation, in blocks. */
const FEE_BLOCKS = 6;

interface FeeOptions {
  readonly feeRate?: string | undefined;
  readonly maxFeeRate: string;
}

/**
 * The fee rate of `--fee-rate`, else the server's estimate; neither may exceed `--max-fee-rate`.
 * @throws TapstakeError `invalid-rate`, `no-fee-estimate`, `fee-rate-too-high`; UsageError if there is neither
 */
export async function feeRateOf(
  { feeRate, maxFeeRate }: FeeOptions,
  chain: ChainAccess | undefined,
): Promise<Rate> {
  const most = maxFeeRateOf({ maxFeeRate });
  const rate = await askedRate(feeRate, chain);
  if (rate.numerator * most.denominator > most.numerator * rate.denominator) {
    const text =
      `${feeRate === undefined ? "the server estimates a fee rate of" : "--fee-rate is"} ${feeRateText(rate)}, above the ` +
      `limit of ${feeRateText(most)}. Do: give a lower --fee-rate, or --max-fee-rate ${formatRate(rate)} if you mean it`;
    throw new TapstakeError("fee-rate-too-high", text);
  }
  return rate;
}

/** The limit as builders take it. @throws TapstakeError `invalid-rate` */
export const maxFeeRateOf = ({ maxFeeRate }: Pick<FeeOptions, "maxFeeRate">): Rate =>
  parseRate(maxFeeRate, 3, "highest fee rate");

async function askedRate(given: string | undefined, chain: ChainAccess | undefined): Promise<Rate> {
  if (given !== undefined) return parseRate(given, 3, "fee rate");
  if (!chain)
    throw new UsageError("no fee rate: give --fee-rate, or a server that estimates it: --rpc or --esplora");
  return chain.feeRate(FEE_BLOCKS);
}

export const feeRateText = (rate: Rate): string => `${formatRate(rate)} sat/vB`;

/** Where a signed transaction went. */
export interface Delivered {
  readonly txid: string;
  readonly transaction: string;
  readonly file?: string;
  /** The server that took it. */
  readonly sentTo?: string;
}

/**
 * Writes a signed transaction to the file of `--out`, or else sends it to the server, if there is one. The leaf decides
 * what it burns, so that is intended.
 * @throws TapstakeError `file-error`; `node-refused`, and the codes of `ChainAccess`
 */
export async function deliver(
  transaction: Transaction,
  { out, chain }: { readonly out?: string | undefined; readonly chain?: ChainAccess | undefined },
): Promise<Delivered> {
  const facts = { txid: transaction.getId(), transaction: transaction.toHex() };
  if (out !== undefined) {
    await writeDocument(out, `${facts.transaction}\n`);
    return { ...facts, file: out };
  }
  if (!chain) return facts;
  await chain.broadcast(transaction, { maxBurn: burntValue(transaction.outs) });
  return { ...facts, sentTo: chain.url };
}

/** The raw transaction, if it went neither to a file nor to a server. */
export const deliveredRows = ({ transaction, file, sentTo }: Delivered): Row[] => [
  ["sent to", sentTo],
  ["written to", file === undefined ? undefined : `${file}, not sent`],
  ["not sent", sentTo === undefined && file === undefined ? transaction : undefined],
];
