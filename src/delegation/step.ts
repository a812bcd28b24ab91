import type { Transaction } from "../bitcoin/transaction-class.js";
import { spends } from "../bitcoin/transaction.js";
import { TapstakeError } from "../core/errors.js";
import type { Psbt } from "../psbt/psbt.js";
import { parseAnswer, type PsbtLike, transactionOf } from "../psbt/read.js";
import { assertSameTransaction } from "../psbt/returned.js";
import type { Withdrawable } from "../stake/withdrawal.js";
import type { Delegation } from "./delegation.js";
import { stakeOutputs } from "./outputs.js";
import { PRESIGNED } from "./spends.js";

/** What a staker's wallet signs in the life of a stake. */
export const STAKER_STEPS = [
  "funding",
  "slashing",
  "unbondingSlashing",
  "unbonding",
  "withdrawStaking",
  "withdrawUnbonding",
  "withdrawRefund",
  "expansion",
] as const;
/** The name of one of {@link STAKER_STEPS}. */
export type StakerStep = (typeof STAKER_STEPS)[number];

/**
 * Runs `read` on a wallet's answer. The answer may be of another step of the same stake: the user gave the right answer
 * in the wrong place. If `read` refuses its transaction, the error then names that step.
 * @param asked the step that the answer must be of, or those that it can be of
 * @throws TapstakeError `invalid-psbt`; the codes of `read`; a `psbt-mismatch` then has the other step as `step` in its details
 */
export function namingStep<T>(
  delegation: Delegation,
  asked: StakerStep | readonly StakerStep[],
  returned: PsbtLike,
  read: (answer: Psbt) => T,
): T {
  const answer = parseAnswer(returned);
  try {
    return read(answer);
  } catch (cause) {
    if (!(cause instanceof TapstakeError) || cause.code !== "psbt-mismatch") throw cause;
    const step = stepOf(delegation, answer);
    const wanted = [asked].flat();
    if (step === undefined || wanted.includes(step)) throw cause;
    const needed = wanted.map((each) => `the ${STEP_WORDS[each]}`).join(" or ");
    const text = `this is the ${STEP_WORDS[step]} of the same stake, and ${needed} is needed; give the wallet's answer to that step`;
    throw new TapstakeError("psbt-mismatch", text, { ...cause.details, step }, { cause });
  }
}

/** What each step signs, in words. */
export const STEP_WORDS: Readonly<Record<StakerStep, string>> = {
  funding: "staking transaction",
  slashing: "slashing of the stake",
  unbondingSlashing: "slashing of the unbonding output",
  unbonding: "unbonding",
  withdrawStaking: "withdrawal of the stake",
  withdrawUnbonding: "withdrawal of the unbonding output",
  withdrawRefund: "withdrawal of a slashing's refund",
  expansion: "expansion",
};

/** The step that a PSBT is of: by its transaction, and for withdrawals by what it spends. */
function stepOf(delegation: Delegation, psbt: Psbt): StakerStep | undefined {
  const { staking, expansion } = delegation;
  if (isOf(staking.transaction, psbt)) return expansion ? "expansion" : "funding";
  const presigned = PRESIGNED.find((name) => isOf(delegation[name].transaction, psbt));
  return presigned ?? withdrawalOf(delegation, psbt);
}

function isOf(transaction: Transaction, psbt: Psbt): boolean {
  try {
    assertSameTransaction(transaction, psbt);
    return true;
  } catch {
    return false;
  }
}

/** A withdrawal waits for the time lock, by its sequence. */
function withdrawalOf(delegation: Delegation, psbt: Psbt): StakerStep | undefined {
  const { ins } = transactionOf(psbt);
  const spent = stakeOutputs(delegation).find(({ coin, timelock }) =>
    ins.some((input) => input.sequence === timelock && spends(input, coin.outpoint)),
  );
  return spent && WITHDRAWAL_STEPS[spent.from];
}

/** The step that withdraws from each output. */
export const WITHDRAWAL_STEPS = {
  staking: "withdrawStaking",
  unbonding: "withdrawUnbonding",
  refund: "withdrawRefund",
} as const satisfies Record<Withdrawable, StakerStep>;
