import { assertSatoshi } from "../core/amount.js";
import type { Transaction } from "../bitcoin/bitcoinjs.js";
import { equalBytes, hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { assertChoice } from "../core/text.js";
import type { ProtocolParams } from "../params/types.js";
import { stakingOutput, unbondingOutput } from "../script/outputs.js";
import { stakerKeys, type StakeTerms } from "../script/terms.js";
import { type PreviousStake, previousStake } from "../stake/expansion.js";
import { buildSlashing, SLASHABLE, type Slashable, slashingParams } from "../stake/slashing.js";
import { finishSpend, type LeafSignature, type LeafSpend, type Signer, signLeaf } from "../spending/spend.js";
import { assertTxidFinal } from "../stake/staking.js";
import {
  outpointOf,
  outputAt,
  parseTransaction,
  type Prevout,
  type UnspentOutput,
} from "../bitcoin/transaction.js";
import { assertOutputScript } from "../bitcoin/output-script.js";
import { findOutput } from "../stake/decode.js";
import { buildUnbonding } from "../stake/unbonding.js";

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
  /** The stake that the staking transaction expands; absent when it is a stake of its own. */
  readonly expansion?: ExpandedStake;
}

/**
 * The stake that another one expands, and what is signed of its spend. Input 0 of the new staking transaction spends
 * it by its unbonding leaf, under its own parameters; input 1 is the funding coin (PROTOCOL 3).
 */
export interface ExpandedStake extends PreviousStake {
  /** What input 1 spends: the committee's signatures commit to it. */
  readonly funding: FundingOutput;
  readonly stakerSignatures: readonly LeafSignature[];
  /** By members of the committee of these, the previous parameters. */
  readonly covenantSignatures: readonly LeafSignature[];
}

/** The output that funds an expansion. */
export interface FundingOutput extends Prevout {
  /** The whole transaction that it is of: the chain asks for it when the expansion is registered. */
  readonly transaction?: Transaction;
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
 * transaction. Its own signatures may still be missing if they do not change its txid: if no coin that pays for it
 * is P2PKH, and the input scripts of P2SH coins are there, as `buildStaking` puts them (`Staking.txidFinal`).
 * @param expands where the staking transaction expands another stake: what `buildExpansion` returned
 * @throws TapstakeError `txid-not-final` for the unsigned transaction of a `buildStaking` with P2PKH coins: pass what
 * `finishStaking` gives; `output-not-found`, `multiple-staking-outputs`, and the codes of the builders; where another
 * stake is expanded also `invalid-bytes`, `invalid-amount`, `invalid-transaction`, `invalid-argument`, and
 * `staking-output-mismatch` when it is not where it is said to be
 */
export function createDelegation(
  terms: StakeTerms,
  params: ProtocolParams,
  staking: Transaction,
  expands?: Expands,
): Delegation {
  assertTxidFinal(staking);
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
    ...(expands && { expansion: { ...expandedStake(expands), ...unsigned } }),
  };
}

/** What a staking transaction expands, and what funds it: the result of `buildExpansion` says both. */
export interface Expands {
  readonly previous: PreviousStake;
  readonly coin: Prevout & { readonly previousTransaction?: Transaction | Uint8Array };
}

function expandedStake({ previous, coin }: Expands) {
  previousStake(previous);
  const { terms, params, staking } = previous;
  const { script, value, previousTransaction: given } = coin ?? {};
  assertOutputScript(script, "funding coin's script");
  assertSatoshi(value, "funding coin");
  const transaction = given instanceof Uint8Array ? parseTransaction(given) : given;
  const funding: FundingOutput = {
    script: Uint8Array.from(script),
    value,
    ...(transaction && { transaction }),
  };
  return { terms, params, staking, funding };
}

/** The output that a delegation locks. */
export const stakeCoin = ({ staking }: Delegation): UnspentOutput =>
  coinOf(staking.transaction, staking.outputIndex);

/** The output that the stake rests in while it unbonds. */
export const unbondedCoin = ({ unbonding }: Delegation): UnspentOutput => coinOf(unbonding.transaction, 0);

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
 * @throws TapstakeError `unexpected-signer` by any other key, and the codes of `signLeaf`
 */
export async function signSlashings(delegation: Delegation, staker: Signer): Promise<Delegation> {
  assertStaker(delegation, staker);
  const sign = async (from: Slashable) => {
    const presigned = presignedSlashing(delegation, from);
    const signature = await signLeaf(slashingSpend(delegation, from), staker);
    return { ...presigned, stakerSignatures: withSignature(presigned.stakerSignatures, signature) };
  };
  return { ...delegation, slashing: await sign("staking"), unbondingSlashing: await sign("unbonding") };
}

/**
 * The staker's signature of the unbonding transaction: with the committee's, the stake can leave.
 * @throws TapstakeError `unexpected-signer` by any other key, and the codes of `signLeaf`
 */
export async function signUnbonding(delegation: Delegation, staker: Signer): Promise<Delegation> {
  assertStaker(delegation, staker);
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

/** The leaves name the committee and the finality providers too, who must not sign in the staker's place. */
function assertStaker({ terms }: Delegation, { publicKey }: Signer): void {
  // What is no key at all, signLeaf refuses.
  if (!(publicKey instanceof Uint8Array)) return;
  const own = publicKey.slice(-32);
  if (!stakerKeys(terms.staker).keys.some((key) => equalBytes(key, own))) {
    const key = hex.encode(own);
    throw new TapstakeError("unexpected-signer", `${key} is not a staker of this stake`, { key });
  }
}

/** A list with one signature more; the same signer's earlier one is replaced. */
export function withSignature(list: readonly LeafSignature[], signature: LeafSignature): LeafSignature[] {
  return [...list.filter(({ publicKey }) => !equalBytes(publicKey, signature.publicKey)), signature];
}

function coinOf(transaction: Transaction, index: number): UnspentOutput {
  return { outpoint: outpointOf(transaction, index), value: outputAt(transaction, index).value };
}
