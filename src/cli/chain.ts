import { Option } from "@commander-js/extra-typings";
import { formatRate, parseRate, type Rate } from "../core/amount.js";
import type { Network } from "../core/network.js";
import { type ChainAccess, checkChain } from "../chain/access.js";
import { bitcoindAccess } from "../chain/bitcoind.js";
import { esploraAccess } from "../chain/esplora.js";
import { TapstakeError } from "../core/errors.js";
import { UsageError } from "./errors.js";

export const rpcOption = () =>
  new Option("--rpc <url>", "ask this bitcoind (TAPSTAKE_RPC)").conflicts("esplora");

export const rpcAuthOption = () =>
  new Option(
    "--rpc-auth-file <file>",
    "its user:password, such as bitcoind's own .cookie (TAPSTAKE_RPC_AUTH_FILE)",
  ).conflicts("esplora");

export const esploraOption = () =>
  new Option("--esplora <url>", "ask this Esplora server (TAPSTAKE_ESPLORA)");

export const feeRateOption = () =>
  new Option("--fee-rate <satoshi>", "for a virtual byte; by the server's estimate unless told");

/** Ten times what Bitcoin's fullest days have asked for: above it, a decimal point or a unit has slipped. */
export const maxFeeRateOption = () =>
  new Option("--max-fee-rate <satoshi>", "refuse to pay more for a virtual byte").default("1000");

/** For the help of commands that can ask a server. */
export const SERVERS = `
A server is a bitcoind, --rpc http://127.0.0.1:8332 (18443 on regtest), with --rpc-auth-file for
its password; or an Esplora server, --esplora https://blockstream.info/api. What TAPSTAKE_RPC (with
user and password in it, if you like) or TAPSTAKE_ESPLORA says need not be given again. No secret
key is ever sent to either.`;

export interface ChainOptions {
  readonly rpc?: string | undefined;
  readonly rpcAuthFile?: string | undefined;
  readonly esplora?: string | undefined;
}

/**
 * The server by the options above, else by the environment; undefined when neither names one.
 * @throws TapstakeError `wrong-network`, `node-unreachable`, `node-error`
 */
export async function openChain(options: ChainOptions, network: Network): Promise<ChainAccess | undefined> {
  const chain = serverOf(options);
  if (chain) await checkChain(chain, network);
  return chain;
}

function serverOf({ rpc, rpcAuthFile, esplora }: ChainOptions): ChainAccess | undefined {
  const isNamed = rpc !== undefined || esplora !== undefined;
  const url = isNamed ? rpc : process.env["TAPSTAKE_RPC"];
  const indexer = isNamed ? esplora : process.env["TAPSTAKE_ESPLORA"];
  if (url && indexer) throw new UsageError("TAPSTAKE_RPC and TAPSTAKE_ESPLORA: only one can be asked");
  if (indexer) return esploraAccess({ url: indexer });
  const cookieFile = rpcAuthFile ?? process.env["TAPSTAKE_RPC_AUTH_FILE"];
  if (url) return bitcoindAccess({ url, ...(cookieFile && { cookieFile }) });
  if (rpcAuthFile !== undefined) throw new UsageError("--rpc-auth-file needs the --rpc that it is for");
  return undefined;
}

/** Blocks within which a transaction is meant to be mined when nobody says what to pay. */
const FEE_BLOCKS = 6;

interface FeeOptions {
  readonly feeRate?: string | undefined;
  readonly maxFeeRate: string;
}

/**
 * What `--fee-rate` says, else what the server estimates; neither goes beyond `--max-fee-rate`.
 * @throws TapstakeError `invalid-rate`, `no-fee-estimate`, `fee-rate-too-high`; UsageError when there is neither
 */
export async function feeRateOf(
  { feeRate, maxFeeRate }: FeeOptions,
  chain: ChainAccess | undefined,
): Promise<Rate> {
  const most = maxFeeRateOf({ maxFeeRate });
  const rate = await askedRate(feeRate, chain);
  if (rate.numerator * most.denominator > most.numerator * rate.denominator) {
    const text =
      `expected at most ${feeRateText(most)}, ${feeRate === undefined ? "and the server estimates" : "got"} ` +
      `${feeRateText(rate)}: if that is meant, give --max-fee-rate ${formatRate(rate)}`;
    throw new TapstakeError("fee-rate-too-high", text);
  }
  return rate;
}

/** For the builders, which have a limit of their own. @throws TapstakeError `invalid-rate` */
export const maxFeeRateOf = ({ maxFeeRate }: Pick<FeeOptions, "maxFeeRate">): Rate =>
  parseRate(maxFeeRate, 3, "highest fee rate");

async function askedRate(given: string | undefined, chain: ChainAccess | undefined): Promise<Rate> {
  if (given !== undefined) return parseRate(given, 3, "fee rate");
  if (!chain) throw new UsageError("give --fee-rate, or a server that estimates it");
  return chain.feeRate(FEE_BLOCKS);
}

export const feeRateText = (rate: Rate): string => `${formatRate(rate)} sat/vB`;
