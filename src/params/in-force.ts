import { assertInteger } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { sharesAddresses } from "../core/network.js";
import { assertObject } from "../core/objects.js";
import { show } from "../core/text.js";
import { paramsObject } from "./json.js";
import type { ParamSet, ProtocolParams } from "./types.js";

/**
 * The version in force at a Bitcoin height: the last whose activation height is not above it (PROTOCOL 8).
 * @throws TapstakeError `not-active` below the first activation, `invalid-number`; `invalid-argument` if `set` is not a
 * parameter set
 */
export function paramsAt(set: ParamSet, height: number): ProtocolParams {
  assertSet(set);
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
 * @throws TapstakeError `unknown-params`; `invalid-argument` if `set` is not a parameter set
 */
export function paramsVersion(set: ParamSet, version: number): ProtocolParams {
  assertSet(set);
  const found = set.versions.find((params) => params.version === version);
  if (!found) {
    throw new TapstakeError(
      "unknown-params",
      `${set.name} has versions 0 to ${set.versions.length - 1}, not ${String(version)}`,
      { versions: set.versions.length },
    );
  }
  return found;
}

function assertSet(set: unknown): void {
  if (Array.isArray((set as Partial<ParamSet> | null | undefined)?.versions)) return;
  const remedy = typeof set === "string" ? "; pass the set itself, not its name" : "";
  throw new TapstakeError("invalid-argument", `set must be a parameter set, not ${show(set)}${remedy}`);
}

/**
 * The caller's own copy of a network's parameters, and the Bitcoin height that chooses their version (PROTOCOL 8). If
 * the stake is registered after its staking transaction is in a block, that is the block's height; if before, the
 * tip's.
 */
export interface OwnParams {
  readonly set: ParamSet;
  readonly height: number;
}

/**
 * Checks that the parameters of a document are the version in force. A document names its own version: its author could
 * have chosen one that slashes less, and that the chain no longer accepts.
 * @throws TapstakeError `params-not-in-force` for another version of the set, with `expected` and `got`; `not-active`
 * for a height before the first version; the codes of {@link checkSameParams}
 */
export function checkInForce(given: ProtocolParams, own: OwnParams): void {
  assertObject(given, "parameters");
  assertObject(own, "own parameters");
  const { set, height } = own;
  const inForce = paramsAt(set, height);
  if (given.version !== inForce.version && set.versions.some(({ version }) => version === given.version)) {
    const text = `at height ${height}, parameters v${inForce.version} of the set ${set.name} are in force, not v${given.version}`;
    const details = { height, expected: inForce.version, got: given.version };
    throw new TapstakeError("params-not-in-force", text, details);
  }
  checkSameParams(given, onNetworkOf(given, inForce));
}

/** Says, as data, that a version is not the newest of its set. */
export interface Superseded {
  /** The Bitcoin height from which a later version replaces it. */
  readonly since: number;
  /** The newest version of the set. */
  readonly newest: number;
}

/** What superseded a version of a set, and when; undefined for the newest version. */
export function supersededSince({ versions }: ParamSet, { version }: ProtocolParams): Superseded | undefined {
  const next = versions.find((later) => later.version > version);
  return next && { since: next.activationHeight, newest: versions.at(-1)!.version };
}

/** The published test parameters are valid for testnet and for signet, under either name. */
export const onNetworkOf = ({ network }: ProtocolParams, trusted: ProtocolParams): ProtocolParams =>
  sharesAddresses(network, trusted.network) ? { ...trusted, network } : trusted;

/**
 * Checks that the parameters of a document are the ones that the caller trusts. The document's author chose its
 * parameters, and could have put in another slashing script, slashing rate or unbonding time.
 * @param trusted the caller's own copy: see `paramsAt`
 * @throws TapstakeError `params-mismatch`, with the first differing field; the codes of `checkParams`
 */
export function checkSameParams(given: ProtocolParams, trusted: ProtocolParams): void {
  const [got, expected] = [comparable(given), comparable(trusted)];
  for (const field of new Set([...Object.keys(expected), ...Object.keys(got)])) {
    if (got[field] !== expected[field]) {
      const text = `${field} of parameters v${given.version} must be ${expected[field] ?? "absent"}, as in the trusted v${trusted.version}, not ${got[field] ?? "absent"}`;
      throw new TapstakeError("params-mismatch", text, { field });
    }
  }
}

/** Each field as text; the order of a committee's keys makes no difference. */
export function comparable(params: ProtocolParams): Record<string, string> {
  const { covenant, ...rest } = paramsObject(params);
  const fields = { ...rest, covenant: { keys: covenant.keys.toSorted(), quorum: covenant.quorum } };
  return Object.fromEntries(Object.entries(fields).map(([field, value]) => [field, JSON.stringify(value)]));
}
