import { TapstakeError } from "../core/errors.js";
import { parseJson } from "../core/json.js";
import type { Network } from "../core/network.js";
import { checkParamSet } from "./check.js";
import { paramsFromJson } from "./json.js";
import { parseParamSet } from "./published.js";
import type { ParamSet } from "./types.js";

/**
 * Parameters in whichever form a file has them: one version or a list as `paramsToJson` writes it, or as networks
 * publish them.
 * @param as what the set is called; the network is needed only by the published forms, which do not name it
 * @throws TapstakeError `invalid-network` when it is needed and not given; `wrong-network` when it is given and
 * another than the file says; the codes of `paramsFromJson` and `parseParamSet`
 */
export function readParamSet(
  text: string,
  as: { readonly name: string; readonly network?: Network | undefined },
): ParamSet {
  const json = parseJson(text, "params");
  const list: readonly unknown[] = Array.isArray(json) ? json : [json];
  if (!list.some(isOwnForm)) {
    if (!isPublishedForm(json)) {
      throw new TapstakeError(
        "invalid-json",
        `${as.name}: expected parameters, in our form or as published`,
        {
          path: "params",
        },
      );
    }
    if (!as.network) {
      const message = `${as.name}: parameters as published do not say their network, so it has to be given`;
      throw new TapstakeError("invalid-network", message);
    }
    return parseParamSet(json, { name: as.name, network: as.network });
  }
  const versions = list.map((one) => paramsFromJson(one));
  const { network } = versions[0]!;
  if (as.network && as.network !== network) {
    const message = `expected parameters of ${as.network}, got ${network}`;
    throw new TapstakeError("wrong-network", message, { expected: as.network, got: network });
  }
  const set: ParamSet = { name: as.name, network, versions };
  // A single version keeps the number that it has among its siblings.
  if (versions.length > 1) checkParamSet(set);
  return set;
}

/** A list of versions, or an object that holds one under `versions`. */
const isPublishedForm = (json: unknown): boolean =>
  Array.isArray(json) || (typeof json === "object" && json !== null && "versions" in json);

const isOwnForm = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "covenant" in value;
