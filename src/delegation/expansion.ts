import type { Transaction } from "../bitcoin/bitcoinjs.js";
import { equalBytes, hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { stakingOutput } from "../script/outputs.js";
import { stakerKeys } from "../script/terms.js";
import { type Expansion, FUNDING_INPUT, fundingWitness } from "../stake/expansion.js";
import { assertEstimated, SCHNORR_LENGTHS } from "../bitcoin/fee.js";
import { type PsbtLike, signaturesFromPsbt } from "../psbt/psbt.js";
import { finishSpend, type LeafSignature, type LeafSpend, type Signer, signLeaf } from "../spending/spend.js";
import { outputAt } from "../bitcoin/transaction.js";
import { type Delegation, type ExpandedStake, withSignature } from "./delegation.js";
import { contains } from "./signatures.js";

/**
 * The spend of the previous stake by an expansion, for signing and verifying: input 0 of the staking transaction, by
 * the unbonding leaf that the previous terms make.
 * @throws TapstakeError `not-an-expansion`; `wrong-input-count` where it has not two inputs; `output-not-found`
 */
export function expansionSpend(delegation: Delegation): LeafSpend {
  const { terms, params, staking, funding } = expandedStake(delegation);
  const { transaction } = delegation.staking;
  if (transaction.ins.length !== 2) {
    const got = transaction.ins.length;
    const text = `expansion: expected inputs 2, the previous stake and one funding coin, got ${got}`;
    throw new TapstakeError("wrong-input-count", text, { expected: 2, got });
  }
  const { script, leaves } = stakingOutput(terms, params.network);
  const { value } = outputAt(staking.transaction, staking.outputIndex);
  const prevouts = [
    { script, value },
    { script: funding.script, value: funding.value },
  ];
  return { transaction, inputIndex: 0, prevouts, leaf: leaves.unbonding };
}

/**
 * The staker's signature of the spend of the previous stake. Call it for each of several stakers, and last: with the
 * committee's signatures the expansion can go out.
 * @throws TapstakeError `not-an-expansion`; `unexpected-signer` by any other key, and the codes of `signLeaf`
 */
export async function signExpansion(delegation: Delegation, staker: Signer): Promise<Delegation> {
  const spend = expansionSpend(delegation);
  const { keys } = stakerKeys(expandedStake(delegation).terms.staker);
  // The leaf names the committee too, whose members must not sign in the staker's place.
  const own = staker.publicKey instanceof Uint8Array ? staker.publicKey.slice(-32) : undefined;
  if (own && !contains(keys, own)) {
    const key = hex.encode(own);
    throw new TapstakeError("unexpected-signer", `${key} is not a staker of the previous stake`, { key });
  }
  return withStakerSignatures(delegation, [await signLeaf(spend, staker)]);
}

/**
 * The signed expansion: of the previous stake the stakers and a quorum of the previous committee, of the funding coin
 * what its wallet returned. A signature by a staker can come by the same PSBT. A member's of 65 bytes is refused: the
 * staking chain takes none, and the fee was not reckoned for it.
 * @param built what `buildExpansion` gave: where it was told how long signatures are, they must not be longer
 * @throws TapstakeError `not-an-expansion`, `missing-signature`; the codes of `signaturesFromPsbt` and of
 * `checkLeafSignature`; `invalid-coin` when the funding coin is neither P2WPKH nor P2TR; `unsupported-sighash` at a
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
  if (signature.length === SCHNORR_LENGTHS.least || !contains(params.covenant.keys, publicKey)) return;
  const key = hex.encode(publicKey);
  const text = `expansion: expected a signature of 64 bytes by the committee member ${key}, as the staking chain takes it, got ${signature.length}`;
  throw new TapstakeError("unsupported-sighash", text, { key });
}

/** @throws TapstakeError `not-an-expansion` */
export function expandedStake({ expansion }: Delegation): ExpandedStake {
  if (!expansion) throw new TapstakeError("not-an-expansion", "the delegation expands no other stake");
  return expansion;
}

function withStakerSignatures(delegation: Delegation, added: readonly LeafSignature[]): Delegation {
  const expansion = expandedStake(delegation);
  const stakerSignatures = added.reduce(withSignature, [...expansion.stakerSignatures]);
  return { ...delegation, expansion: { ...expansion, stakerSignatures } };
}
