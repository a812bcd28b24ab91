import type { UnspentOutput } from "../bitcoin/transaction.js";
import type { ProtocolParams } from "../params/types.js";
import { outputsOf } from "../script/outputs.js";
import type { StakeTerms } from "../script/terms.js";
import { slashingOf } from "./slashing.js";
import { unbondingOf } from "./unbonding.js";

/**
 * That what must be signed before a stake is broadcast can be built: its unbonding and, from phase 2 on, both
 * slashings. A stake that leaves dust in one of them could be locked and never registered.
 * @param value satoshi
 * @throws TapstakeError `dust-output`, and the codes of `buildUnbonding` and `buildSlashing`
 */
export function assertPresignable(terms: StakeTerms, params: ProtocolParams, value: bigint): void {
  const outputs = outputsOf(terms, params);
  const stake: UnspentOutput = { outpoint: { txid: "00".repeat(32), vout: 0 }, value };
  const unbonding = unbondingOf(outputs, params, stake);
  if (!params.slashing) return;
  slashingOf(outputs, params, "staking", stake);
  slashingOf(outputs, params, "unbonding", { ...stake, value: unbonding.value });
}
