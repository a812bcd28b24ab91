import type { Transaction } from "../bitcoin/transaction-class.js";
import { assertEstimated, SCHNORR_LENGTHS } from "../bitcoin/fee.js";
import { containsBytes, equalBytes, hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import type { PsbtLike } from "../psbt/read.js";
import { signaturesFromPsbt } from "../psbt/signatures.js";
import { stakerKeys } from "../script/terms.js";
import {
  assertSigner,
  finishSpend,
  type LeafSignature,
  type Signer,
  signLeaf,
  spendOfCopy,
  withSignature,
} from "../spending/spend.js";
import type { Expansion } from "../stake/expansion.js";
import { FUNDING_INPUT, fundingWitness } from "../stake/funding-coin.js";
import type { Slashable } from "../stake/slashing.js";
import { checkedOutputs, checkTransactions } from "./check.js";
import { assertDelegation, type Delegation, expandedStake, presignedSlashing } from "./delegation.js";
import { expansionSpend, slashingSpend, unbondingSpend } from "./spends.js";

/**
 * Makes the staker's signatures of both slashing transactions in advance: without them, the stake cannot be slashed. It
 * first checks every transaction of the delegation, against the delegation's own parameters. Call it for each of
 * several stakers.
 * @throws TapstakeError `unexpected-signer` for any other key; the codes of `checkTransactions` and of `signLeaf`
 */
export async function signSlashings(delegation: Delegation, staker: Signer): Promise<Delegation> {
  assertStaker(delegation, staker);
  const outputs = checkedOutputs(delegation);
  // Copied now, as checked: transactions can change while a remote signer works.
  const spends = {
    staking: spendOfCopy(slashingSpend(delegation, "staking", outputs)),
    unbonding: spendOfCopy(slashingSpend(delegation, "unbonding", outputs)),
  };
  const sign = async (from: Slashable) => {
    const presigned = presignedSlashing(delegation, from);
    const signature = await signLeaf(spends[from], staker);
    return { ...presigned, stakerSignatures: withSignature(presigned.stakerSignatures, signature) };
  };
  return { ...delegation, slashing: await sign("staking"), unbondingSlashing: await sign("unbonding") };
}

/**
 * Makes the staker's signature of the unbonding transaction: together with the committee's, it can end the stake. It
 * first checks every transaction of the delegation.
 * @throws TapstakeError `unexpected-signer` for any other key; the codes of `checkTransactions` and of `signLeaf`
 */
export async function signUnbonding(delegation: Delegation, staker: Signer): Promise<Delegation> {
  assertStaker(delegation, staker);
  const { unbonding } = delegation;
  const signature = await signLeaf(unbondingSpend(delegation, checkedOutputs(delegation)), staker);
  const stakerSignatures = withSignature(unbonding.stakerSignatures, signature);
  return { ...delegation, unbonding: { ...unbonding, stakerSignatures } };
}

/**
 * The signed unbonding transaction.
 * @throws TapstakeError `missing-signature`, and the codes of `checkLeafSignature`
 */
export function finishUnbonding(delegation: Delegation): Transaction {
  assertDelegation(delegation);
  const { stakerSignatures, covenantSignatures } = delegation.unbonding;
  return finishSpend(unbondingSpend(delegation), [...stakerSignatures, ...covenantSignatures]);
}

/** The leaves also name the committee and the finality providers; they must not sign in the staker's place. */
function assertStaker(delegation: Delegation, signer: Signer): void {
  assertDelegation(delegation);
  assertSigner(signer);
  const { terms } = delegation;
  const { publicKey } = signer;
  // signLeaf refuses a malformed key.
  if (!(publicKey instanceof Uint8Array)) return;
  const own = publicKey.slice(-32);
  if (!containsBytes(stakerKeys(terms.staker).keys, own)) {
    const key = hex.encode(own);
    throw new TapstakeError("unexpected-signer", `${key} is not a staker of this stake`, { key });
  }
}

/**
 * Makes the staker's signature of the spend of the previous stake. Call it for each of several stakers, and last: with
 * the committee's signatures, the expansion can be broadcast. It first checks every transaction of the delegation.
 * @throws TapstakeError `not-an-expansion`; `unexpected-signer` for any other key; the codes of `checkTransactions` and
 * of `signLeaf`
 */
export async function signExpansion(delegation: Delegation, staker: Signer): Promise<Delegation> {
  const expansion = expandedStake(delegation);
  assertSigner(staker);
  const { keys } = stakerKeys(expansion.terms.staker);
  // The leaf also names the committee, whose members must not sign in the staker's place.
  const own = staker.publicKey instanceof Uint8Array ? staker.publicKey.slice(-32) : undefined;
  if (own && !containsBytes(keys, own)) {
    const key = hex.encode(own);
    throw new TapstakeError("unexpected-signer", `${key} is not a staker of the previous stake`, { key });
  }
  checkTransactions(delegation);
  const signature = await signLeaf(expansionSpend(delegation), staker);
  const stakerSignatures = withSignature(expansion.stakerSignatures, signature);
  return { ...delegation, expansion: { ...expansion, stakerSignatures } };
}

/**
 * The signed expansion. The stakers and a quorum of the previous committee sign for the previous stake; the wallet of
 * the funding coin signs for that coin. A staker's signature may come in the same PSBT. A member's signature of 65
 * bytes is refused: the staking chain accepts none, and the fee does not pay for it.
 * @param built the result of `buildExpansion`: if it was given signature lengths, no signature may be longer
 * @throws TapstakeError `not-an-expansion`, `missing-signature`; the codes of `signaturesFromPsbt` and of
 * `checkLeafSignature`; `invalid-coin` if the funding coin is neither P2WPKH nor P2TR; `unsupported-sighash` for a
 * member's signature of 65 bytes; `size-above-estimate`
 */
export function finishExpansion(
  delegation: Delegation,
  returned: PsbtLike,
  built?: Pick<Expansion, "vsize">,
): Transaction {
  const { stakerSignatures, covenantSignatures } = expandedStake(delegation);
  const spend = expansionSpend(delegation);
  const known = [...stakerSignatures, ...covenantSignatures];
  const more = signaturesFromPsbt(spend, returned).filter(
    ({ publicKey }) => !known.some((other) => equalBytes(other.publicKey, publicKey)),
  );
  const signatures = [...known, ...more];
  for (const signature of signatures) assertMemberLength(delegation, signature);
  const finished = finishSpend(spend, signatures);
  finished.setWitness(FUNDING_INPUT, fundingWitness(spend, returned));
  if (built) assertEstimated(finished, built.vsize);
  return finished;
}

function assertMemberLength(delegation: Delegation, { publicKey, signature }: LeafSignature): void {
  const { params } = expandedStake(delegation);
  if (signature.length === SCHNORR_LENGTHS.least || !containsBytes(params.covenant.keys, publicKey)) return;
  const key = hex.encode(publicKey);
  const text = `expansion: the signature by the committee member ${key} has ${signature.length} bytes; the staking chain takes 64`;
  throw new TapstakeError("unsupported-sighash", text, { key });
}
