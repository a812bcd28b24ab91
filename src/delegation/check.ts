import type { Transaction } from "../bitcoin/transaction-class.js";
import { dustThreshold } from "../bitcoin/output-script.js";
import {
  assertPossible,
  FINAL_SEQUENCE,
  formatOutpoint,
  type OutpointLike,
  outpointOf,
  outputAt,
  spentBy,
  spends,
} from "../bitcoin/transaction.js";
import { containsBytes, equalBytes, hex } from "../core/bytes.js";
import { type ErrorCode, TapstakeError } from "../core/errors.js";
import { counted } from "../core/text.js";
import { adaptor } from "../crypto/adaptor.js";
import { checkStake } from "../params/check.js";
import type { StakeOutputs } from "../script/outputs.js";
import { type KeySet, stakerKeys } from "../script/terms.js";
import { leafSighash, type LeafSignature, type LeafSpend, verifyLeafSignature } from "../spending/spend.js";
import { findOutput } from "../stake/decode.js";
import { checkExpansion, previousStake } from "../stake/expansion.js";
import { FUNDING_INPUT, fundingKind } from "../stake/funding-coin.js";
import { leastSlashed, SLASHABLE, type Slashable, slashingParams } from "../stake/slashing.js";
import {
  assertDelegation,
  type AdaptorSignature,
  type Delegation,
  outputsIn,
  presignedSlashing,
  stakeCoin,
  unbondedCoin,
} from "./delegation.js";
import { expansionSpend, slashingSpend, unbondingSpend } from "./spends.js";

/**
 * Checks all that a committee member, a staker or a watchtower must know of a delegation before relying on it (PROTOCOL
 * 7): the transactions, the stakers' slashing signatures, and every other signature that is present. It builds the
 * outputs again from the keys and compares them.
 *
 * It uses the delegation's own parameters. The document cannot prove that these are the network's: compare them with
 * `checkSameParams` (`checkForMember` does).
 * @throws TapstakeError for the first rule that is broken, with that rule's code
 */
export function checkDelegation(delegation: Delegation): void {
  checkSoFar(delegation);
  checkStakerQuorum(delegation);
}

/**
 * Checks the rules of {@link checkDelegation} that apply while signatures are collected: any may be missing, and those
 * that are there must verify.
 * @throws TapstakeError for the first rule that is broken, with that rule's code
 */
export function checkSoFar(delegation: Delegation): void {
  const outputs = checkedOutputs(delegation);
  checkStakerSignatures(delegation, outputs);
  checkCovenantSignatures(delegation, outputs);
  checkExpansionSignatures(delegation);
}

/**
 * Checks the rules of {@link checkDelegation} that need no signature: a staker checks them before signing.
 * @throws TapstakeError for the first rule that is broken, with that rule's code
 */
export function checkTransactions(delegation: Delegation): void {
  checkedOutputs(delegation);
}

/**
 * The outputs of a delegation, after a check that its transactions agree with them: all later checks start from these.
 */
export function checkedOutputs(delegation: Delegation): StakeOutputs {
  assertDelegation(delegation);
  slashingParams(delegation.params);
  const outputs = outputsIn(delegation);
  checkStaking(delegation, outputs);
  checkExpansionTransaction(delegation);
  assertPossible(delegation.staking.transaction);
  checkUnbonding(delegation, outputs);
  checkSlashing(delegation, outputs, "staking");
  checkSlashing(delegation, outputs, "unbonding");
  return outputs;
}

/** The staking output, its value and its times: a part of {@link checkTransactions}. @throws TapstakeError the code of the broken rule */
export function checkStaking(delegation: Delegation, outputs: StakeOutputs): void {
  const { terms, params, staking, unbondingTime } = delegation;
  const { script, value } = outputAt(staking.transaction, staking.outputIndex);
  checkStake(params, terms, value);
  const expected = outputs.staking.script;
  if (!equalBytes(script, expected)) {
    throw mismatch("staking-output-mismatch", `staking output ${staking.outputIndex}`, expected, script);
  }
  findOutput(staking.transaction, expected);
  if (unbondingTime !== params.unbondingTime) {
    const text = `the unbonding time is ${counted(unbondingTime, "block")}; the parameters say ${counted(params.unbondingTime, "block")}`;
    throw new TapstakeError("unbonding-time-mismatch", text, {
      expected: params.unbondingTime,
      got: unbondingTime,
    });
  }
}

/** The unbonding transaction: a part of {@link checkTransactions}. @throws TapstakeError the code of the broken rule */
export function checkUnbonding(delegation: Delegation, outputs: StakeOutputs): void {
  const { params, unbonding } = delegation;
  const { transaction } = unbonding;
  checkShape(transaction, "unbonding transaction", {
    versions: [2],
    spends: [stakeCoin(delegation).outpoint],
    outputs: [1],
  });
  const [output] = transaction.outs;
  const expected = outputs.unbonding.script;
  if (!equalBytes(output!.script, expected)) {
    throw mismatch("unbonding-output-mismatch", "unbonding output", expected, output!.script);
  }
  const fee = stakeCoin(delegation).value - output!.value;
  if (fee !== params.unbondingFee) {
    const text = `the unbonding fee is ${fee} sat; the parameters say ${params.unbondingFee} sat`;
    throw new TapstakeError("unbonding-fee-mismatch", text, { expected: params.unbondingFee, got: fee });
  }
}

/** The slashing transaction of one output: a part of {@link checkTransactions}. @throws TapstakeError the code of the broken rule */
export function checkSlashing(delegation: Delegation, outputs: StakeOutputs, from: Slashable): void {
  const { script, rate, minFee } = slashingParams(delegation.params);
  const { transaction } = presignedSlashing(delegation, from);
  const coin = from === "staking" ? stakeCoin(delegation) : unbondedCoin(delegation);
  const name = `slashing transaction of the ${from} output`;
  checkShape(transaction, name, { versions: [1, 2], spends: [coin.outpoint], outputs: [2] });

  const [slashed, refund] = transaction.outs;
  if (!equalBytes(slashed!.script, script)) {
    throw mismatch("slashing-script-mismatch", `${name}: output 0`, script, slashed!.script);
  }
  const amount = leastSlashed(coin.value, rate);
  if (slashed!.value < amount) {
    const text = `${name}: output 0 has ${slashed!.value} sat; the parameters demand at least ${amount} sat`;
    throw new TapstakeError("slashing-amount-too-low", text, { expected: amount, got: slashed!.value });
  }
  const refundScript = outputs.refund.script;
  if (!equalBytes(refund!.script, refundScript)) {
    throw mismatch("refund-output-mismatch", `${name}: output 1`, refundScript, refund!.script);
  }
  const fee = coin.value - slashed!.value - refund!.value;
  if (fee < minFee) {
    const text = `${name}: the fee is ${fee} sat; the parameters demand at least ${minFee} sat`;
    throw new TapstakeError("slashing-fee-too-low", text, { expected: minFee, got: fee });
  }
  assertNoDust(transaction, name);
}

function checkStakerSignatures(delegation: Delegation, outputs: StakeOutputs): void {
  const staker = stakerKeys(delegation.terms.staker);
  for (const from of SLASHABLE) {
    const { stakerSignatures } = presignedSlashing(delegation, from);
    checkEach(slashingSpend(delegation, from, outputs), stakerSignatures, staker, "invalid-staker-signature");
  }
  const { stakerSignatures } = delegation.unbonding;
  checkEach(unbondingSpend(delegation, outputs), stakerSignatures, staker, "invalid-staker-signature");
}

/** Without them a stake could not be slashed. */
function checkStakerQuorum(delegation: Delegation): void {
  const { quorum } = stakerKeys(delegation.terms.staker);
  for (const from of SLASHABLE) {
    const { length } = presignedSlashing(delegation, from).stakerSignatures;
    if (length < quorum) {
      const text = `slashing of the ${from} output: the staker has given ${length} of ${quorum} signatures`;
      throw new TapstakeError("invalid-staker-signature", text, { from, expected: quorum, got: length });
    }
  }
}

function checkCovenantSignatures(delegation: Delegation, outputs: StakeOutputs): void {
  const { covenant } = delegation.terms;
  const { covenantSignatures } = delegation.unbonding;
  checkEach(unbondingSpend(delegation, outputs), covenantSignatures, covenant, "invalid-covenant-signature");
  for (const from of SLASHABLE) {
    const adaptors = presignedSlashing(delegation, from).covenantSignatures;
    assertDistinct(adaptors.map(({ publicKey, finalityProvider }) => [publicKey, finalityProvider]));
    const spend = slashingSpend(delegation, from, outputs);
    for (const signature of adaptors) checkAdaptorSignature(delegation, from, signature, spend);
  }
}

/**
 * Checks that an adaptor signature is by a committee member, is for one of the stake's finality providers, and
 * verifies.
 * @param spend what it signs, if the caller has it already
 * @throws TapstakeError `invalid-covenant-signature`
 */
export function checkAdaptorSignature(
  delegation: Delegation,
  from: Slashable,
  signed: AdaptorSignature,
  spend = slashingSpend(delegation, from),
): void {
  const { covenant, finalityProviders } = delegation.terms;
  const { publicKey, finalityProvider, signature } = signed;
  const digest = leafSighash(spend);
  if (
    !containsBytes(covenant.keys, publicKey) ||
    !containsBytes(finalityProviders, finalityProvider) ||
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
  return new TapstakeError(code, `${name}: the script is ${have}, but must be ${want}`, {
    expected: want,
    got: have,
  });
}

/**
 * Checks the rules for a staking transaction that expands another stake (PROTOCOL 3, 7); any other passes. The
 * committee signs it in advance, so nothing in it may change later. Only the chain knows whether the previous stake is
 * registered and active.
 * @throws TapstakeError for the first rule that is broken, with that rule's code
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
  });
  assertNoDust(transaction, "expansion");
  checkFunding(delegation);
  const paid = transaction.outs.reduce((sum, output) => sum + output.value, 0n);
  const fee = prevouts.reduce((sum, output) => sum + output.value, 0n) - paid;
  if (fee <= 0n) {
    const text = `expansion: the fee is ${fee} sat, but must be above 0`;
    throw new TapstakeError("expansion-fee-too-low", text, { got: fee });
  }
}

/**
 * Checks the signatures so far of an expansion's spend of the previous stake. A delegation that is not an expansion
 * passes.
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
 * The coin must be one that can be spent in the transaction that the committee signs. With any other, the committee's
 * signatures may be useless. Or they may fit a transaction with another txid, whose stake can never be slashed: an
 * input script is part of the txid, but of no Taproot signature.
 */
function checkFunding({ staking, expansion }: Delegation): void {
  const input = staking.transaction.ins[FUNDING_INPUT]!;
  const { script, value, transaction } = expansion!.funding;
  const previous = expansion!.staking;
  if (spends(input, outpointOf(previous.transaction, previous.outputIndex))) {
    const text = "expansion: the funding coin is the previous stake itself, which input 0 spends already";
    throw new TapstakeError("invalid-coin", text, { outpoint: formatOutpoint(spentBy(input)) });
  }
  fundingKind({ outpoint: spentBy(input), script, value });
  if (!transaction) return;
  if (!equalBytes(transaction.getHash(), input.hash)) {
    const [expected, got] = [formatOutpoint(spentBy(input)), transaction.getId()];
    const text = `expansion: the funding transaction is ${got}, but must be ${expected}`;
    throw new TapstakeError("wrong-outpoint", text, { expected, got });
  }
  const output = outputAt(transaction, input.index);
  if (output.value !== value || !equalBytes(output.script, script)) {
    const text = `expansion: the funding output has ${output.value} sat and script ${hex.encode(output.script)}, but must have ${value} sat and script ${hex.encode(script)}`;
    throw new TapstakeError("invalid-coin", text);
  }
}

/** The required form of one pre-signed transaction. */
export interface Shape {
  readonly versions: readonly number[];
  /** What the first inputs spend, in order. The caller checks the others (`moreInputs`) elsewhere. */
  readonly spends: readonly OutpointLike[];
  readonly moreInputs?: number;
  /** The permitted numbers of outputs; every number when it is absent. */
  readonly outputs?: readonly number[];
}

/**
 * Checks what all pre-signed transactions have in common (PROTOCOL 3).
 * @throws TapstakeError `wrong-version`, `wrong-locktime`, `wrong-input-count`, `wrong-output-count`, `wrong-sequence`,
 * `wrong-script-sig`, `wrong-witness`, `wrong-outpoint`
 */
export function checkShape(transaction: Transaction, name: string, shape: Shape): void {
  const { version, locktime, ins, outs } = transaction;
  const { versions, moreInputs = 0, outputs } = shape;
  const inputs = shape.spends.length + moreInputs;
  const demand = (code: ErrorCode, what: string, allowed: readonly number[], got: number) => {
    if (allowed.includes(got)) return;
    const expected = allowed.length === 1 ? allowed[0]! : allowed.join(" or ");
    throw new TapstakeError(code, `${name}: ${what} must be ${expected}, not ${got}`, { expected, got });
  };
  demand("wrong-version", "version", versions, version);
  demand("wrong-locktime", "lock time", [0], locktime);
  demand("wrong-input-count", "number of inputs", [inputs], ins.length);
  if (outputs) demand("wrong-output-count", "number of outputs", outputs, outs.length);
  for (const [index, input] of ins.entries()) {
    const of = inputs === 1 ? "" : `input ${index}: `;
    demand("wrong-sequence", `${of}sequence`, [FINAL_SEQUENCE], input.sequence);
    // An input script would not change the signatures but the txid, and with it what the next transaction spends.
    demand("wrong-script-sig", `${of}input script bytes`, [0], input.script.length);
    const outpoint = shape.spends[index];
    if (!outpoint) continue;
    demand("wrong-witness", `${of}witness elements`, [0], input.witness.length);
    if (!spends(input, outpoint)) {
      const [expected, got] = [formatOutpoint(outpoint), formatOutpoint(spentBy(input))];
      const text = `${name}: ${of}it spends ${got}, but must spend ${expected}`;
      throw new TapstakeError("wrong-outpoint", text, { expected, got });
    }
  }
}

/** @throws TapstakeError `dust-output` for an output that nodes do not relay */
export function assertNoDust({ outs }: Transaction, name: string): void {
  for (const [index, { script, value }] of outs.entries()) {
    const threshold = dustThreshold(script);
    if (value >= threshold) continue;
    const text = `${name}: output ${index} holds ${value} satoshi, dust below ${threshold}`;
    throw new TapstakeError("dust-output", text, { index, value, threshold });
  }
}

/**
 * Checks signatures of a leaf spend: each must be valid, and by another one of these keys.
 * @throws TapstakeError the given code, `duplicate-signature`
 */
export function checkEach(
  spend: LeafSpend,
  signatures: readonly LeafSignature[],
  allowed: KeySet,
  code: "invalid-staker-signature" | "invalid-covenant-signature",
): void {
  assertDistinct(signatures.map(({ publicKey }) => [publicKey]));
  for (const signature of signatures) {
    if (!containsBytes(allowed.keys, signature.publicKey) || !verifyLeafSignature(spend, signature)) {
      const key = hex.encode(signature.publicKey);
      throw new TapstakeError(code, `the signature by ${key} of the ${spend.leaf.kind} does not verify`, {
        key,
      });
    }
  }
}

/**
 * Checks that a key signs once. A second valid signature beside the first would leave two candidates for one slot of
 * the witness, and the slashing could not be finished when it is needed.
 * @throws TapstakeError `duplicate-signature`
 */
export function assertDistinct(signers: readonly (readonly Uint8Array[])[]): void {
  const seen = new Set<string>();
  for (const keys of signers) {
    const name = keys.map(hex.encode).join(" for ");
    if (seen.has(name)) {
      throw new TapstakeError("duplicate-signature", `two signatures by ${name}`, { key: name });
    }
    seen.add(name);
  }
}
