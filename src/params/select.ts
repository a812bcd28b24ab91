import { assertInteger } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import type { ParamSet, ProtocolParams } from "./types.js";

/**
 * The version in force at a Bitcoin height: the last whose activation height is not above it (PROTOCOL 8).
 * @throws TapstakeError `not-active` below the first activation, `invalid-number`
 */
export function paramsAt(set: ParamSet, height: number): ProtocolParams {
  assertInteger(height, "height", 0, Number.MAX_SAFE_INTEGER);
  const active = set.versions.findLast((params) => params.activationHeight <= height);
  if (!active) {
    const first = set.versions[0]?.activationHeight;
    throw new TapstakeError(
      "not-active",
      `${set.name}: no parameters at height ${height}; ${first === undefined ? "the set is empty" : `the first hold from ${first}`}`,
      { height, ...(first !== undefined && { firstActivation: first }) },
    );
  }
  return active;
}

/**
 * A version by its number.
 * @throws TapstakeError `unknown-params`
 */
export function paramsVersion(set: ParamSet, version: number): ProtocolParams {
  const found = set.versions.find((params) => params.version === version);
  if (!found) {
    throw new TapstakeError(
      "unknown-params",
      `${set.name}: expected a version from 0 to ${set.versions.length - 1}, got ${String(version)}`,
      { versions: set.versions.length },
    );
  }
  return found;
}
