import type { Transaction } from "../bitcoin/transaction-class.js";
import { assertOutputScript } from "../bitcoin/output-script.js";
import {
  outpointOf,
  outputAt,
  assertTransaction,
  parseTransaction,
  toTransaction,
  type Prevout,
  type UnspentOutput,
} from "../bitcoin/transaction.js";
import { assertSatoshi } from "../core/amount.js";
import { TapstakeError } from "../core/errors.js";
import { assertObject } from "../core/objects.js";
import { assertChoice } from "../core/text.js";
import { assertParams } from "../params/check.js";
import { checkSameParams } from "../params/in-force.js";
import type { ProtocolParams } from "../params/types.js";
import { outputsOf, type StakeOutputs } from "../script/outputs.js";
import type { StakeTerms } from "../script/terms.js";
import type { LeafSignature } from "../spending/spend.js";
import { findOutput } from "../stake/decode.js";
import { type PreviousStake, previousStake } from "../stake/expansion.js";
import { SLASHABLE, type Slashable, slashingOf } from "../stake/slashing.js";
import { type StakingTransaction, withFinalTxid } from "../stake/staking.js";
import { unbondingOf } from "../stake/unbonding.js";

/**
 * One stake with all that belongs to it: its terms, its parameters, the staking transaction, the pre-signed
 * transactions, and the signatures so far. Stakers, committee and watchtowers pass this document on; each step takes
 * one and returns a new one.
 */
export interface Delegation {
  readonly terms: StakeTerms;
  readonly params: ProtocolParams;
  /** The unbonding time in blocks that the staker proposes. It must equal the parameters'. */
  readonly unbondingTime: number;
  readonly staking: { readonly transaction: Transaction; readonly outputIndex: number };
  readonly unbonding: PresignedUnbonding;
  /** Slashes the staking output. */
  readonly slashing: PresignedSlashing;
  /** Slashes the unbonding output. */
  readonly unbondingSlashing: PresignedSlashing;
  /** The stake that the staking transaction expands; absent for an ordinary stake. */
  readonly expansion?: ExpandedStake;
}

/**
 * The previous stake of an expansion, and the signatures of its spend. Input 0 of the new staking transaction spends it
 * by its unbonding leaf, under its own parameters; input 1 is the funding coin (PROTOCOL 3).
 */
export interface ExpandedStake extends PreviousStake {
  /** What input 1 spends: the committee's signatures commit to it. */
  readonly funding: FundingOutput;
  readonly stakerSignatures: readonly LeafSignature[];
  /** Signatures by members of the previous parameters' committee. */
  readonly covenantSignatures: readonly LeafSignature[];
}

/** The output that funds an expansion. */
export interface FundingOutput extends Prevout {
  /** The whole transaction of this output: the chain requires it at the expansion's registration. */
  readonly transaction?: Transaction;
}

/** The unbonding transaction, with the signatures so far. */
export interface PresignedUnbonding {
  /** Unsigned: the signatures are beside it. */
  readonly transaction: Transaction;
  /** The stakers' own signatures, usually made only when they want to unbond. */
  readonly stakerSignatures: readonly LeafSignature[];
  readonly covenantSignatures: readonly LeafSignature[];
}

/** A slashing transaction, with the stakers' signatures and the committee's adaptor signatures. */
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
  /** The finality provider whose secret finishes the signature, x-only. */
  readonly finalityProvider: Uint8Array;
  /** 65 bytes. */
  readonly signature: Uint8Array;
}

/**
 * A delegation without signatures. The unbonding and both slashing transactions are built from the staking transaction.
 * That one may lack its own signatures if they do not change its txid: if no P2PKH coin pays for it, and the input
 * scripts of P2SH coins are there. A `Staking` says so itself, as `txidFinal`.
 * @param staking signed; or the result of `buildStaking`; or `{ transaction, txidFinal: true }`
 * @param expands for an expansion, the result of `buildExpansion`
 * @throws TapstakeError `txid-not-final` if signing can still change the txid: pass the result of `finishStaking`;
 * `params-mismatch` if `buildStaking` had other parameters; `output-not-found`, `multiple-staking-outputs`, and the
 * codes of the builders; for an expansion also `invalid-bytes`, `invalid-amount`, `invalid-transaction`,
 * `invalid-argument`, and `staking-output-mismatch` if the previous stake is not at its stated place
 */
export function createDelegation(
  terms: StakeTerms,
  params: ProtocolParams,
  staking: StakingTransaction,
  expands?: Expands,
): Delegation {
  assertParams(params);
  assertBuiltWith(staking, params);
  const expansion = expands && expansionOf(expands);
  // What funds an expansion is segwit: `checkTransactions` refuses other coins.
  const transaction = expands && !hasParts(staking) ? toTransaction(staking) : withFinalTxid(staking);
  const outputs = outputsOf(terms, params);
  const outputIndex = findOutput(transaction, outputs.staking.script);
  const stake = coinOf(transaction, outputIndex);
  const unbonding = unbondingOf(outputs, params, stake).transaction;
  const slashing = slashingOf(outputs, params, "staking", stake).transaction;
  const unbondingSlashing = slashingOf(outputs, params, "unbonding", coinOf(unbonding, 0)).transaction;
  const unsigned = { stakerSignatures: [], covenantSignatures: [] };
  return {
    terms,
    params,
    unbondingTime: params.unbondingTime,
    staking: { transaction, outputIndex },
    unbonding: { transaction: unbonding, ...unsigned },
    slashing: { transaction: slashing, ...unsigned },
    unbondingSlashing: { transaction: unbondingSlashing, ...unsigned },
    ...(expansion && { expansion: { ...expansion, ...unsigned } }),
  };
}

/** Whether it is what `buildStaking` returns, not a transaction alone. */
const hasParts = (staking: StakingTransaction) =>
  typeof staking === "object" && staking !== null && "transaction" in staking;

/** Two versions can have the same scripts: with the wrong one, only the unbonding and the slashings would be wrong. */
function assertBuiltWith(staking: StakingTransaction, params: ProtocolParams): void {
  if (!hasParts(staking) || staking.params === undefined) return;
  try {
    checkSameParams(params, staking.params);
  } catch (cause) {
    if (!(cause instanceof TapstakeError) || cause.code !== "params-mismatch") throw cause;
    const [expected, got] = [staking.params.version, params.version];
    const text = `the staking transaction was built with parameters v${expected}, and the delegation is made with v${got}: ${cause.message}`;
    throw new TapstakeError("params-mismatch", text, { ...cause.details, expected, got }, { cause });
  }
}

/** What a staking transaction expands, and what funds it: the result of `buildExpansion` says both. */
export interface Expands {
  readonly previous: PreviousStake;
  readonly coin: Prevout & { readonly previousTransaction?: Transaction | Uint8Array };
}

function expansionOf({ previous, coin }: Expands) {
  previousStake(previous);
  const { terms, params, staking } = previous;
  const { script, value, previousTransaction: given } = coin ?? {};
  assertOutputScript(script, "funding coin's script");
  assertSatoshi(value, "funding coin");
  const transaction = given instanceof Uint8Array ? parseTransaction(given) : given && toTransaction(given);
  const funding: FundingOutput = {
    script: Uint8Array.from(script),
    value,
    ...(transaction && { transaction }),
  };
  const { outputIndex } = staking;
  return {
    terms,
    params,
    staking: { transaction: toTransaction(staking.transaction), outputIndex },
    funding,
  };
}

/**
 * Checks that a value has the parts of a delegation; the checks of its content follow elsewhere.
 * @throws TapstakeError `invalid-argument`
 */
export function assertDelegation(value: unknown): asserts value is Delegation {
  assertObject(value, "the delegation", "delegationFromJson reads its text");
  const { terms, params, staking, unbonding, slashing, unbondingSlashing } = value as Partial<Delegation>;
  assertObject(terms, "the delegation's terms");
  assertObject(params, "the delegation's params");
  for (const [name, part] of Object.entries({ staking, unbonding, slashing, unbondingSlashing })) {
    assertObject(part, `the delegation's ${name}`);
    assertTransaction(part.transaction, `the delegation's ${name}.transaction`);
  }
}

/** The output that a delegation locks. @throws TapstakeError `invalid-argument` */
export function stakeCoin(delegation: Delegation): UnspentOutput {
  assertDelegation(delegation);
  const { staking } = delegation;
  return coinOf(staking.transaction, staking.outputIndex);
}

/** The output that the stake rests in while it unbonds. @throws TapstakeError `invalid-argument` */
export function unbondedCoin(delegation: Delegation): UnspentOutput {
  assertDelegation(delegation);
  return coinOf(delegation.unbonding.transaction, 0);
}

/**
 * The pre-signed slashing transaction of the staking or of the unbonding output.
 * @throws TapstakeError `invalid-argument`
 */
export function presignedSlashing(delegation: Delegation, from: Slashable): PresignedSlashing {
  assertDelegation(delegation);
  assertChoice(from, "from", SLASHABLE);
  return from === "staking" ? delegation.slashing : delegation.unbondingSlashing;
}

/** The stake that a delegation expands. @throws TapstakeError `not-an-expansion` */
export function expandedStake(delegation: Delegation): ExpandedStake {
  assertDelegation(delegation);
  const { expansion } = delegation;
  if (!expansion) throw new TapstakeError("not-an-expansion", "the delegation expands no other stake");
  return expansion;
}

function coinOf(transaction: Transaction, index: number): UnspentOutput {
  return { outpoint: outpointOf(transaction, index), value: outputAt(transaction, index).value };
}

/** The outputs of a delegation's stake, derived from its terms: for all uses within one call. */
export function outputsIn(delegation: Delegation): StakeOutputs {
  assertDelegation(delegation);
  const { terms, params, unbondingTime } = delegation;
  return outputsOf(terms, { network: params.network, unbondingTime });
}
