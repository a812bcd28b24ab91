import { TapstakeError } from "../core/errors.js";
import { show } from "../core/text.js";
import { bbnTest5 } from "./data/bbn-test-5.js";
import { mainnet, mainnetPhase1 } from "./data/mainnet.js";
import { regtest } from "./data/regtest.js";
import { testnet } from "./data/testnet.js";
import type { ParamSet } from "./types.js";

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
    throw new TapstakeError("unknown-params", `expected one of ${names.join(", ")}, got ${show(name)}`, {
      names,
    });
  }
  return set;
}
