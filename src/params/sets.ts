import { TapstakeError } from "../core/errors.js";
import { show } from "../core/text.js";
import { checkParams } from "./check.js";
import { bbnTest5 } from "./data/bbn-test-5.js";
import { mainnet, mainnetPhase1 } from "./data/mainnet.js";
import { regtest } from "./data/regtest.js";
import { testnet } from "./data/testnet.js";
import { checkSameParams, onNetworkOf } from "./in-force.js";
import type { ParamSet, ProtocolParams } from "./types.js";

/** The parameter sets that come with tapstake, by name. */
export const paramSets: ReadonlyMap<string, ParamSet> = new Map(
  [mainnet, mainnetPhase1, testnet, bbnTest5, regtest].map((set) => [set.name, set]),
);

/**
 * A parameter set by name.
 * @throws TapstakeError `unknown-params`, which lists the names
 */
export function paramSet(name: string): ParamSet {
  const set = paramSets.get(name);
  if (!set) {
    const names = [...paramSets.keys()];
    throw new TapstakeError(
      "unknown-params",
      `parameter set must be one of ${names.join(", ")}, not ${show(name)}`,
      {
        names,
      },
    );
  }
  return set;
}

/**
 * The published version that equals the parameters in every field. A document chooses its own label, and could call
 * other parameters v3. Undefined if no published version is equal.
 * @throws TapstakeError the codes of `checkParams`
 */
export function identifyParams(
  params: ProtocolParams,
): { readonly set: ParamSet; readonly params: ProtocolParams } | undefined {
  checkParams(params);
  return published(params);
}

function published(params: ProtocolParams): ReturnType<typeof identifyParams> {
  const all = [...paramSets.values()].flatMap((set) =>
    set.versions.map((version) => ({ set, params: version })),
  );
  return all.find((version) => isSame(params, version.params));
}

/**
 * Checks that stakes can still be registered under parameters: their published set must still run. Parameters of no
 * published set pass without a check.
 * @throws TapstakeError `params-not-in-force`
 */
export function checkRunning(params: ProtocolParams): void {
  const found = published(params);
  if (found) checkSetRunning(found.set);
}

/**
 * Checks that the chain of a set still registers stakes: after its end, the last version only seems to be in force.
 * @throws TapstakeError `params-not-in-force`
 */
export function checkSetRunning({ name, ended }: ParamSet): void {
  if (ended !== true) return;
  const text = `the set ${name} has ended: no version of it is in force, and its chain registers no new stake`;
  throw new TapstakeError("params-not-in-force", text, { set: name });
}

function isSame(given: ProtocolParams, trusted: ProtocolParams): boolean {
  // Most versions differ here already, and the whole comparison checks every key of the committee.
  if (given.activationHeight !== trusted.activationHeight) return false;
  try {
    checkSameParams(given, onNetworkOf(given, trusted));
    return true;
  } catch (error) {
    if (error instanceof TapstakeError && error.code === "params-mismatch") return false;
    throw error;
  }
}
