import { TapstakeError } from "../core/errors.js";
import { sharesAddresses } from "../core/network.js";
import { checkParams } from "./check.js";
import { checkSameParams } from "./same.js";
import { paramSets } from "./sets.js";
import type { ParamSet, ProtocolParams } from "./types.js";

/**
 * The published version that parameters are, in every field: a document can name its own and call them v3.
 * Undefined when they are none.
 * @throws TapstakeError the codes of `checkParams`
 */
export function identifyParams(
  params: ProtocolParams,
): { readonly set: ParamSet; readonly params: ProtocolParams } | undefined {
  checkParams(params);
  const all = [...paramSets.values()].flatMap((set) =>
    set.versions.map((version) => ({ set, params: version })),
  );
  return all.find((version) => isSame(params, version.params));
}

function isSame(given: ProtocolParams, trusted: ProtocolParams): boolean {
  // Most versions differ here already, and the whole comparison checks every key of the committee.
  if (given.activationHeight !== trusted.activationHeight) return false;
  // The published test parameters hold for whichever of the two networks they are read as.
  const network = sharesAddresses(given.network, trusted.network) ? given.network : trusted.network;
  try {
    checkSameParams(given, { ...trusted, network });
    return true;
  } catch (error) {
    if (error instanceof TapstakeError && error.code === "params-mismatch") return false;
    throw error;
  }
}
