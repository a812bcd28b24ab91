import { TapstakeError } from "../core/errors.js";
import { paramsToJson } from "./json.js";
import type { ProtocolParams } from "./types.js";

/**
 * Whether parameters that came with a document are the ones that the caller trusts. A document names its own
 * parameters, so whoever wrote it could have put there a slashing script, rate or unbonding time of their own.
 * @param trusted the caller's own copy: see `paramsAt`
 * @throws TapstakeError `params-mismatch`, with the first differing field; the codes of `checkParams`
 */
export function checkSameParams(given: ProtocolParams, trusted: ProtocolParams): void {
  const [got, expected] = [comparable(given), comparable(trusted)];
  for (const field of new Set([...Object.keys(expected), ...Object.keys(got)])) {
    if (got[field] !== expected[field]) {
      const text = `${field} of parameters v${given.version}: expected ${expected[field] ?? "none"} as in v${trusted.version}, got ${got[field] ?? "none"}`;
      throw new TapstakeError("params-mismatch", text, { field });
    }
  }
}

/** Each field as text; the order of a committee's keys makes no difference. */
function comparable(params: ProtocolParams): Record<string, string> {
  const { covenant, ...rest } = paramsToJson(params);
  const fields = { ...rest, covenant: { keys: covenant.keys.toSorted(), quorum: covenant.quorum } };
  return Object.fromEntries(Object.entries(fields).map(([field, value]) => [field, JSON.stringify(value)]));
}
