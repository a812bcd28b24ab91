import { TapstakeError } from "../core/errors.js";
import { sharesAddresses } from "../core/network.js";
import { checkSameParams } from "./same.js";
import { paramsAt } from "./select.js";
import type { ParamSet, ProtocolParams } from "./types.js";

/**
 * Somebody's own copy of a network's parameters, and the Bitcoin height that says which version of them holds: that of
 * the block with the staking transaction where the stake is registered after it, the tip's where before (PROTOCOL 8).
 */
export interface OwnParams {
  readonly set: ParamSet;
  readonly height: number;
}

/**
 * Whether parameters that came with a document are the version in force. A document names its own: whoever wrote it could
 * have chosen a version that slashes less, and that the chain does not take any more.
 * @throws TapstakeError `params-not-in-force` for another version of the set, with `expected` and `got`; `not-active`
 * for a height before the first version; the codes of {@link checkSameParams}
 */
export function checkInForce(given: ProtocolParams, { set, height }: OwnParams): void {
  const own = paramsAt(set, height);
  if (given.version !== own.version && set.versions.some(({ version }) => version === given.version)) {
    const text = `expected parameters v${own.version} of the set ${set.name}, in force at height ${height}, got v${given.version}`;
    const details = { height, expected: own.version, got: given.version };
    throw new TapstakeError("params-not-in-force", text, details);
  }
  // The published test parameters hold for whichever of the two networks they are read as.
  const network = sharesAddresses(given.network, own.network) ? given.network : own.network;
  checkSameParams(given, { ...own, network });
}
