import { Option } from "@commander-js/extra-typings";
import { checkChain } from "../../../chain/access.js";
import { TapstakeError } from "../../../core/errors.js";
import type { Network } from "../../../core/network.js";
import type { WatchHealth } from "../../../watch/alarms/health.js";
import type { BlockSource } from "../../../watch/source.js";
import { esploraSource } from "../../../watch/sources/esplora.js";
import { restSource } from "../../../watch/sources/rest.js";
import { warn } from "../../output.js";

export const compareOption = () =>
  new Option("--compare <url>", "compare blocks with those of an Esplora server, or a bitcoind with -rest");

/** A second source, asked for hashes alone. */
export interface ComparedSource extends Pick<BlockSource, "name" | "tip" | "hashAt"> {
  /**
   * Finds out what the server is; returns whether it answered. One that does not is a warning.
   * @throws TapstakeError `wrong-network`
   */
  open(): Promise<boolean>;
}

const TIMEOUT = 10_000;

/** The server at an address, which is asked at first for what it is. */
export function comparedSource(url: string, network: Network): ComparedSource {
  const kinds = [restSource({ url, timeout: TIMEOUT }), esploraSource({ url, network, timeout: TIMEOUT })];
  let opened: BlockSource | undefined;
  const source = async (): Promise<BlockSource> => {
    if (opened) return opened;
    let failure: unknown;
    for (const each of kinds) {
      try {
        await checkGenesis(each, network);
        return (opened = each);
      } catch (error) {
        if (!(error instanceof TapstakeError) || error.code === "wrong-network") throw error;
        failure = error;
      }
    }
    throw failure;
  };
  return {
    name: kinds[0]!.name,
    tip: async () => (await source()).tip(),
    hashAt: async (height) => (await source()).hashAt(height),
    async open() {
      try {
        await source();
        return true;
      } catch (error) {
        if (!(error instanceof TapstakeError) || error.code === "wrong-network") throw error;
        warn(error);
        return false;
      }
    },
  };
}

async function checkGenesis(source: BlockSource, network: Network): Promise<void> {
  const genesis = async () => {
    const hash = await source.hashAt(0);
    if (hash !== null) return hash;
    throw new TapstakeError("node-error", `${source.name} has no block 0`, { url: source.name });
  };
  await checkChain({ url: source.name, genesis }, network);
}

/** Compares once at a time. A server that fails is one warning, until it answers again. */
export function comparison(health: Pick<WatchHealth, "check">, answers: boolean): () => Promise<void> {
  let running: Promise<void> | undefined;
  let isThere = answers;
  const compare = async () => {
    try {
      await health.check();
      isThere = true;
    } catch (error) {
      if (!(error instanceof TapstakeError)) throw error;
      if (isThere) warn(error);
      isThere = false;
    }
  };
  return () => (running ??= compare().finally(() => (running = undefined)));
}
