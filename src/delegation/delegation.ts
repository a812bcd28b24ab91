import type { Transaction } from "../core/bitcoin.js";
import { equalBytes } from "../core/bytes.js";
import { assertChoice } from "../core/text.js";
import type { ProtocolParams } from "../params/types.js";
import { stakingOutput, unbondingOutput } from "../script/outputs.js";
import type { StakeTerms } from "../script/terms.js";
import { buildSlashing, SLASHABLE, type Slashable, slashingParams } from "../tx/slashing.js";
import { finishSpend, type LeafSignature, type LeafSpend, type Signer, signLeaf } from "../tx/spend.js";
import { findOutput, outpointOf, outputAt, type StakeCoin } from "../tx/transaction.js";
import { buildUnbonding } from "../tx/unbonding.js";

/**
 * One stake, whole: its terms, the parameters it was made under, the staking transaction, the pre-signed
 * transactions, and the signatures so far. The document that stakers, committee and watchtowers pass on; each
 * step takes one and returns a new one.
 */
export interface Delegation {
  readonly terms: StakeTerms;
  readonly params: ProtocolParams;
  /** Blocks that unbonding takes: what the staker proposes. It must equal the parameters'. */
  readonly unbondingTime: number;
  readonly staking: { readonly transaction: Transaction; readonly outputIndex: number };
  readonly unbonding: PresignedUnbonding;
  /** Slashes the staking output. */
  readonly slashing: PresignedSlashing;
  /** Slashes the unbonding output. */
  readonly unbondingSlashing: PresignedSlashing;
}

export interface PresignedUnbonding {
  /** Unsigned: the signatures are beside it. */
  readonly transaction: Transaction;
  /** The stakers' own, usually given only on the day they want to unbond. */
  readonly stakerSignatures: readonly LeafSignature[];
  readonly covenantSignatures: readonly LeafSignature[];
}

export interface PresignedSlashing {
  /** Unsigned: the signatures are beside it. */
  readonly transaction: Transaction;
  readonly stakerSignatures: readonly LeafSignature[];
  readonly covenantSignatures: readonly AdaptorSignature[];
}

/** A committee member's signature of a slashing transaction, which only a leaked key can finish (PROTOCOL 5). */
export interface AdaptorSignature {
  /** The committee member, x-only. */
  readonly publicKey: Uint8Array;
  /** Whose secret finishes it, x-only. */
  readonly finalityProvider: Uint8Array;
  /** 65 bytes. */
  readonly signature: Uint8Array;
}

/**
 * A delegation without signatures: the unbonding and both slashing transactions are built from the staking
 * transaction, whose own signatures may still be missing if all its inputs are native segwit.
 * @throws TapstakeError `output-not-found`, `multiple-staking-outputs`, and the codes of the builders
 */
export function createDelegation(
  terms: StakeTerms,
  params: ProtocolParams,
  staking: Transaction,
): Delegation {
  const outputIndex = findOutput(staking, stakingOutput(terms, params.network).script);
  const stake = coinOf(staking, outputIndex);
  const unbonding = buildUnbonding(terms, params, stake);
  const unbonded = coinOf(unbonding.transaction, 0);
  const unsigned = { stakerSignatures: [], covenantSignatures: [] };
  return {
    terms,
    params,
    unbondingTime: params.unbondingTime,
    staking: { transaction: staking, outputIndex },
    unbonding: { transaction: unbonding.transaction, ...unsigned },
    slashing: { transaction: buildSlashing(terms, params, "staking", stake).transaction, ...unsigned },
    unbondingSlashing: {
      transaction: buildSlashing(terms, params, "unbonding", unbonded).transaction,
      ...unsigned,
    },
  };
}

/** The output that a delegation locks. */
export const stakeCoin = ({ staking }: Delegation): StakeCoin =>
  coinOf(staking.transaction, staking.outputIndex);

/** The output that the stake rests in while it unbonds. */
export const unbondedCoin = ({ unbonding }: Delegation): StakeCoin => coinOf(unbonding.transaction, 0);

/** The unbonding transaction as a spend of the staking output, for signing and verifying. */
export function unbondingSpend(delegation: Delegation): LeafSpend {
  const { script, leaves } = stakingOutput(delegation.terms, delegation.params.network);
  const { value } = stakeCoin(delegation);
  const { transaction } = delegation.unbonding;
  return { transaction, inputIndex: 0, prevouts: [{ script, value }], leaf: leaves.unbonding };
}

/**
 * A slashing transaction as a spend of the staking or the unbonding output, for signing and verifying.
 * @throws TapstakeError `invalid-argument`, `unsupported-params`
 */
export function slashingSpend(delegation: Delegation, from: Slashable): LeafSpend {
  const { transaction } = presignedSlashing(delegation, from);
  const { terms, params, unbondingTime } = delegation;
  slashingParams(params);
  const { script, leaves } =
    from === "staking"
      ? stakingOutput(terms, params.network)
      : unbondingOutput(terms, unbondingTime, params.network);
  const { value } = from === "staking" ? stakeCoin(delegation) : unbondedCoin(delegation);
  return { transaction, inputIndex: 0, prevouts: [{ script, value }], leaf: leaves.slashing };
}

/**
 * The pre-signed slashing transaction of the staking or of the unbonding output.
 * @throws TapstakeError `invalid-argument`
 */
export function presignedSlashing(delegation: Delegation, from: Slashable): PresignedSlashing {
  assertChoice(from, "from", SLASHABLE);
  return from === "staking" ? delegation.slashing : delegation.unbondingSlashing;
}

/**
 * The staker's advance signatures of both slashing transactions: what makes the stake slashable.
 * Call it for each of several stakers.
 * @throws TapstakeError the codes of `signLeaf`
 */
export async function signSlashings(delegation: Delegation, staker: Signer): Promise<Delegation> {
  const sign = async (from: Slashable) => {
    const presigned = presignedSlashing(delegation, from);
    const signature = await signLeaf(slashingSpend(delegation, from), staker);
    return { ...presigned, stakerSignatures: withSignature(presigned.stakerSignatures, signature) };
  };
  return { ...delegation, slashing: await sign("staking"), unbondingSlashing: await sign("unbonding") };
}

/**
 * The staker's signature of the unbonding transaction: with the committee's, the stake can leave.
 * @throws TapstakeError the codes of `signLeaf`
 */
export async function signUnbonding(delegation: Delegation, staker: Signer): Promise<Delegation> {
  const { unbonding } = delegation;
  const signature = await signLeaf(unbondingSpend(delegation), staker);
  const stakerSignatures = withSignature(unbonding.stakerSignatures, signature);
  return { ...delegation, unbonding: { ...unbonding, stakerSignatures } };
}

/**
 * The signed unbonding transaction.
 * @throws TapstakeError `missing-signature`, and the codes of `checkLeafSignature`
 */
export function finishUnbonding(delegation: Delegation): Transaction {
  const { stakerSignatures, covenantSignatures } = delegation.unbonding;
  return finishSpend(unbondingSpend(delegation), [...stakerSignatures, ...covenantSignatures]);
}

/** A list with one signature more; the same signer's earlier one is replaced. */
export function withSignature(list: readonly LeafSignature[], signature: LeafSignature): LeafSignature[] {
  return [...list.filter(({ publicKey }) => !equalBytes(publicKey, signature.publicKey)), signature];
}

function coinOf(transaction: Transaction, index: number): StakeCoin {
  return { outpoint: outpointOf(transaction, index), value: outputAt(transaction, index).value };
}
