import { outpointOf, type Prevout, type UnspentOutput } from "../bitcoin/transaction.js";
import type { Leaf } from "../script/outputs.js";
import { findOutput } from "../stake/decode.js";
import type { Withdrawable } from "../stake/withdrawal.js";
import { type Delegation, outputsIn, stakeCoin, unbondedCoin } from "./delegation.js";

/** The outputs of a stake, by name. There are two refunds: each slashing has its own. */
export const STAKE_OUTPUTS = ["staking", "unbonding", "refund", "unbonding-refund"] as const;
/** The name of one of {@link STAKE_OUTPUTS}. */
export type StakeOutputName = (typeof STAKE_OUTPUTS)[number];

/** One output of a stake: where it is, once the transaction that makes it is mined. */
export interface StakeOutput {
  readonly name: StakeOutputName;
  /** Which of the protocol's three outputs it is. */
  readonly from: Withdrawable;
  /** With its script: `buildWithdrawal` compares it. */
  readonly coin: UnspentOutput & Pick<Prevout, "script">;
  readonly script: Uint8Array;
  /** The ways to spend it. */
  readonly leaves: readonly Leaf[];
  /** The blocks after which the staker alone can spend it. */
  readonly timelock: number;
}

/**
 * The outputs that can have the coins of a delegation, in the order of {@link STAKE_OUTPUTS}.
 * @throws TapstakeError `output-not-found`, `multiple-staking-outputs` if a slashing does not have its refund exactly
 * once
 */
export function stakeOutputs(delegation: Delegation): readonly StakeOutput[] {
  const outputs = outputsIn(delegation);
  const output = (name: StakeOutputName, from: Withdrawable, coin: UnspentOutput): StakeOutput => {
    const { script, leaves } = outputs[from];
    const { timelock } = leaves.timelock;
    return { name, from, coin: { ...coin, script }, script, leaves: Object.values<Leaf>(leaves), timelock };
  };
  const refund = ({ transaction }: Delegation["slashing"]): UnspentOutput => {
    const index = findOutput(transaction, outputs.refund.script);
    return { outpoint: outpointOf(transaction, index), value: transaction.outs[index]!.value };
  };
  return [
    output("staking", "staking", stakeCoin(delegation)),
    output("unbonding", "unbonding", unbondedCoin(delegation)),
    output("refund", "refund", refund(delegation.slashing)),
    output("unbonding-refund", "refund", refund(delegation.unbondingSlashing)),
  ];
}

/** One of {@link stakeOutputs} by its name. @throws TapstakeError as {@link stakeOutputs} */
export const stakeOutputNamed = (delegation: Delegation, name: StakeOutputName): StakeOutput =>
  stakeOutputs(delegation).find((output) => output.name === name)!;
