import type { Transaction } from "../bitcoin/transaction-class.js";
import { OP } from "../bitcoin/opcodes.js";
import { type Prevout, toTransaction, type TransactionLike } from "../bitcoin/transaction.js";
import { equalBytes, hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { sameKeySet } from "../params/check.js";
import type { ParamSet, ProtocolParams } from "../params/types.js";
import { type LeafKind, type LeafTerms, policyOf } from "../script/leaf.js";
import { findOpReturn } from "../script/op-return.js";
import { type Leaf, slashingChangeOutput, unbondingOutput } from "../script/outputs.js";
import { tapleafHash } from "../script/taproot.js";
import { type KeySet, stakerKeys } from "../script/terms.js";
import { type LeafSignature, verifyLeafSignature } from "../spending/spend.js";
import { readWitness, withoutAnnex } from "../spending/witness.js";
import {
  candidateOf,
  decodeCandidate,
  type DecodedStaking,
  type DecodeOptions,
  decodeSpends,
} from "./decode.js";
import type { Withdrawable } from "./withdrawal.js";

/** A parameter version and its set. */
export interface VersionOf {
  readonly set: ParamSet;
  readonly params: ProtocolParams;
}

/** A staking transaction under the first of several parameter sets that it fits. */
export interface IdentifiedStaking extends DecodedStaking {
  readonly set: ParamSet;
  /** All others that it fits: versions of the same set, and of other sets. */
  readonly others: readonly VersionOf[];
}

/**
 * What a staking transaction stakes, if its parameters are unknown: it tries every set, in order.
 * @throws TapstakeError `not-a-stake` if no set has this stake; if a set has it and refuses it, that set's code
 */
export function identifyStaking(
  transaction: TransactionLike,
  sets: readonly ParamSet[],
  options: DecodeOptions = {},
): IdentifiedStaking {
  const fits: { set: ParamSet; decoded: DecodedStaking }[] = [];
  const refusals: TapstakeError[] = [];
  const candidate = candidateOf(transaction);
  for (const set of sets) {
    try {
      fits.push({ set, decoded: decodeCandidate(candidate, set, options) });
    } catch (error) {
      if (!(error instanceof TapstakeError)) throw error;
      refusals.push(error);
    }
  }
  const [first] = fits;
  if (!first) throw tellingRefusal(refusals) ?? notAStake(candidate.transaction, sets, options);
  const others = fits.flatMap(({ set, decoded }) => {
    const versions = set === first.set ? decoded.alternatives : [decoded.params, ...decoded.alternatives];
    return versions.map((params) => ({ set, params }));
  });
  return { ...first.decoded, set: first.set, others };
}

/** What a spend of a stake does. */
export type SpendRole = "unbonding" | "expansion" | "slashing" | "withdrawal";

/** An input that spends a stake, explained. */
export interface ExplainedSpend {
  readonly role: SpendRole;
  readonly inputIndex: number;
  /** Which output of the stake is spent; absent if it cannot be determined. */
  readonly from?: Withdrawable;
  readonly leaf: LeafTerms;
  /**
   * The keys whose slots in the witness hold a signature, in ascending order. {@link verified} says whether the
   * signatures are theirs.
   */
  readonly signed: {
    readonly staker: readonly Uint8Array[];
    readonly finalityProviders: readonly Uint8Array[];
    readonly covenant: readonly Uint8Array[];
  };
  /**
   * Whether each signature of {@link signed} was verified. That needs every spent output, and no annex. Without it,
   * anyone can have filled the slots.
   */
  readonly verified: boolean;
  /**
   * The keys whose slots hold something else than their signature: wrong in size, or, if it could be checked, not
   * verifying.
   */
  readonly invalid: readonly Uint8Array[];
  /** Whether the witness has an annex (BIP-341), which signatures commit to. */
  readonly annex: boolean;
  /** The versions whose committee the leaf names; empty for a timelock leaf, which names no committee. */
  readonly versions: readonly VersionOf[];
  /** For a slashing: where the slashed coins and the refund are, by the first of {@link versions} that says so. */
  readonly outputs?: { readonly slashed?: number; readonly refund?: number; readonly refundLock: number };
}

/**
 * The inputs of a transaction that spend outputs of a stake, from the transaction alone. Signatures are verified only
 * if every spent output is given.
 * @param prevouts as a PSBT names them; if an input does not spend its leaf's output, its signatures are not verified
 * @throws TapstakeError `witness-mismatch` if a witness opens a leaf with too few or too many slots
 */
export function explainSpends(
  given: TransactionLike,
  sets: readonly ParamSet[],
  prevouts?: readonly Prevout[],
): ExplainedSpend[] {
  const transaction = toTransaction(given);
  return decodeSpends(transaction).map(({ inputIndex, leaf, script, depth }) => {
    const from = leaf.kind === "slashing" ? slashedOutput(leaf, script, sets) : lockedOutput(leaf, depth);
    const [leafScript, controlBlock] = withoutAnnex(transaction.ins[inputIndex]!.witness).slice(-2);
    const shown = leafOf(leaf, leafScript!, controlBlock!);
    const isOwn = prevouts !== undefined && equalBytes(prevouts[inputIndex]!.script, script);
    return explainSpend(transaction, { inputIndex, leaf, ...(from && { from }) }, sets, {
      leaf: shown,
      prevouts: isOwn ? prevouts : undefined,
    });
  });
}

/** A key set that a leaf requires, and how many of its keys have signed. */
export interface SignedQuorum {
  readonly by: keyof ExplainedSpend["signed"];
  readonly quorum: number;
  readonly signed: number;
  readonly missing: number;
}

/** The signatures that a spend has, and those that it lacks, for each key set of its leaf (PROTOCOL 2). */
export function quorumsOf({ leaf, signed }: Pick<ExplainedSpend, "leaf" | "signed">): SignedQuorum[] {
  const count = (by: SignedQuorum["by"], quorum: number): SignedQuorum => {
    const { length } = signed[by];
    return { by, quorum, signed: length, missing: Math.max(0, quorum - length) };
  };
  return [
    count("staker", stakerKeys(leaf.staker).quorum),
    ...(leaf.kind === "slashing" ? [count("finalityProviders", 1)] : []),
    ...(leaf.kind === "timelock" ? [] : [count("covenant", leaf.covenant.quorum)]),
  ];
}

/** The spent leaf. Signatures are verified if every output that the transaction spends is known too. */
export interface KnownSpend {
  readonly leaf: Leaf;
  readonly prevouts?: readonly Prevout[] | undefined;
}

/**
 * One input that spends a known leaf. Its witness may still be missing.
 * @throws TapstakeError `witness-mismatch`
 */
export function explainSpend(
  transaction: Transaction,
  spend: Pick<ExplainedSpend, "inputIndex" | "leaf" | "from">,
  sets: readonly ParamSet[],
  known: KnownSpend,
): ExplainedSpend {
  const { leaf } = spend;
  const versions = versionsOf(leaf, sets);
  const outputs = leaf.kind === "slashing" ? slashingOutputs(transaction, leaf.staker, versions) : undefined;
  return {
    ...spend,
    role: roleOf(transaction, spend),
    ...whoSigned(transaction, spend, known),
    versions,
    ...(outputs && { outputs }),
  };
}

function roleOf(
  { ins, outs }: Transaction,
  { inputIndex, leaf }: Pick<ExplainedSpend, "inputIndex" | "leaf">,
): SpendRole {
  if (leaf.kind !== "unbonding") return ROLES[leaf.kind];
  // An expansion adds one coin to the stake and makes one new stake of both (PROTOCOL 3). Any other spend that the
  // stakers and the committee sign takes the coins out.
  const restakes = outs.some(
    ({ script }) => script.length === 34 && script[0] === OP.ONE && script[1] === 32,
  );
  return ins.length === 2 && inputIndex === 0 && restakes ? "expansion" : "unbonding";
}

/** What opening a leaf means, if only the leaf is known. */
const ROLES: Readonly<Record<Exclude<LeafKind, "unbonding">, SpendRole>> = {
  timelock: "withdrawal",
  slashing: "slashing",
};

/** A timelock is at depth 2 in a staking output, 1 in an unbonding output and 0 in a refund (PROTOCOL 2). */
function lockedOutput(leaf: LeafTerms, depth: number): Withdrawable | undefined {
  if (leaf.kind === "unbonding") return "staking";
  return (["refund", "unbonding", "staking"] as const)[depth];
}

/** A slashing leaf is at depth 1 in both outputs that have one, so the unbonding output is built again. */
function slashedOutput(
  leaf: Extract<LeafTerms, { kind: "slashing" }>,
  script: Uint8Array,
  sets: readonly ParamSet[],
): Withdrawable | undefined {
  const versions = versionsOf(leaf, sets);
  if (versions.length === 0) return undefined;
  // The unbonding output does not depend on the staking time.
  const terms = { ...leaf, timelock: 1 };
  const unbonds = versions.some(({ params: { unbondingTime, network } }) =>
    equalBytes(unbondingOutput(terms, unbondingTime, network).script, script),
  );
  return unbonds ? "unbonding" : "staking";
}

function versionsOf(leaf: LeafTerms, sets: readonly ParamSet[]): VersionOf[] {
  if (leaf.kind === "timelock") return [];
  return sets.flatMap((set) =>
    set.versions
      .filter((params) => sameKeySet(params.covenant, leaf.covenant))
      .map((params) => ({ set, params })),
  );
}

function slashingOutputs(
  { outs }: Transaction,
  staker: KeySet,
  versions: readonly VersionOf[],
): ExplainedSpend["outputs"] {
  const found = versions.flatMap(({ params: { slashing, unbondingTime, network } }) => {
    const refundScript = slashingChangeOutput(staker, unbondingTime, network).script;
    const slashed = outs.findIndex(({ script }) => slashing && equalBytes(script, slashing.script));
    const refund = outs.findIndex(({ script }) => equalBytes(script, refundScript));
    return slashed < 0 && refund < 0
      ? []
      : [{ ...(slashed >= 0 && { slashed }), ...(refund >= 0 && { refund }), refundLock: unbondingTime }];
  });
  return found.find(({ slashed, refund }) => slashed !== undefined && refund !== undefined) ?? found[0];
}

function whoSigned(
  transaction: Transaction,
  { inputIndex, leaf: terms }: Pick<ExplainedSpend, "inputIndex" | "leaf">,
  { leaf, prevouts: spentOutputs }: KnownSpend,
): Pick<ExplainedSpend, "signed" | "verified" | "invalid" | "annex"> {
  const { witness } = transaction.ins[inputIndex]!;
  const stack = withoutAnnex(witness);
  const annex = stack.length < witness.length;
  const slots = witness.length === 0 ? [] : readWitness(leaf, stack);
  const prevouts = annex ? undefined : spentOutputs;
  const isGood = (slot: LeafSignature) =>
    prevouts
      ? verifyLeafSignature({ transaction, inputIndex, prevouts, leaf }, slot)
      : slot.signature.length === 64 || slot.signature.length === 65;
  const good = slots.filter(isGood);
  const namedIn = (keys: readonly Uint8Array[], list: readonly LeafSignature[]) =>
    list
      .map(({ publicKey }) => publicKey)
      .filter((key) => keys.some((other) => equalBytes(other, key)))
      .toReversed();
  return {
    signed: {
      staker: namedIn(stakerKeys(terms.staker).keys, good),
      finalityProviders: namedIn(terms.kind === "slashing" ? terms.finalityProviders : [], good),
      covenant: namedIn(terms.kind === "timelock" ? [] : terms.covenant.keys, good),
    },
    verified: prevouts !== undefined,
    invalid: slots
      .filter((slot) => !good.includes(slot))
      .map(({ publicKey }) => publicKey)
      .toReversed(),
    annex,
  };
}

/** The leaf that a witness or a PSBT opens: script and control block are as it shows them. */
export function leafOf(terms: LeafTerms, script: Uint8Array, controlBlock: Uint8Array): Leaf {
  const { signers } = policyOf(terms);
  return { kind: terms.kind, signers, script, controlBlock, hash: tapleafHash(script) };
}

/** A refusal that says more than that the set does not have this stake. */
function tellingRefusal(refusals: readonly TapstakeError[]): TapstakeError | undefined {
  const known = refusals.filter(({ code }) => code !== "output-not-found" && code !== "invalid-op-return");
  return known.find(({ code }) => code !== "not-active") ?? known[0];
}

function notAStake(
  transaction: Transaction,
  sets: readonly ParamSet[],
  { terms }: DecodeOptions,
): TapstakeError {
  const names = sets.map(({ name }) => name);
  const found = findOpReturn(transaction.outs.map(({ script }) => script));
  const details = { txid: transaction.getId(), sets: names, announced: found !== null };
  const under = `under the parameters ${names.join(", ")}`;
  if (terms) {
    return new TapstakeError("not-a-stake", `no output is the stake of the given terms ${under}`, details);
  }
  if (!found) {
    const text = "neither a stake that says who stakes in an OP_RETURN, nor a spend of a stake";
    return new TapstakeError("not-a-stake", text, details);
  }
  const { staker, finalityProvider, timelock } = found.data;
  const who = `staker ${hex.encode(staker)}, finality provider ${hex.encode(finalityProvider)}`;
  const text = `its OP_RETURN announces a stake (${who}, ${timelock} blocks), but no output is that stake ${under}`;
  return new TapstakeError("not-a-stake", text, details);
}
