import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { formatOutpoint, parseOutpoint } from "../../../bitcoin/transaction.js";
import { createRpc } from "../../../chain/rpc.js";
import { TapstakeError } from "../../../core/errors.js";
import type { BlockSource } from "../../../watch/source.js";
import { blocksFolderSource } from "../../../watch/sources/blocks-folder.js";
import { esploraSource } from "../../../watch/sources/esplora.js";
import { restSource } from "../../../watch/sources/rest.js";
import { rpcSource } from "../../../watch/sources/rpc.js";
import type { StoreSettings } from "../../../watch/settings.js";
import { UsageError } from "../../errors.js";
import { note } from "../../output.js";

export const storeOption = () => new Option("--store <file>", "store of the watch").default("watch.db");

export const blocksOption = () =>
  new Option(
    "--blocks <dir>",
    "bitcoind's folder of block files, for a fast catch-up; beside --rpc",
  ).conflicts("esplora");

export const noRestOption = () =>
  new Option("--no-rest", "take blocks by RPC, even if bitcoind was started with -rest");

/** @throws UsageError */
export function readOutpoint(text: string): string {
  try {
    return formatOutpoint(parseOutpoint(text));
  } catch {
    throw new UsageError("An outpoint must be txid:vout: 64 hexadecimal digits, a colon and a number");
  }
}

/** `txid:vout`. */
export function outpointArgument(text: string): string {
  try {
    return readOutpoint(text);
  } catch (error) {
    throw new InvalidArgumentError(`${(error as UsageError).message}.`);
  }
}

/** The options that name where blocks come from. */
export interface SourceOptions {
  readonly rpc?: string | undefined;
  readonly rpcAuthFile?: string | undefined;
  readonly esplora?: string | undefined;
  readonly blocks?: string | undefined;
  readonly rest: boolean;
}

/**
 * The source that the options name, else the environment. Of a bitcoind with REST, blocks come by REST. A wrong address or
 * password ends the command, and does not only wait for a better one.
 * @throws UsageError where neither names one; TapstakeError `node-unreachable`, `node-error`
 */
export async function openSource(options: SourceOptions, { network }: StoreSettings): Promise<BlockSource> {
  const isNamed = options.rpc !== undefined || options.esplora !== undefined;
  const url = isNamed ? options.rpc : process.env["TAPSTAKE_RPC"];
  const esplora = isNamed ? options.esplora : process.env["TAPSTAKE_ESPLORA"];
  if (url && esplora)
    throw new UsageError("TAPSTAKE_RPC and TAPSTAKE_ESPLORA are both set: unset one of them");
  if (esplora) {
    const server = esploraSource({ url: esplora, network });
    await server.tip();
    return server;
  }
  if (!url) throw new UsageError("no source of blocks: give --rpc or --esplora");
  const cookieFile = options.rpcAuthFile ?? process.env["TAPSTAKE_RPC_AUTH_FILE"];
  const rpc = { url, ...(cookieFile && { cookieFile }) };
  const byRest = options.rest && (await hasRest(url));
  if (!options.rest) await createRpc(rpc).getblockchaininfo();
  const node = byRest ? restSource({ url, rpc }) : rpcSource(rpc);
  if (options.blocks === undefined) return node;
  return blocksFolderSource({ folder: options.blocks, node, network });

  async function hasRest(address: string): Promise<boolean> {
    const rest = restSource({ url: address, timeout: 5_000 });
    try {
      await rest.tip();
      return true;
    } catch (error) {
      if (!(error instanceof TapstakeError)) throw error;
      if (error.code === "node-error" && error.details["status"] === 503) return true;
      // The RPC says what is wrong with the node, if something is.
      await createRpc(rpc).getblockchaininfo();
      note(
        `${createRpc(rpc).url} has no REST: blocks come by RPC, which is slower. Start bitcoind with -rest`,
      );
      return false;
    }
  }
}
