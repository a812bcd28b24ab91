import { equalBytes, hex } from "../core/bytes.js";
import { isWitnessProgram } from "../core/dust.js";
import { TapstakeError } from "../core/errors.js";
import { stakerKeys } from "../script/terms.js";
import { checkExpansion, FUNDING_INPUT, previousStake } from "../tx/expansion.js";
import { formatOutpoint, outputAt, spends } from "../tx/transaction.js";
import type { Delegation } from "./delegation.js";
import { expansionSpend } from "./expansion.js";
import { checkEach } from "./signatures.js";

/**
 * The rules of a staking transaction that expands another stake (PROTOCOL 3, 7); nothing where it does not. That the
 * previous stake is registered and active, only the chain knows.
 * @throws TapstakeError of the first rule that is broken, with that rule's code
 */
export function checkExpansionTransaction(delegation: Delegation): void {
  const { terms, params, staking, expansion } = delegation;
  if (!expansion) return;
  const previous = previousStake(expansion);
  const { transaction, prevouts } = expansionSpend(delegation);
  const { value } = outputAt(staking.transaction, staking.outputIndex);
  checkExpansion(expansion, { terms, params, value });
  const { version, ins, outs } = transaction;
  if (version !== 2) {
    const text = `expansion: expected version 2, got ${version}`;
    throw new TapstakeError("wrong-version", text, { expected: 2, got: version });
  }
  if (!spends(ins[0]!, previous.coin.outpoint)) {
    throw wrongOutpoint("input 0", formatOutpoint(previous.coin.outpoint), formatOutpoint(ins[0]!));
  }
  checkFunding(delegation);
  const paid = outs.reduce((sum, output) => sum + output.value, 0n);
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
 * Input scripts are in the txid and in no signature of a Taproot input. With a funding coin that has one, the
 * committee's signature would go for a transaction with another txid too, whose stake nobody could slash.
 */
function checkFunding({ staking, expansion }: Delegation): void {
  const { ins } = staking.transaction;
  for (const [index, { script }] of ins.entries()) {
    if (script.length === 0) continue;
    const text = `expansion: expected input script bytes 0 of input ${index}, got ${script.length}`;
    throw new TapstakeError("wrong-script-sig", text, { expected: 0, got: script.length });
  }
  const { script, value, transaction } = expansion!.funding;
  if (!isWitnessProgram(script)) {
    const text = `expansion: expected a native segwit coin to fund it, got script ${hex.encode(script)}`;
    throw new TapstakeError("invalid-coin", text);
  }
  if (!transaction) return;
  const input = ins[FUNDING_INPUT]!;
  if (!equalBytes(transaction.getHash(), input.hash)) {
    throw wrongOutpoint("funding transaction", formatOutpoint(input), transaction.getId());
  }
  const output = outputAt(transaction, input.index);
  if (output.value !== value || !equalBytes(output.script, script)) {
    const text = `expansion: expected the funding output ${value} satoshi to ${hex.encode(script)}, got ${output.value} to ${hex.encode(output.script)}`;
    throw new TapstakeError("invalid-coin", text);
  }
}

function wrongOutpoint(what: string, expected: string, got: string): TapstakeError {
  const text = `expansion: ${what}: expected ${expected}, got ${got}`;
  return new TapstakeError("wrong-outpoint", text, { expected, got });
}
