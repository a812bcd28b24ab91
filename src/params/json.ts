import * as v from "valibot";
import { formatRate, parseRate, type Rate } from "../core/amount.js";
import { hex } from "../core/bytes.js";
import { decimalText, jsonText, parseJson, readJson } from "../core/json.js";
import type { Network } from "../core/network.js";
import { checkParams } from "./check.js";
import { COMMISSION_DECIMALS, type ProtocolParams, SLASHING_RATE_DECIMALS } from "./types.js";

/** One parameter version in JSON: bytes as hexadecimal, amounts and rates as decimal text. */
export interface ProtocolParamsJson {
  readonly version: number;
  readonly network: Network;
  readonly activationHeight: number;
  readonly covenant: { readonly keys: readonly string[]; readonly quorum: number };
  readonly minValue: string;
  readonly maxValue: string;
  readonly minTime: number;
  readonly maxTime: number;
  readonly unbondingTime: number;
  readonly unbondingFee: string;
  readonly slashing?: { readonly script: string; readonly rate: string; readonly minFee: string };
  readonly minCommission?: string;
  readonly phase1?: {
    readonly tag: string;
    readonly cap?: string;
    readonly capHeight?: number;
    readonly confirmationDepth: number;
  };
}

/**
 * Parameters as JSON text, for files; {@link paramsFromJson} reads it.
 * @throws TapstakeError the codes of `checkParams`
 */
export const paramsToJson = (params: ProtocolParams): string => jsonText(paramsObject(params));

/** Parameters as a plain object, for JSON that holds more. @throws TapstakeError the codes of `checkParams` */
export function paramsObject(params: ProtocolParams): ProtocolParamsJson {
  checkParams(params);
  const { slashing, minCommission, phase1 } = params;
  return {
    version: params.version,
    network: params.network,
    activationHeight: params.activationHeight,
    covenant: { keys: params.covenant.keys.map((key) => hex.encode(key)), quorum: params.covenant.quorum },
    minValue: `${params.minValue}`,
    maxValue: `${params.maxValue}`,
    minTime: params.minTime,
    maxTime: params.maxTime,
    unbondingTime: params.unbondingTime,
    unbondingFee: `${params.unbondingFee}`,
    ...(slashing && {
      slashing: {
        script: hex.encode(slashing.script),
        rate: decimal(slashing.rate, SLASHING_RATE_DECIMALS),
        minFee: `${slashing.minFee}`,
      },
    }),
    ...(minCommission && { minCommission: decimal(minCommission, COMMISSION_DECIMALS) }),
    ...(phase1 && {
      phase1: {
        tag: hex.encode(phase1.tag),
        ...(phase1.cap !== undefined && { cap: `${phase1.cap}` }),
        ...(phase1.capHeight !== undefined && { capHeight: phase1.capHeight }),
        confirmationDepth: phase1.confirmationDepth,
      },
    }),
  };
}

/**
 * The inverse of {@link paramsToJson}. It refuses unknown fields, and checks all rules of one version.
 * @throws TapstakeError `invalid-json`, `invalid-hex`, and the codes of `checkParams`
 */
export const paramsFromJson = (text: string): ProtocolParams => paramsOf(parseJson(text, "params"));

/**
 * The inverse of {@link paramsObject}.
 * @param name what it is called in messages, with the path inside it behind
 * @throws TapstakeError as {@link paramsFromJson}
 */
export function paramsOf(json: unknown, name = "params"): ProtocolParams {
  const { covenant, slashing, minCommission, phase1, ...rest } = readJson(form, json, name);
  const params: ProtocolParams = {
    ...rest,
    // `checkParams` refuses an unknown network, with its own code.
    network: rest.network as Network,
    covenant: {
      keys: covenant.keys.map((key, i) => hex.decode(key, 32, `${name}.covenant.keys[${i}]`)),
      quorum: covenant.quorum,
    },
    ...(slashing && {
      slashing: {
        script: hex.decode(slashing.script, undefined, `${name}.slashing.script`),
        rate: parseRate(slashing.rate, SLASHING_RATE_DECIMALS, `${name}.slashing.rate`),
        minFee: slashing.minFee,
      },
    }),
    ...(minCommission !== undefined && {
      minCommission: parseRate(minCommission, COMMISSION_DECIMALS, `${name}.minCommission`),
    }),
    ...(phase1 && {
      phase1: {
        tag: hex.decode(phase1.tag, 4, `${name}.phase1.tag`),
        ...(phase1.cap !== undefined && { cap: phase1.cap }),
        ...(phase1.capHeight !== undefined && { capHeight: phase1.capHeight }),
        confirmationDepth: phase1.confirmationDepth,
      },
    }),
  };
  checkParams(params);
  return params;
}

const form = v.strictObject({
  version: v.number(),
  network: v.string(),
  activationHeight: v.number(),
  covenant: v.strictObject({ keys: v.array(v.string()), quorum: v.number() }),
  minValue: decimalText,
  maxValue: decimalText,
  minTime: v.number(),
  maxTime: v.number(),
  unbondingTime: v.number(),
  unbondingFee: decimalText,
  slashing: v.exactOptional(v.strictObject({ script: v.string(), rate: v.string(), minFee: decimalText })),
  minCommission: v.exactOptional(v.string()),
  phase1: v.exactOptional(
    v.strictObject({
      tag: v.string(),
      cap: v.exactOptional(decimalText),
      capHeight: v.exactOptional(v.number()),
      confirmationDepth: v.number(),
    }),
  ),
});

/** The shortest decimal number for a fraction, with any denominator. */
function decimal(rate: Rate, decimals: number): string {
  const denominator = 10n ** BigInt(decimals);
  return formatRate({ numerator: (rate.numerator * denominator) / rate.denominator, denominator });
}
