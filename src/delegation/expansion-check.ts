import { equalBytes, hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { stakerKeys } from "../script/terms.js";
import { checkExpansion, FUNDING_INPUT, fundingKind, previousStake } from "../stake/expansion.js";
import { formatOutpoint, outputAt } from "../bitcoin/transaction.js";
import type { Delegation } from "./delegation.js";
import { expansionSpend } from "./expansion.js";
import { assertNoDust, checkShape } from "./shape.js";
import { checkEach } from "./signatures.js";

/**
 * The rules of a staking transaction that expands another stake (PROTOCOL 3, 7); nothing where it does not. The
 * committee signs it in advance, so it is final as the others are. That the previous stake is registered and active,
 * only the chain knows.
 * @throws TapstakeError of the first rule that is broken, with that rule's code
 */
export function checkExpansionTransaction(delegation: Delegation): void {
  const { terms, params, staking, expansion } = delegation;
  if (!expansion) return;
  const previous = previousStake(expansion);
  const { transaction, prevouts } = expansionSpend(delegation);
  const { value } = outputAt(staking.transaction, staking.outputIndex);
  checkExpansion(expansion, { terms, params, value });
  checkShape(transaction, "expansion", {
    versions: [2],
    spends: [previous.coin.outpoint],
    moreInputs: 1,
    outputs: [1, 2],
  });
  assertNoDust(transaction, "expansion");
  checkFunding(delegation);
  const paid = transaction.outs.reduce((sum, output) => sum + output.value, 0n);
  const fee = prevouts.reduce((sum, output) => sum + output.value, 0n) - paid;
  if (fee <= 0n) {
    const text = `expansion: expected a fee above 0, got ${fee} satoshi`;
    throw new TapstakeError("expansion-fee-too-low", text, { got: fee });
  }
}

/**
 * The signatures so far of an expansion's spend of the previous stake; nothing where the delegation is none.
 * @throws TapstakeError `invalid-staker-signature`, `invalid-covenant-signature`, `duplicate-signature`
 */
export function checkExpansionSignatures(delegation: Delegation): void {
  const { expansion } = delegation;
  if (!expansion) return;
  const spend = expansionSpend(delegation);
  const { terms, params, stakerSignatures, covenantSignatures } = expansion;
  checkEach(spend, stakerSignatures, stakerKeys(terms.staker), "invalid-staker-signature");
  checkEach(spend, covenantSignatures, params.covenant, "invalid-covenant-signature");
}

/**
 * The coin must be one that can be spent for what the committee signs: with any other, its signatures would go to
 * nobody, or, as an input script is in the txid and in no signature of a Taproot input, for a transaction with another
 * txid too, whose stake nobody could slash.
 */
function checkFunding({ staking, expansion }: Delegation): void {
  const input = staking.transaction.ins[FUNDING_INPUT]!;
  const { script, value, transaction } = expansion!.funding;
  fundingKind({ outpoint: input, script, value });
  if (!transaction) return;
  if (!equalBytes(transaction.getHash(), input.hash)) {
    const [expected, got] = [formatOutpoint(input), transaction.getId()];
    const text = `expansion: funding transaction: expected ${expected}, got ${got}`;
    throw new TapstakeError("wrong-outpoint", text, { expected, got });
  }
  const output = outputAt(transaction, input.index);
  if (output.value !== value || !equalBytes(output.script, script)) {
    const text = `expansion: expected the funding output ${value} satoshi to ${hex.encode(script)}, got ${output.value} to ${hex.encode(output.script)}`;
    throw new TapstakeError("invalid-coin", text);
  }
}
