import type { Transaction } from "../bitcoin/transaction-class.js";
import { FINAL_SEQUENCE, toTransaction, type TransactionLike } from "../bitcoin/transaction.js";
import { equalBytes, hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import type { Network } from "../core/network.js";
import { checkStake, sameKeySet } from "../params/check.js";
import { paramsAt } from "../params/in-force.js";
import type { ParamSet, ProtocolParams } from "../params/types.js";
import { type LeafTerms, parseLeaf } from "../script/leaf.js";
import { findOpReturn, type StakeOpReturn } from "../script/op-return.js";
import { type StakingOutput, stakingOutput } from "../script/outputs.js";
import { NUMS_KEY, outputKeyOf } from "../script/taproot.js";
import { anyOf, type CheckedTerms, checkedTerms, stakerKeys, type StakeTerms } from "../script/terms.js";
import { withoutAnnex } from "../spending/witness.js";

/** What a staking transaction stakes. */
export interface DecodedStaking {
  readonly terms: StakeTerms;
  /** Satoshi. */
  readonly value: bigint;
  readonly output: StakingOutput;
  readonly outputIndex: number;
  readonly params: ProtocolParams;
  /**
   * Present if this stake is an expansion: the spend of an earlier stake of the same stakers, by its unbonding leaf.
   */
  readonly expands?: DecodedSpend;
  /** Other versions that the same transaction fits, when its height is not known. */
  readonly alternatives: readonly ProtocolParams[];
}

/** What is known of a transaction beside its bytes. */
export interface DecodeOptions {
  /** The height of the block that contains the transaction: it alone decides the parameter version. */
  readonly height?: number;
  /** Who stakes and for how long, for a stake without OP_RETURN; the committee comes from the parameters. */
  readonly terms?: Omit<StakeTerms, "covenant">;
}

/**
 * Reads who stakes what under which parameters from a staking transaction (PROTOCOL 3, 8). The terms come from its
 * phase-1 OP_RETURN or from the caller. The staking output is built again from them, and must be there exactly once.
 *
 * Without a height, the version is the earliest that fits and that the transaction's lock time permits: a
 * transaction with lock time L is in a block above L.
 * @throws TapstakeError `invalid-op-return` when neither says who stakes; `multiple-op-returns`;
 * `output-not-found`, `multiple-staking-outputs`; `not-active`; `invalid-transaction`; the codes of {@link checkStake}
 */
export function decodeStaking(
  transaction: TransactionLike,
  set: ParamSet,
  options: DecodeOptions = {},
): DecodedStaking {
  return decodeCandidate(candidateOf(transaction), set, options);
}

/** A transaction that may stake, with what is computed once and compared with each version. */
export interface StakingCandidate {
  readonly transaction: Transaction;
  /** @throws TapstakeError `multiple-op-returns` */
  opReturn(): StakeOpReturn | undefined;
  /** @throws TapstakeError as {@link stakingOutput} */
  output(terms: StakeTerms, network: Network): StakingOutput;
}

export function candidateOf(given: TransactionLike): StakingCandidate {
  const transaction = toTransaction(given);
  let found: { readonly data: StakeOpReturn } | null | undefined;
  // Versions share committees: with the same terms, they have the same output.
  const made: { readonly terms: CheckedTerms; readonly network: Network; readonly output: StakingOutput }[] =
    [];
  return {
    transaction,
    opReturn: () => (found ??= findOpReturn(transaction.outs.map(({ script }) => script)))?.data,
    output(stakeTerms, network) {
      const terms = checkedTerms(stakeTerms);
      const known = made.find((other) => other.network === network && sameTerms(other.terms, terms));
      if (known) return known.output;
      const output = stakingOutput(terms, network);
      made.push({ terms, network, output });
      return output;
    },
  };
}

/**
 * {@link decodeStaking} of a candidate, which can be tried with several sets.
 * @throws TapstakeError the codes of {@link decodeStaking}
 */
export function decodeCandidate(
  candidate: StakingCandidate,
  set: ParamSet,
  options: DecodeOptions,
): DecodedStaking {
  const { transaction } = candidate;
  const { height } = options;
  const versions = height === undefined ? set.versions : [paramsAt(set, height)];
  const fits: Omit<DecodedStaking, "alternatives">[] = [];
  let refusal: unknown;
  for (const params of versions) {
    try {
      fits.push(decodeUnder(params, candidate, options.terms));
    } catch (error) {
      if (!(error instanceof TapstakeError)) throw error;
      // Among several refusals, the most useful is that of a version whose committee made the output.
      if (!refusal || (refusal as TapstakeError).code === "output-not-found") refusal = error;
    }
  }
  const minHeight = lockHeight(transaction) + 1;
  const possible = fits.filter(({ params }) => lastHeight(set, params) >= minHeight);
  const [chosen, ...others] = possible.length > 0 ? possible : fits;
  if (!chosen) throw refusal ?? new TapstakeError("unknown-params", `${set.name} has no parameter versions`);
  return { ...chosen, alternatives: others.map(({ params }) => params) };
}

/** An input that spends a leaf of a stake, as its witness says. */
export interface DecodedSpend {
  readonly inputIndex: number;
  readonly leaf: LeafTerms;
  /** The output script that the witness opens. The transaction alone does not show that the spent output has it. */
  readonly script: Uint8Array;
  /** How deep the leaf is in its tree: a timelock is at 2 in a staking output, 1 in unbonding, 0 in a refund. */
  readonly depth: number;
}

/**
 * The inputs of a transaction that spend outputs of a stake, from their witnesses alone. Other inputs are left out.
 * Before the transaction is in the chain, a witness can contain anything: this function verifies neither the spent
 * output nor a signature.
 */
export function decodeSpends(transaction: TransactionLike): DecodedSpend[] {
  return toTransaction(transaction).ins.flatMap(({ witness }, inputIndex) => {
    const stack = withoutAnnex(witness);
    const [script, controlBlock] = stack.slice(-2);
    if (!script || !controlBlock || stack.length < 3) return [];
    if (!equalBytes(controlBlock.slice(1, 33), NUMS_KEY)) return [];
    const leaf = tryParseLeaf(script);
    // Last, as it takes longest.
    const key = leaf && outputKeyOf(script, controlBlock);
    if (!key) return [];
    const depth = (controlBlock.length - 33) / 32;
    return [{ inputIndex, leaf, script: Uint8Array.of(0x51, 32, ...key), depth }];
  });
}

/**
 * The index of the one output with this script.
 * @throws TapstakeError `output-not-found`, `multiple-staking-outputs`
 */
export function findOutput(transaction: Transaction, script: Uint8Array): number {
  const found = transaction.outs.flatMap((out, index) => (equalBytes(out.script, script) ? [index] : []));
  if (found.length > 1) {
    throw new TapstakeError(
      "multiple-staking-outputs",
      `script ${hex.encode(script)} must be in one output, not ${found.length}`,
      {
        count: found.length,
      },
    );
  }
  if (found[0] === undefined) {
    throw new TapstakeError(
      "output-not-found",
      `the transaction has no output with script ${hex.encode(script)}`,
    );
  }
  return found[0];
}

function decodeUnder(params: ProtocolParams, candidate: StakingCandidate, given: DecodeOptions["terms"]) {
  const { transaction } = candidate;
  const onChain = params.phase1 || !given ? termsOnChain(candidate, params) : undefined;
  const terms: StakeTerms = { ...(given ?? onChain!), covenant: params.covenant };
  const output = candidate.output(terms, params.network);
  // A phase-1 stake is what its OP_RETURN says (PROTOCOL 3), whatever else the transaction pays.
  if (given && onChain) {
    const announced = candidate.output({ ...onChain, covenant: params.covenant }, params.network);
    if (!equalBytes(announced.script, output.script)) {
      throw new TapstakeError(
        "invalid-op-return",
        "the OP_RETURN announces another stake than the given terms",
      );
    }
  }
  const outputIndex = findOutput(transaction, output.script);
  const { value } = transaction.outs[outputIndex]!;
  checkStake(params, terms, value);
  const expands = expandedSpend(transaction, terms);
  return { terms, value, output, outputIndex, params, ...(expands && { expands }) };
}

/** The first of two inputs, if it spends a stake of these stakers by the unbonding leaf (PROTOCOL 3). */
function expandedSpend(transaction: Transaction, { staker }: StakeTerms): DecodedSpend | undefined {
  if (transaction.ins.length !== 2) return undefined;
  return decodeSpends(transaction).find(
    ({ inputIndex, leaf }) =>
      inputIndex === 0 && leaf.kind === "unbonding" && sameKeySet(leaf.staker, stakerKeys(staker)),
  );
}

function termsOnChain(candidate: StakingCandidate, params: ProtocolParams): Omit<StakeTerms, "covenant"> {
  const found = candidate.opReturn();
  if (!found) {
    throw new TapstakeError("invalid-op-return", "no phase-1 OP_RETURN says who stakes: give the terms");
  }
  const { tag, staker, finalityProvider, timelock } = found;
  if (params.phase1 && !equalBytes(tag, params.phase1.tag)) {
    throw new TapstakeError(
      "invalid-op-return",
      `the OP_RETURN does not have the tag of parameters v${params.version}`,
    );
  }
  return { staker, finalityProviders: [finalityProvider], timelock };
}

/** Whether terms make the same scripts. */
const sameTerms = (a: CheckedTerms, b: CheckedTerms): boolean =>
  a.timelock === b.timelock &&
  sameKeySet(stakerKeys(a.staker), stakerKeys(b.staker)) &&
  sameKeySet(anyOf(a.finalityProviders), anyOf(b.finalityProviders)) &&
  sameKeySet(a.covenant, b.covenant);

/**
 * The height that the transaction must be above; -1 if its lock is a time, or it has no lock. Final sequences switch
 * the lock off.
 */
function lockHeight({ locktime, ins }: Transaction): number {
  const locked = ins.some(({ sequence }) => sequence !== FINAL_SEQUENCE);
  return locked && locktime < 500_000_000 ? locktime : -1;
}

function lastHeight(set: ParamSet, params: ProtocolParams): number {
  const next = set.versions.find(({ activationHeight }) => activationHeight > params.activationHeight);
  return next ? next.activationHeight - 1 : Number.POSITIVE_INFINITY;
}

function tryParseLeaf(script: Uint8Array): LeafTerms | null {
  try {
    return parseLeaf(script);
  } catch (error) {
    if (error instanceof TapstakeError) return null;
    throw error;
  }
}
