import { base64 } from "@scure/base";
import * as v from "valibot";
import { parseRate } from "../core/amount.js";
import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { parseJson, readJson } from "../core/json.js";
import type { Network } from "../core/network.js";
import { assertObject } from "../core/objects.js";
import { checkParams, checkParamSet } from "./check.js";
import { paramsOf } from "./json.js";
import { COMMISSION_DECIMALS, type ParamSet, type ProtocolParams, SLASHING_RATE_DECIMALS } from "./types.js";

/**
 * Reads parameters in any form that files have: one version or a list as `paramsToJson` writes it, or as networks
 * publish them.
 * @param as the name of the set; the network too for the published forms, which do not name it
 * @throws TapstakeError `invalid-network` if it is needed and missing; `wrong-network` if the file names another
 * network; the codes of `paramsFromJson` and `parseParamSet`
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
        `${as.name}: these are not protocol parameters, neither in the form of tapstake nor as published`,
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
  const versions = list.map((one) => paramsOf(one));
  const { network } = versions[0]!;
  if (as.network && as.network !== network) {
    const message = `the parameters are of ${network}, not of ${as.network}`;
    throw new TapstakeError("wrong-network", message, { expected: as.network, got: network });
  }
  const set: ParamSet = { name: as.name, network, versions };
  // A single version keeps its number from the list.
  if (versions.length > 1) checkParamSet(set);
  return set;
}

/**
 * Reads parameters as networks publish them. Phase 1 is a file, `{"versions": […]}`, with keys of 33 bytes. Phase 2 is
 * a list: the index is the version number, and the slashing script is in base64. The chain's own servers answer with
 * such a list in which each entry says its number, bare or under `params`; or with one version alone. Whole numbers may
 * be JSON numbers or decimal text. Fields that do not concern Bitcoin are ignored, as chains add new ones.
 * @param json the JSON text, or the result of `JSON.parse`
 * @param as the name of the set and the Bitcoin network, which the published form does not say; also the chain and the
 * day, if known; and for a version alone its number, unless the answer says it
 * @throws TapstakeError `invalid-json`, also for a list with more pages on the server; `invalid-hex`,
 * `invalid-rate`, and the codes of `checkParamSet`, also for a list that lacks a version
 */
export function parseParamSet(
  json: unknown,
  as: Omit<ParamSet, "versions"> & { readonly version?: number },
): ParamSet {
  assertObject(as, "the name and network of the set");
  const { version, ...origin } = as;
  const value = typeof json === "string" ? parseJson(json, "params") : json;
  if (isAlone(value)) {
    const one = readAlone(value, as.network, version);
    checkParams(one);
    return { ...origin, versions: [one] };
  }
  const set: ParamSet = { ...origin, versions: readVersions(value, as.network) };
  checkParamSet(set);
  return set;
}

function readVersions(value: unknown, network: Network): ProtocolParams[] {
  if (isObject(value) && "params" in value) {
    const answer = readJson(answeredList, value, "params");
    assertWhole(answer.pagination?.next_key);
    return readNumbered(answer.params, network, "params.params");
  }
  if (!Array.isArray(value)) return readPhase1(value, network);
  if (!value.some(isNumbered)) return readPhase2(value, network);
  return readNumbered(readJson(v.array(numbered), value, "params"), network, "params");
}

/** A server gives so many versions at once: the rest would be missing unseen. */
function assertWhole(nextKey: string | null | undefined): void {
  if (!nextKey) return;
  const path = "params.pagination.next_key";
  const text = `${path}: the list is not whole, the server has more pages. Ask for them by pagination.limit`;
  throw new TapstakeError("invalid-json", text, { path });
}

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isNumbered = (value: unknown): boolean => isObject(value) && "params" in value;

/** One version, as a server answers for its number or for a height. */
const isAlone = (value: unknown): boolean =>
  isObject(value) && "params" in value && !Array.isArray(value.params);

/** A list of versions, or an object that holds one or more under `versions` or `params`. */
const isPublishedForm = (json: unknown): boolean =>
  Array.isArray(json) || (isObject(json) && ("versions" in json || "params" in json));

const isOwnForm = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "covenant" in value;

/** A JSON number beyond 2^53 may already differ from the one in the text. */
const whole = v.pipe(
  v.custom<number | string>((value) => isWhole(value), "a whole number below 2^53"),
  v.transform((value) => BigInt(value)),
);
const count = v.pipe(
  whole,
  v.transform((value) => Number(value)),
);

const phase1File = v.object({
  versions: v.array(
    v.object({
      version: count,
      activation_height: count,
      staking_cap: v.exactOptional(whole),
      cap_height: v.exactOptional(count),
      tag: v.string(),
      covenant_pks: v.array(v.string()),
      covenant_quorum: count,
      unbonding_time: count,
      unbonding_fee: whole,
      max_staking_amount: whole,
      min_staking_amount: whole,
      max_staking_time: count,
      min_staking_time: count,
      confirmation_depth: count,
    }),
  ),
});

const phase2Version = v.object({
  covenant_pks: v.array(v.string()),
  covenant_quorum: count,
  min_staking_value_sat: whole,
  max_staking_value_sat: whole,
  min_staking_time_blocks: count,
  max_staking_time_blocks: count,
  slashing_pk_script: v.string(),
  min_slashing_tx_fee_sat: whole,
  slashing_rate: v.string(),
  unbonding_time_blocks: count,
  unbonding_fee_sat: whole,
  min_commission_rate: v.string(),
  btc_activation_height: count,
});
const phase2List = v.array(phase2Version);
const numbered = v.object({ version: count, params: phase2Version });
const answeredList = v.object({
  params: v.array(numbered),
  pagination: v.nullish(v.object({ next_key: v.nullish(v.string()) })),
});
const answeredOne = v.object({ version: v.exactOptional(count), params: phase2Version });

function isWhole(value: unknown): boolean {
  const number = typeof value === "string" && /^(0|[1-9]\d*)$/.test(value) ? Number(value) : value;
  return Number.isSafeInteger(number) && (number as number) >= 0;
}

function readPhase1(value: unknown, network: Network): ProtocolParams[] {
  return readJson(phase1File, value, "params").versions.map((one, i) => {
    const path = `params.versions[${i}]`;
    return {
      version: one.version,
      network,
      activationHeight: one.activation_height,
      covenant: {
        keys: one.covenant_pks.map((key, k) => dropParity(key, `${path}.covenant_pks[${k}]`)),
        quorum: one.covenant_quorum,
      },
      minValue: one.min_staking_amount,
      maxValue: one.max_staking_amount,
      minTime: one.min_staking_time,
      maxTime: one.max_staking_time,
      unbondingTime: one.unbonding_time,
      unbondingFee: one.unbonding_fee,
      phase1: {
        tag: hex.decode(one.tag, 4, `${path}.tag`),
        ...(one.staking_cap !== undefined && { cap: one.staking_cap }),
        ...(one.cap_height !== undefined && { capHeight: one.cap_height }),
        confirmationDepth: one.confirmation_depth,
      },
    };
  });
}

const readPhase2 = (value: unknown, network: Network): ProtocolParams[] =>
  readJson(phase2List, value, "params").map((one, i) => phase2Params(one, i, network, `params[${i}]`));

const readNumbered = (
  list: readonly v.InferOutput<typeof numbered>[],
  network: Network,
  path: string,
): ProtocolParams[] =>
  list.map(({ version, params }, i) => phase2Params(params, version, network, `${path}[${i}].params`));

function readAlone(value: unknown, network: Network, named: number | undefined): ProtocolParams {
  const { version = named, params } = readJson(answeredOne, value, "params");
  if (version !== undefined) return phase2Params(params, version, network, "params.params");
  const text = "params.version: the answer does not say which version this is, so it has to be given";
  throw new TapstakeError("invalid-json", text, { path: "params.version" });
}

function phase2Params(
  one: v.InferOutput<typeof phase2Version>,
  version: number,
  network: Network,
  path: string,
): ProtocolParams {
  return {
    version,
    network,
    activationHeight: one.btc_activation_height,
    covenant: {
      keys: one.covenant_pks.map((key, k) => hex.decode(key, 32, `${path}.covenant_pks[${k}]`)),
      quorum: one.covenant_quorum,
    },
    minValue: one.min_staking_value_sat,
    maxValue: one.max_staking_value_sat,
    minTime: one.min_staking_time_blocks,
    maxTime: one.max_staking_time_blocks,
    unbondingTime: one.unbonding_time_blocks,
    unbondingFee: one.unbonding_fee_sat,
    slashing: {
      script: decodeBase64(one.slashing_pk_script, `${path}.slashing_pk_script`),
      rate: parseRate(one.slashing_rate, SLASHING_RATE_DECIMALS, `${path}.slashing_rate`),
      minFee: one.min_slashing_tx_fee_sat,
    },
    minCommission: parseRate(one.min_commission_rate, COMMISSION_DECIMALS, `${path}.min_commission_rate`),
  };
}

/** A compressed key as an x-only key: scripts use no parity. */
function dropParity(text: string, path: string): Uint8Array {
  const key = hex.decode(text, 33, path);
  if (key[0] !== 2 && key[0] !== 3) {
    const first = text.slice(0, 2);
    throw new TapstakeError("invalid-public-key", `${path} must start with 02 or 03, not with ${first}`, {
      path,
    });
  }
  return key.slice(1);
}

function decodeBase64(text: string, path: string): Uint8Array {
  try {
    return base64.decode(text);
  } catch {
    throw new TapstakeError("invalid-json", `${path} must be base64`, { path });
  }
}
