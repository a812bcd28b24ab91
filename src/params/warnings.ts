import { Transaction } from "../bitcoin/transaction-class.js";
import { dustThreshold } from "../bitcoin/output-script.js";
import { applyRate } from "../core/amount.js";
import { xOnlyPointAddTweak } from "../core/curve/points.js";
import { sha256 } from "../core/hashes.js";
import { assertObject } from "../core/objects.js";
import { type Leaf, stakingOutput, unbondingOutput } from "../script/outputs.js";
import { NUMS_KEY } from "../script/taproot.js";
import type { ProtocolParams } from "./types.js";

/** A value that the rules permit, but that makes some stakes unsafe. */
export interface ParamsWarning {
  readonly field: string;
  readonly message: string;
}

/**
 * Warns of what the rules of PROTOCOL 8 permit but stakes suffer from. For the smallest stake: an output so small that
 * nodes do not relay the transaction. For every stake: a fee below the 1 sat/vB that nodes ask for. If nodes do not
 * relay the slashing, the stake has nothing at risk. For the shortest stake: a time lock that the staking chain never
 * activates, as it ends a stake an unbonding time before its lock.
 *
 * Empty for the published parameters. Call it on parameters that {@link checkParams} accepted.
 */
export function paramsWarnings(params: ProtocolParams): readonly ParamsWarning[] {
  assertObject(params, "parameters");
  const warnings: ParamsWarning[] = [];
  const warn = (field: string, message: string) => warnings.push({ field, message });
  const warnOfFee = (field: string, what: string, fee: bigint, vsize: number) => {
    if (fee >= BigInt(vsize)) return;
    warn(field, `${what} pays ${fee} satoshi for ${vsize} virtual bytes: less than nodes relay`);
  };
  const { staking, unbonding } = smallestOutputs(params);
  const { minTime, unbondingTime } = params;
  if (!params.phase1 && minTime <= unbondingTime) {
    const text = `a stake of ${minTime} to ${unbondingTime} blocks is never activated: its time is not above the unbonding time`;
    warn("minTime", text);
  }
  // All outputs that the protocol makes are P2TR.
  const dust = dustThreshold(staking.script);
  const unbonded = params.minValue - params.unbondingFee;
  if (params.minValue < dust) warn("minValue", `a stake of ${params.minValue} satoshi is dust`);
  if (unbonded < dust) warn("unbondingFee", `leaves ${unbonded} satoshi of the smallest stake: dust`);
  const unbondingSize = signedSize(staking.leaves.unbonding, [unbonding.script]);
  warnOfFee("unbondingFee", "unbonding", params.unbondingFee, unbondingSize);
  if (!params.slashing) return warnings;

  const { script, rate, minFee } = params.slashing;
  for (const [output, value] of [["staking", params.minValue] as const, ["unbonding", unbonded] as const]) {
    const slashed = applyRate(value, rate);
    const refund = value - slashed - minFee;
    const which = `slashing the ${output} output of the smallest stake`;
    if (slashed < dustThreshold(script)) warn("slashing.rate", `${which} pays ${slashed} satoshi: dust`);
    if (refund < dust) warn("slashing.minFee", `${which} refunds ${refund} satoshi: dust or less`);
  }
  // The refund is P2TR, as long as the unbonding output.
  for (const [output, { leaves }] of Object.entries({ staking, unbonding })) {
    const vsize = signedSize(leaves.slashing, [script, unbonding.script]);
    warnOfFee("slashing.minFee", `slashing the ${output} output`, minFee, vsize);
  }
  return warnings;
}

/** The outputs of a stake by one staker and one finality provider: more keys make every transaction larger. */
function smallestOutputs({ covenant, minTime, unbondingTime, network }: ProtocolParams) {
  // No secrets of these points are known, so no member has them.
  const staker = NUMS_KEY;
  const provider = xOnlyPointAddTweak(staker, sha256(staker))!.xOnlyPubkey;
  const terms = { staker, finalityProviders: [provider], covenant, timelock: minTime };
  return {
    staking: stakingOutput(terms, network),
    unbonding: unbondingOutput(terms, unbondingTime, network),
  };
}

/** Virtual bytes of a transaction that spends a leaf by exactly its quorums, to these outputs. */
function signedSize({ signers, script, controlBlock }: Leaf, outputs: readonly Uint8Array[]): number {
  const transaction = new Transaction();
  transaction.addInput(new Uint8Array(32), 0);
  for (const output of outputs) transaction.addOutput(output, 0n);
  const slots = signers.flatMap(({ keys, quorum }) =>
    keys.map((_, i) => new Uint8Array(i < quorum ? SIGNATURE_LENGTH : 0)),
  );
  transaction.setWitness(0, [...slots, script, controlBlock]);
  return transaction.virtualSize();
}

/** With SIGHASH_DEFAULT (BIP-341). */
const SIGNATURE_LENGTH = 64;
