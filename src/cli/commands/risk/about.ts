import { TapstakeError } from "../../../core/errors.js";
import { amount, fields, integer, name, ratio } from "../../../restaking/entries.js";
import type { EigenLayerOptions, SymbioticOptions } from "../../../restaking/index.js";

/** What a user knows of a system's assets, vaults and operators, and no chain says. */
export interface About {
  /** The legal person behind a finality provider, by its key. */
  readonly groups?: Readonly<Record<string, string>>;
  /** By the id of an asset: for EigenLayer, the address of a strategy. */
  readonly assets?: NonNullable<EigenLayerOptions["assets"]>;
  readonly vaults?: SymbioticOptions["vaults"];
}

/** @throws TapstakeError `invalid-json`; `details.path` says where */
export function aboutFromJson(text: string): About {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new TapstakeError("invalid-json", "about: not JSON", { path: "about" });
  }
  const { groups, assets, vaults } = fields(json, "about", [], ["groups", "assets", "vaults"]);
  return {
    ...(groups !== undefined && { groups: each(groups, "about.groups", name) }),
    ...(assets !== undefined && { assets: each(assets, "about.assets", asset) }),
    ...(vaults !== undefined && { vaults: each(vaults, "about.vaults", vault) }),
  };
}

function asset(value: unknown, path: string) {
  const read = fields(value, path, ["decimals"], ["value"]);
  return {
    decimals: integer(read["decimals"], `${path}.decimals`, 36),
    ...(read["value"] !== undefined && { value: ratio(read["value"], `${path}.value`) }),
  };
}

function vault(value: unknown, path: string) {
  const read = fields(value, path, ["asset"], ["operator", "network", "activeStake"]);
  const { operator, network, activeStake } = read;
  return {
    asset: name(read["asset"], `${path}.asset`),
    ...(operator !== undefined && { operator: name(operator, `${path}.operator`) }),
    ...(network !== undefined && { network: name(network, `${path}.network`) }),
    ...(activeStake !== undefined && { activeStake: amount(activeStake, `${path}.activeStake`) }),
  };
}

/** An object whose fields all have one form. */
function each<T>(value: unknown, path: string, read: (value: unknown, path: string) => T): Record<string, T> {
  const known = typeof value === "object" && value !== null ? Object.keys(value) : [];
  const entries = Object.entries(fields(value, path, [], known));
  return Object.fromEntries(entries.map(([key, entry]) => [key, read(entry, `${path}.${key.slice(0, 80)}`)]));
}
