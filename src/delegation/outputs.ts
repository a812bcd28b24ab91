import { slashingChangeOutput, stakingOutput, unbondingOutput } from "../script/outputs.js";
import { outpointOf, outputAt, type UnspentOutput } from "../bitcoin/transaction.js";
import { findOutput } from "../stake/decode.js";
import type { Withdrawable } from "../stake/withdrawal.js";
import { type Delegation, stakeCoin, unbondedCoin } from "./delegation.js";

/** The outputs that a stake can come to rest in, by name. There are two refunds: of each slashing its own. */
export const STAKE_OUTPUTS = ["staking", "unbonding", "refund", "unbonding-refund"] as const;
export type StakeOutputName = (typeof STAKE_OUTPUTS)[number];

/** One of them: where it is, once the transaction that makes it is mined. */
export interface StakeOutput {
  readonly name: StakeOutputName;
  /** By which of the protocol's three outputs it is spent. */
  readonly from: Withdrawable;
  readonly coin: UnspentOutput;
  readonly script: Uint8Array;
  /** Blocks that it must be old before the staker alone can spend it. */
  readonly timelock: number;
}

/**
 * Where the coins of a delegation can be, in the order of {@link STAKE_OUTPUTS}.
 * @throws TapstakeError `output-not-found`, `multiple-staking-outputs` when a slashing leaves no such refund
 */
export function stakeOutputs(delegation: Delegation): readonly StakeOutput[] {
  const { terms, params, unbondingTime, slashing, unbondingSlashing } = delegation;
  const { script } = slashingChangeOutput(terms.staker, unbondingTime, params.network);
  const refund = (name: StakeOutputName, { transaction }: Delegation["slashing"]): StakeOutput => {
    const index = findOutput(transaction, script);
    const coin = { outpoint: outpointOf(transaction, index), value: outputAt(transaction, index).value };
    return { name, from: "refund", coin, script, timelock: unbondingTime };
  };
  return [
    {
      name: "staking",
      from: "staking",
      coin: stakeCoin(delegation),
      script: stakingOutput(terms, params.network).script,
      timelock: terms.timelock,
    },
    {
      name: "unbonding",
      from: "unbonding",
      coin: unbondedCoin(delegation),
      script: unbondingOutput(terms, unbondingTime, params.network).script,
      timelock: unbondingTime,
    },
    refund("refund", slashing),
    refund("unbonding-refund", unbondingSlashing),
  ];
}

/** One of {@link stakeOutputs} by its name. @throws TapstakeError as {@link stakeOutputs} */
export const stakeOutputNamed = (delegation: Delegation, name: StakeOutputName): StakeOutput =>
  stakeOutputs(delegation).find((output) => output.name === name)!;
