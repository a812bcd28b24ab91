import { hex } from "../core/bytes.js";
import { type Delegation, expandedStake } from "../delegation/delegation.js";
import type { StakerStep } from "../delegation/step.js";
import type { ProtocolParams } from "../params/types.js";
import type { StakeTerms } from "../script/terms.js";
import { slashingParams } from "../stake/slashing.js";
import type { Contract } from "./types.js";

/** The names of the steps in Babylon's interface. */
const ACTIONS = {
  funding: "sign-btc-staking-transaction",
  slashing: "sign-btc-slashing-transaction",
  unbondingSlashing: "sign-btc-unbonding-slashing-transaction",
  unbonding: "sign-btc-unbonding-transaction",
  withdrawStaking: "sign-btc-withdraw-transaction",
  withdrawUnbonding: "sign-btc-withdraw-transaction",
  withdrawRefund: "sign-btc-withdraw-transaction",
  expansion: "sign-btc-staking-expansion-transaction",
} as const satisfies Record<StakerStep, string>;

/**
 * What Babylon's interface says of a step, beside the PSBT. Wallets show it; only Ledger's app refuses to sign without
 * it.
 * @param staker the x-only key of the signing staker
 * @throws TapstakeError `unsupported-params`, `not-an-expansion`
 */
export function describeStep(
  step: StakerStep,
  delegation: Delegation,
  staker: Uint8Array,
): { contracts: Contract[]; action: { name: string } } {
  return { contracts: contractsOf(step, delegation, staker), action: { name: ACTIONS[step] } };
}

function contractsOf(step: StakerStep, delegation: Delegation, staker: Uint8Array): Contract[] {
  const { terms, params, unbondingTime } = delegation;
  const stake = { terms, params, unbondingTime, stakerPk: hex.encode(staker) };
  switch (step) {
    case "funding":
      return [staking(stake)];
    case "slashing":
      return [staking(stake), ...slashing(stake)];
    case "unbondingSlashing":
      return [unbonding(stake), ...slashing(stake)];
    case "unbonding":
      return [staking(stake), unbonding(stake)];
    case "withdrawStaking":
      return [withdraw(stake, terms.timelock)];
    case "withdrawUnbonding":
    case "withdrawRefund":
      return [withdraw(stake, unbondingTime)];
    case "expansion":
      expandedStake(delegation);
      return [{ ...staking(stake), id: "babylon:staking-expansion" }];
  }
}

interface Stake {
  readonly terms: StakeTerms;
  readonly params: ProtocolParams;
  readonly unbondingTime: number;
  readonly stakerPk: string;
}

const parties = ({ terms: { finalityProviders, covenant }, stakerPk }: Stake) => ({
  stakerPk,
  finalityProviders: finalityProviders.map(hex.encode),
  covenantPks: covenant.keys.map(hex.encode),
  covenantThreshold: covenant.quorum,
});

const staking = (stake: Stake): Contract => ({
  id: "babylon:staking",
  params: {
    ...parties(stake),
    minUnbondingTime: stake.unbondingTime,
    stakingDuration: stake.terms.timelock,
  },
});

const unbonding = (stake: Stake): Contract => ({
  id: "babylon:unbonding",
  params: {
    ...parties(stake),
    unbondingTimeBlocks: stake.unbondingTime,
    unbondingFeeSat: Number(stake.params.unbondingFee),
  },
});

function slashing({ params, unbondingTime, stakerPk }: Stake): Contract[] {
  const { minFee, script } = slashingParams(params);
  return [
    {
      id: "babylon:slashing",
      params: { stakerPk, unbondingTimeBlocks: unbondingTime, slashingFeeSat: Number(minFee) },
    },
    { id: "babylon:slashing-burn", params: { stakerPk, slashingPkScriptHex: hex.encode(script) } },
  ];
}

const withdraw = ({ stakerPk }: Stake, timelockBlocks: number): Contract => ({
  id: "babylon:withdraw",
  params: { stakerPk, timelockBlocks },
});
