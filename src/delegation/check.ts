import { applyRate } from "../core/amount.js";
import { equalBytes, hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { adaptor } from "../crypto/adaptor.js";
import { checkStake } from "../params/stake.js";
import { slashingChangeOutput, stakingOutput, unbondingOutput } from "../script/outputs.js";
import { stakerKeys } from "../script/terms.js";
import { SLASHABLE, type Slashable, slashingParams } from "../stake/slashing.js";
import { leafSighash } from "../spending/spend.js";
import { outputAt } from "../bitcoin/transaction.js";
import { findOutput } from "../stake/decode.js";
import {
  type AdaptorSignature,
  type Delegation,
  presignedSlashing,
  slashingSpend,
  stakeCoin,
  unbondedCoin,
  unbondingSpend,
} from "./delegation.js";
import { checkExpansionSignatures, checkExpansionTransaction } from "./expansion-check.js";
import { assertNoDust, checkShape } from "./shape.js";
import { assertDistinct, checkEach, contains } from "./signatures.js";

/**
 * Everything that a committee member, a staker or a watchtower must know of a delegation before relying on it
 * (PROTOCOL 7): the transactions, the stakers' slashing signatures, and every other signature that is present.
 * Outputs are built again from the keys and compared.
 *
 * Everything is held against the delegation's own parameters. Whether these are the network's, the document cannot
 * prove: compare them with `checkSameParams` (`checkForMember` does).
 * @throws TapstakeError of the first rule that is broken, with that rule's code
 */
export function checkDelegation(delegation: Delegation): void {
  checkSoFar(delegation);
  checkStakerQuorum(delegation);
}

/**
 * The rules of {@link checkDelegation} that hold while signatures are still being gathered: any may be missing, and
 * those that are there must verify.
 * @throws TapstakeError of the first rule that is broken, with that rule's code
 */
export function checkSoFar(delegation: Delegation): void {
  checkTransactions(delegation);
  checkStakerSignatures(delegation);
  checkCovenantSignatures(delegation);
  checkExpansionSignatures(delegation);
}

/**
 * The rules of {@link checkDelegation} that need no signature: what a staker checks before signing.
 * @throws TapstakeError of the first rule that is broken, with that rule's code
 */
export function checkTransactions(delegation: Delegation): void {
  checkStaking(delegation);
  checkExpansionTransaction(delegation);
  checkUnbonding(delegation);
  checkSlashing(delegation, "staking");
  checkSlashing(delegation, "unbonding");
}

function checkStaking(delegation: Delegation): void {
  const { terms, params, staking, unbondingTime } = delegation;
  slashingParams(params);
  const { script, value } = outputAt(staking.transaction, staking.outputIndex);
  checkStake(params, terms, value);
  const expected = stakingOutput(terms, params.network).script;
  if (!equalBytes(script, expected)) {
    throw mismatch("staking-output-mismatch", `staking output ${staking.outputIndex}`, expected, script);
  }
  findOutput(staking.transaction, expected);
  if (unbondingTime !== params.unbondingTime) {
    const text = `expected an unbonding time of ${params.unbondingTime} blocks, got ${unbondingTime}`;
    throw new TapstakeError("unbonding-time-mismatch", text, {
      expected: params.unbondingTime,
      got: unbondingTime,
    });
  }
}

function checkUnbonding(delegation: Delegation): void {
  const { terms, params, unbonding } = delegation;
  const { transaction } = unbonding;
  checkShape(transaction, "unbonding transaction", {
    versions: [2],
    spends: [stakeCoin(delegation).outpoint],
    outputs: [1],
  });
  const [output] = transaction.outs;
  const expected = unbondingOutput(terms, params.unbondingTime, params.network).script;
  if (!equalBytes(output!.script, expected)) {
    throw mismatch("unbonding-output-mismatch", "unbonding output", expected, output!.script);
  }
  const fee = stakeCoin(delegation).value - output!.value;
  if (fee !== params.unbondingFee) {
    const text = `expected an unbonding fee of ${params.unbondingFee} satoshi, got ${fee}`;
    throw new TapstakeError("unbonding-fee-mismatch", text, { expected: params.unbondingFee, got: fee });
  }
}

function checkSlashing(delegation: Delegation, from: Slashable): void {
  const { terms, params } = delegation;
  const { script, rate, minFee } = slashingParams(params);
  const { transaction } = presignedSlashing(delegation, from);
  const coin = from === "staking" ? stakeCoin(delegation) : unbondedCoin(delegation);
  const name = `slashing transaction of the ${from} output`;
  checkShape(transaction, name, { versions: [1, 2], spends: [coin.outpoint], outputs: [2] });

  const [slashed, refund] = transaction.outs;
  if (!equalBytes(slashed!.script, script)) {
    throw mismatch("slashing-script-mismatch", `${name}: output 0`, script, slashed!.script);
  }
  const amount = applyRate(coin.value, rate);
  if (slashed!.value < amount) {
    const text = `${name}: expected at least ${amount} satoshi in output 0, got ${slashed!.value}`;
    throw new TapstakeError("slashing-amount-too-low", text, { expected: amount, got: slashed!.value });
  }
  const refundScript = slashingChangeOutput(terms.staker, params.unbondingTime, params.network).script;
  if (!equalBytes(refund!.script, refundScript)) {
    throw mismatch("refund-output-mismatch", `${name}: output 1`, refundScript, refund!.script);
  }
  const fee = coin.value - slashed!.value - refund!.value;
  if (fee < minFee) {
    const text = `${name}: expected a fee of at least ${minFee} satoshi, got ${fee}`;
    throw new TapstakeError("slashing-fee-too-low", text, { expected: minFee, got: fee });
  }
  assertNoDust(transaction, name);
}

function checkStakerSignatures(delegation: Delegation): void {
  const staker = stakerKeys(delegation.terms.staker);
  for (const from of SLASHABLE) {
    const { stakerSignatures } = presignedSlashing(delegation, from);
    checkEach(slashingSpend(delegation, from), stakerSignatures, staker, "invalid-staker-signature");
  }
  const { stakerSignatures } = delegation.unbonding;
  checkEach(unbondingSpend(delegation), stakerSignatures, staker, "invalid-staker-signature");
}

/** Without them a stake could not be slashed. */
function checkStakerQuorum(delegation: Delegation): void {
  const { quorum } = stakerKeys(delegation.terms.staker);
  for (const from of SLASHABLE) {
    const { length } = presignedSlashing(delegation, from).stakerSignatures;
    if (length < quorum) {
      const text = `slashing of the ${from} output: expected ${quorum} signatures by the staker, got ${length}`;
      throw new TapstakeError("invalid-staker-signature", text, { from, expected: quorum, got: length });
    }
  }
}

function checkCovenantSignatures(delegation: Delegation): void {
  const { covenant } = delegation.terms;
  const { covenantSignatures } = delegation.unbonding;
  checkEach(unbondingSpend(delegation), covenantSignatures, covenant, "invalid-covenant-signature");
  for (const from of SLASHABLE) {
    const adaptors = presignedSlashing(delegation, from).covenantSignatures;
    assertDistinct(adaptors.map(({ publicKey, finalityProvider }) => [publicKey, finalityProvider]));
    for (const signature of adaptors) checkAdaptorSignature(delegation, from, signature);
  }
}

/**
 * Whether an adaptor signature is by a committee member, for one of the stake's finality providers, and verifies.
 * @throws TapstakeError `invalid-covenant-signature`
 */
export function checkAdaptorSignature(
  delegation: Delegation,
  from: Slashable,
  signed: AdaptorSignature,
): void {
  const { covenant, finalityProviders } = delegation.terms;
  const { publicKey, finalityProvider, signature } = signed;
  const digest = leafSighash(slashingSpend(delegation, from));
  if (
    !contains(covenant.keys, publicKey) ||
    !contains(finalityProviders, finalityProvider) ||
    !adaptor.verify(publicKey, finalityProvider, digest, signature)
  ) {
    const [member, provider] = [hex.encode(publicKey), hex.encode(finalityProvider)];
    const text = `slashing of the ${from} output: no valid adaptor signature by ${member} for ${provider}`;
    throw new TapstakeError("invalid-covenant-signature", text, { from, member, finalityProvider: provider });
  }
}

function mismatch(
  code:
    | "staking-output-mismatch"
    | "unbonding-output-mismatch"
    | "slashing-script-mismatch"
    | "refund-output-mismatch",
  name: string,
  expected: Uint8Array,
  got: Uint8Array,
): TapstakeError {
  const [want, have] = [hex.encode(expected), hex.encode(got)];
  return new TapstakeError(code, `${name}: expected script ${want}, got ${have}`, {
    expected: want,
    got: have,
  });
}
