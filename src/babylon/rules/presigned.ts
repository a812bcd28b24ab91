import { dustThreshold } from "../../bitcoin/output-script.js";
import type { Transaction } from "../../bitcoin/transaction-class.js";
import { FINAL_SEQUENCE, outpointOf, spends } from "../../bitcoin/transaction.js";
import { equalBytes } from "../../core/bytes.js";
import type { TaprootOutput } from "../../script/outputs.js";
import { verifyLeafSignature } from "../../spending/spend.js";
import { leastSlashed } from "../../stake/slashing.js";
import { type Described, type Stake, underParams } from "./described.js";
import { transactionIn } from "./shared.js";
import type { Rule } from "./types.js";

/** Which transactions are slashed, and what the chain calls an error in each. */
export const slashingRules = (from: "staking" | "unbonding", code: number): readonly Rule<Stake>[] => {
  const name = from === "staking" ? "slashing" : "unbonding-slashing";
  const of = (stake: Described, message: Stake) => {
    const isStaking = from === "staking";
    const transaction = transactionIn(isStaking ? message.slashingTx : message.unbondingSlashingTx);
    const [funding, index] = isStaking ? [stake.staking, stake.index] : [stake.unbonding, 0];
    const coin = funding.outs[index];
    return transaction && coin ? { transaction, funding, index, coin } : null;
  };
  const rule = (
    suffix: string,
    find: (
      part: NonNullable<ReturnType<typeof of>>,
      stake: Described,
      message: Stake,
    ) => string | false | undefined,
    error = code,
  ) =>
    underParams(`${name}${suffix}`, error, (stake, message) => {
      const part = of(stake, message);
      return (part && find(part, stake, message)) || undefined;
    });
  return [
    rule("-form", ({ transaction }) => presigned(transaction, 2, [1, 2])),
    rule(
      "-input",
      ({ transaction, funding, index }) =>
        !spends(transaction.ins[0]!, outpointOf(funding, index)) && `it does not spend the ${from} output`,
    ),
    rule("-script", ({ transaction }, { params }) =>
      !equalBytes(transaction.outs[0]!.script, params.slashing!.script)
        ? "output 0 does not pay to the chain's slashing script"
        : undefined,
    ),
    rule("-amount", ({ transaction, coin }, { params }) => {
      const least = leastSlashed(coin.value, params.slashing!.rate);
      const got = transaction.outs[0]!.value;
      return got < least && `output 0 has ${got} sat; the chain asks for ${least} sat`;
    }),
    rule(
      "-refund",
      ({ transaction }, { outputs }) =>
        !equalBytes(transaction.outs[1]!.script, outputs.refund.script) &&
        "output 1 is not the staker's, locked for the unbonding time",
    ),
    rule("-dust", ({ transaction }) => {
      const dust = transaction.outs.find(({ script, value }) => value < dustThreshold(script));
      return dust && `an output of ${dust.value} sat is dust`;
    }),
    rule("-fee", ({ transaction, coin }, { params }) => {
      const fee = coin.value - transaction.outs.reduce((sum, { value }) => sum + value, 0n);
      const least = params.slashing!.minFee;
      return (fee <= 0n || fee < least) && `the fee is ${fee} sat; the chain asks for ${least} sat`;
    }),
    rule(
      "-signature",
      ({ transaction, coin }, { outputs }, message) => {
        const output: TaprootOutput<"slashing"> = outputs[from] as never;
        const spend = { transaction, inputIndex: 0, prevouts: [coin], leaf: output.leaves.slashing };
        const signature =
          from === "staking" ? message.delegatorSlashingSig : message.delegatorUnbondingSlashingSig;
        const isSigned = verifyLeafSignature(spend, { publicKey: message.btcPk, signature });
        return !isSigned && "the staker's signature does not verify";
      },
      1109,
    ),
  ];
};

const MOST_WEIGHT = 400_000;

/** Final, with one input and no script in it, of a size that nodes relay. */
export function presigned(
  transaction: Transaction,
  outputs: number,
  versions: readonly number[],
): string | undefined {
  const { ins, outs, locktime, version } = transaction;
  if (ins.length !== 1) return `it has ${ins.length} inputs; the chain asks for 1`;
  if (outs.length !== outputs) return `it has ${outs.length} outputs; the chain asks for ${outputs}`;
  if (locktime !== 0 || ins[0]!.sequence !== FINAL_SEQUENCE) return "it is not final";
  if (!versions.includes(version))
    return `its version is ${version}; the chain asks for ${versions.join(" or ")}`;
  if (ins[0]!.script.length > 0) return "its input has a script";
  return transaction.weight() > MOST_WEIGHT ? `it weighs more than ${MOST_WEIGHT}` : undefined;
}
