import type { Transaction } from "../bitcoin/transaction-class.js";
import {
  formatOutpoint,
  type Outpoint,
  outputAt,
  type Prevout,
  spends,
  spentBy,
} from "../bitcoin/transaction.js";
import { equalBytes } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { type Delegation, stakeCoin } from "../delegation/delegation.js";
import { type Leaf, stakingOutput } from "../script/outputs.js";
import { checkMinedWitness } from "../spending/mined.js";
import { withoutAnnex } from "../spending/witness.js";
import { ACCOUNT, aboutStake, fields, INCLUSION, listOf, TRANSACTION, WITHOUT_WITNESS } from "./codec.js";
import type { InclusionProof } from "./inclusion.js";
import type { MessageOf } from "./schema.js";
import { assertMessage } from "./shape.js";

/** That a stake was spent: by its unbonding transaction, or by any other. */
export interface Undelegation {
  /** The account that sends the message, in bech32. */
  readonly signer: string;
  /** Signed, as in its block. */
  readonly transaction: Transaction;
  readonly inclusion: InclusionProof;
  /**
   * The transactions of all outputs that it spends: its signatures are over these. The staking transaction may be left
   * out where a message is made, as the delegation has it; the message holds it.
   */
  readonly fundingTransactions: readonly Transaction[];
}

/**
 * The message that reports a spent stake. It takes any spend that Bitcoin takes: by any leaf, with any hash type and
 * with an annex.
 * @throws TapstakeError `wrong-outpoint` when the transaction does not spend the stake, or nothing of a funding
 * transaction; `message-mismatch` when the funding transaction of another input is not there, `output-not-found` when
 * that has no such output; `missing-signature`, `witness-mismatch`, `invalid-signature`, `unsupported-sighash` when the
 * stake is not spent as one of its leaves asks; `invalid-address`, `invalid-proof`
 */
export function undelegateMessage(
  delegation: Delegation,
  undelegation: Undelegation,
): MessageOf<"MsgBTCUndelegate"> {
  const { staking } = delegation;
  const whole = [staking.transaction, ...undelegation.fundingTransactions];
  const fundingTransactions = [...new Map(whole.map((one) => [one.getId(), one])).values()];
  const complete = { ...undelegation, fundingTransactions };
  checkUndelegation(delegation, complete);
  return undelegationFields(delegation).write(complete);
}

/**
 * The inverse of {@link undelegateMessage}, checked in the same way.
 * @throws TapstakeError `message-mismatch` also when it is about another stake, or the staking transaction is not among
 * the funding transactions; `invalid-hex`, `invalid-transaction`, and as there
 */
export function readUndelegate(message: MessageOf<"MsgBTCUndelegate">, delegation: Delegation): Undelegation {
  assertMessage("MsgBTCUndelegate", message);
  const undelegation = undelegationFields(delegation).read(message);
  checkUndelegation(delegation, undelegation);
  return undelegation;
}

const undelegationFields = (delegation: Delegation) =>
  fields<MessageOf<"MsgBTCUndelegate">, Undelegation>({
    stakingTxHash: aboutStake(delegation),
    signer: ["signer", ACCOUNT],
    stakeSpendingTx: ["transaction", TRANSACTION],
    stakeSpendingTxInclusionProof: ["inclusion", INCLUSION],
    fundingTransactions: ["fundingTransactions", listOf(WITHOUT_WITNESS)],
  });

function checkUndelegation(delegation: Delegation, { transaction, fundingTransactions }: Undelegation): void {
  const inputIndex = stakeInput(delegation, transaction);
  if (transaction.ins[inputIndex]!.witness.length === 0) {
    throw new TapstakeError("missing-signature", `${transaction.getId()} is not signed`);
  }
  for (const funding of fundingTransactions) {
    const hash = funding.getHash();
    if (transaction.ins.some((input) => equalBytes(input.hash, hash))) continue;
    const text = `${transaction.getId()} spends nothing of the funding transaction ${funding.getId()}`;
    throw new TapstakeError("wrong-outpoint", text);
  }
  checkStakeSpend(delegation, transaction, inputIndex, prevoutsOf(transaction, fundingTransactions));
}

/** Which input of a transaction spends the stake. @throws TapstakeError `wrong-outpoint` */
export function stakeInput(delegation: Delegation, transaction: Transaction): number {
  const { outpoint } = stakeCoin(delegation);
  const inputIndex = transaction.ins.findIndex((input) => spends(input, outpoint));
  if (inputIndex >= 0) return inputIndex;
  const text = `${transaction.getId()} does not spend the stake, ${formatOutpoint(outpoint)}`;
  throw new TapstakeError("wrong-outpoint", text);
}

/**
 * What each input spends, out of the transactions that are given.
 * @throws TapstakeError `message-mismatch` when one is not there, `output-not-found`
 */
export const prevoutsOf = (transaction: Transaction, given: readonly Transaction[]): Prevout[] =>
  transaction.ins.map((input) => fundingOutput(transaction, spentBy(input), given));

/** The chain verifies the staker's signature, which is over all that is spent. */
function fundingOutput(transaction: Transaction, spent: Outpoint, given: readonly Transaction[]): Prevout {
  const funding = given.find((one) => one.getId() === spent.txid);
  if (funding) return outputAt(funding, spent.vout);
  const name = formatOutpoint(spent);
  const text = `${transaction.getId()} spends ${name}, and the transaction ${spent.txid} that funds it is not given`;
  throw new TapstakeError("message-mismatch", text, { what: "fundingTransactions", outpoint: name });
}

/**
 * That an input spends the stake as Bitcoin takes it: by a leaf, with exactly the quorum of each key set, whose
 * signatures verify.
 * @throws TapstakeError `witness-mismatch`, `missing-signature`, `invalid-signature`, `unsupported-sighash`
 */
export function checkStakeSpend(
  { terms, params }: Delegation,
  transaction: Transaction,
  inputIndex: number,
  prevouts: readonly Prevout[],
): void {
  const script = withoutAnnex(transaction.ins[inputIndex]!.witness).at(-2) ?? new Uint8Array(0);
  const leaves: readonly Leaf[] = Object.values(stakingOutput(terms, params.network).leaves);
  const leaf = leaves.find((each) => equalBytes(each.script, script));
  if (!leaf) {
    const text = `the witness of ${transaction.getId()} opens no leaf of the stake`;
    throw new TapstakeError("witness-mismatch", text);
  }
  checkMinedWitness({ transaction, inputIndex, prevouts, leaf });
}
