import { applyRate } from "../core/amount.js";
import { dustThreshold } from "../core/dust.js";
import type { ProtocolParams } from "./types.js";

/** What is legal in parameters, and makes some stake that they admit unsafe. */
export interface ParamsWarning {
  readonly field: string;
  readonly message: string;
}

/** The dust threshold of the P2TR outputs that the protocol makes. */
const P2TR_DUST = 330n;

/**
 * What the rules of PROTOCOL 8 let through and the smallest stake suffers from: a transaction of its life with an
 * output so small that no node relays it. A stake that cannot be slashed has nothing at stake.
 * Empty for the published parameters. Call it on parameters that {@link checkParams} passed.
 */
export function paramsWarnings(params: ProtocolParams): readonly ParamsWarning[] {
  const warnings: ParamsWarning[] = [];
  const warn = (field: string, message: string) => warnings.push({ field, message });
  const unbonded = params.minValue - params.unbondingFee;
  if (params.minValue < P2TR_DUST) warn("minValue", `a stake of ${params.minValue} satoshi is dust`);
  if (unbonded < P2TR_DUST) warn("unbondingFee", `leaves ${unbonded} satoshi of the smallest stake: dust`);
  if (!params.slashing) return warnings;

  const { script, rate, minFee } = params.slashing;
  for (const [output, value] of [["staking", params.minValue] as const, ["unbonding", unbonded] as const]) {
    const slashed = applyRate(value, rate);
    const refund = value - slashed - minFee;
    const which = `slashing the ${output} output of the smallest stake`;
    if (slashed < dustThreshold(script)) warn("slashing.rate", `${which} pays ${slashed} satoshi: dust`);
    if (refund < P2TR_DUST) warn("slashing.minFee", `${which} refunds ${refund} satoshi: dust or less`);
  }
  return warnings;
}
