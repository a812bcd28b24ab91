import { TapstakeError } from "../core/errors.js";
import { assertInteger } from "../core/bytes.js";
import { jsonText, parseJson } from "../core/json.js";
import { assertNetwork, type Network } from "../core/network.js";
import { paramsFromJson, paramsObject } from "../params/json.js";
import { paramSets } from "../params/sets.js";
import type { ParamSet } from "../params/types.js";
import type { ChainStore } from "./store/store.js";

/** What a store watches: chosen when it is made, and never changed, as every row follows from it. */
export interface StoreSettings {
  readonly network: Network;
  /** The height of the first block that is scanned. */
  readonly first: number;
  /** The versions of phase 1; null where the store looks for no phase-1 stakes. */
  readonly phase1: ParamSet | null;
}

/** What {@link createStore} writes for settings. @throws TapstakeError `invalid-network`, `invalid-number`, `unsupported-params` */
export function settingsToMeta({ network, first, phase1 }: StoreSettings): Record<string, string> {
  assertNetwork(network);
  assertInteger(first, "first height", 0, 0x7fff_ffff);
  if (phase1 && !phase1.versions.every((params) => params.phase1)) {
    const text = `${phase1.name}: not all versions are of phase 1`;
    throw new TapstakeError("unsupported-params", text);
  }
  const set = phase1 && { name: phase1.name, versions: phase1.versions.map(paramsObject) };
  return { network, first: String(first), phase1: jsonText({ set }) };
}

/** @throws TapstakeError `store-invalid` */
export function settingsOf(store: ChainStore): StoreSettings {
  const network = store.meta("network");
  const first = Number(store.meta("first"));
  assertNetwork(network);
  const { set } = parseJson(store.meta("phase1") ?? "{}", "phase1") as {
    set: { name: string; versions: object[] } | null;
  };
  const phase1 = set && {
    name: set.name,
    network,
    versions: set.versions.map((params) => paramsFromJson(JSON.stringify(params))),
  };
  return { network, first, phase1 };
}

/** The published versions of phase 1 on a network, if there are any. */
export function publishedPhase1(network: Network): ParamSet | null {
  const sets = [...paramSets.values()].filter((set) => set.network === network);
  return sets.find(({ versions }) => versions.every(({ phase1 }) => phase1)) ?? null;
}
