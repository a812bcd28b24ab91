import { type BabylonChain, babylonChain } from "../babylon-client/client.js";
import { TapstakeError } from "../core/errors.js";
import { type Network, sharesAddresses } from "../core/network.js";
import { daysOld, paramsDifferences } from "../params/differences.js";
import { paramSets } from "../params/sets.js";
import type { ParamSet, ProtocolParams } from "../params/types.js";
import { warn } from "./output.js";

export interface LcdOptions {
  readonly lcd?: string | undefined;
  readonly network?: Network | undefined;
}

/** A server of the staking chain, and the shipped parameters of its chain. */
export interface Lcd {
  readonly chain: BabylonChain;
  /** Undefined where no shipped set is of this chain. */
  readonly shipped: ParamSet | undefined;
}

/**
 * Opens the server of the staking chain, and asks which chain it is of; undefined without `--lcd` and `TAPSTAKE_LCD`.
 * @throws TapstakeError `wrong-network` for a chain on another Bitcoin network than the one named; the codes of
 * `babylonChain`
 */
export async function openLcd(options: LcdOptions): Promise<Lcd | undefined> {
  const { lcd = process.env["TAPSTAKE_LCD"], network } = options;
  if (!lcd) return undefined;
  const { chainId } = await babylonChain({ lcd, chainId: "" }).node();
  const shipped = [...paramSets.values()].find((set) => set.chainId === chainId);
  if (network && shipped && !sharesAddresses(network, shipped.network)) {
    const text = `${lcd} is a server of ${chainId}, which stakes on Bitcoin's ${shipped.network}, not on ${network}`;
    throw new TapstakeError("wrong-network", text, { expected: network, got: shipped.network });
  }
  const on = network ?? shipped?.network;
  return { chain: babylonChain({ lcd, chainId, ...(on && { network: on }) }), shipped };
}

/**
 * Warns of a shipped set that is older than a year. Where a server of the chain is given, asks it instead.
 * @throws TapstakeError `params-mismatch` if the chain has other parameters than those of the stake; the codes of
 * `babylonChain`
 */
export async function checkCurrent(
  set: ParamSet,
  params: ProtocolParams,
  server: Lcd | undefined,
): Promise<void> {
  if (server) return checkWithChain(set, params, server);
  const days = daysOld(set, new Date());
  if (days === undefined) return;
  const { name, takenOn } = set;
  const message = `the parameters of ${name} were copied from the chain ${days} days ago, on ${takenOn}. The chain may have newer ones, and it refuses a stake under old ones. Run tapstake params check ${name} --lcd <url>`;
  warn({ code: "params-not-in-force", message, details: { set: name, days } });
}

async function checkWithChain(set: ParamSet, params: ProtocolParams, { chain }: Lcd): Promise<void> {
  const theirs = await chain.params();
  const [first] = paramsDifferences(
    { ...set, versions: [params] },
    { ...theirs, versions: theirs.versions.filter(({ version }) => version === params.version) },
  );
  const advice = `Do: run tapstake params fetch --lcd ${chain.url} --out params.json, and give --params params.json`;
  if (first) {
    const text = `${first.field} of parameters v${params.version} is ${first.other ?? "nothing"} on ${chain.chainId}, and ${first.own ?? "nothing"} in the set ${set.name}. ${advice}`;
    throw new TapstakeError("params-mismatch", text, { ...first });
  }
  const newest = theirs.versions.at(-1)!;
  if (set.versions.some(({ version }) => version === newest.version)) return;
  const text = `${chain.chainId} has parameters v${newest.version} from Bitcoin height ${newest.activationHeight} on, and the set ${set.name} lacks them. ${advice}`;
  throw new TapstakeError("params-mismatch", text, { version: newest.version, field: "version" });
}
