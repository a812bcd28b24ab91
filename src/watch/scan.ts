import type { Transaction } from "../bitcoin/transaction-class.js";
import { FINAL_SEQUENCE, parseTransaction } from "../bitcoin/transaction.js";
import { equalBytes } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import type { ParamSet } from "../params/types.js";
import { outputsOf } from "../script/outputs.js";
import { type DecodedStaking, decodeSpends, decodeStaking } from "../stake/decode.js";
import { checkPhase1Stake } from "../stake/phase1.js";
import { joinOutpoint, spentOutpoint } from "./outpoint.js";
import type { MinedTransaction, NewEvent } from "./store/store.js";
import type { WatchEvent } from "./types.js";
import type { TransactionHit } from "./walk/walk.js";

/** What the events of a block depend on beside its bytes. Outpoints are 36 bytes. */
export interface ScanFacts {
  readonly phase1: ParamSet | null;
  /** Whether the staking output of a known delegation is here. */
  isDelegation(outpoint: Uint8Array): boolean;
  /** Whether an output belongs to a known stake: the tables of the walk can hold more. */
  isStakeOutput(outpoint: Uint8Array): boolean;
}

/** What one transaction of a block says. */
export interface ScannedTransaction {
  readonly mined: MinedTransaction;
  readonly events: readonly NewEvent[];
  /** The phase-1 stake that it makes. */
  readonly phase1: { readonly stake: DecodedStaking; readonly overflow: boolean } | null;
  /** The indexes of its OP_RETURNs with a watched tag. */
  readonly tagged: readonly number[];
}

/**
 * Reads a transaction in which a walk found something. The walk's tables may say too much, never too little: what counts
 * is decided here, from the chain and the known delegations alone.
 * @param staked satoshi in counted phase-1 stakes before it
 * @throws TapstakeError `invalid-block` when its bytes are no transaction that a block can have
 */
export function scanTransaction(
  block: Uint8Array,
  hit: TransactionHit,
  height: number,
  staked: bigint,
  facts: ScanFacts,
): ScannedTransaction {
  const { position } = hit;
  // A copy: the block's memory is used again, and a few bytes must not keep all of it.
  const raw = new Uint8Array(block.subarray(hit.start, hit.end));
  const transaction = readTransaction(raw, hit);
  const hash = transaction.getHash();
  const mined = { height, position, hash, raw };
  const events: NewEvent[] = [];
  const place = { height, position, overflow: false };

  const phase1 = hit.tagged.length > 0 ? phase1Of(transaction, height, staked, facts) : null;
  if (phase1) {
    const { stake, overflow } = phase1;
    const index = stake.outputIndex;
    const outpoint = joinOutpoint(hash, index);
    events.push({ ...place, index, kind: "stake", outpoint, leaf: null, origin: "phase1", overflow });
  }
  for (const index of hit.outputs) {
    const outpoint = joinOutpoint(hash, index);
    if (phase1?.stake.outputIndex === index || !facts.isDelegation(outpoint)) continue;
    events.push({ ...place, index, kind: "stake", outpoint, leaf: null, origin: "delegation" });
  }

  const leaves = new Map(
    hit.numsInputs.length === 0
      ? []
      : decodeSpends(transaction).map(({ inputIndex, leaf }) => [inputIndex, leaf.kind] as const),
  );
  for (const [index, input] of transaction.ins.entries()) {
    const leaf = leaves.get(index) ?? null;
    if (leaf === null && !hit.spends.includes(index)) continue;
    const outpoint = spentOutpoint(input);
    if (leaf === null && !facts.isStakeOutput(outpoint)) continue;
    events.push({ ...place, index, kind: "spend", outpoint, leaf, origin: null });
  }
  return { mined, events, phase1, tagged: hit.tagged };
}

function readTransaction(raw: Uint8Array, { position }: TransactionHit): Transaction {
  try {
    return parseTransaction(raw);
  } catch (cause) {
    if (!(cause instanceof TapstakeError)) throw cause;
    const text = `not a whole block of Bitcoin: transaction ${position}: ${cause.message}`;
    throw new TapstakeError("invalid-block", text, { position }, { cause });
  }
}

/** Deep enough for every version's confirmation depth: whether a stake counts does not depend on the tip. */
const LATER = 1_000_000;

function phase1Of(
  transaction: Transaction,
  height: number,
  staked: bigint,
  { phase1 }: ScanFacts,
): ScannedTransaction["phase1"] {
  if (!phase1) return null;
  const found = checkPhase1Stake(transaction, phase1, { height, tip: height + LATER, staked });
  if (found.status === "invalid") return null;
  return { stake: found.stake, overflow: found.status === "overflow" };
}

/**
 * Whether a spend by the unbonding leaf makes room below the cap of phase 1, as its rules are published: one input and one
 * output, final and without a lock time, to the unbonding output of the version of the stake's block, less its fee. No
 * other spend makes room, a withdrawal neither.
 * @param made the event of a phase-1 stake
 */
export function makesRoom(spend: Transaction, made: WatchEvent, phase1: ParamSet): boolean {
  const [input] = spend.ins;
  const [output] = spend.outs;
  if (!input || !output || spend.ins.length > 1 || spend.outs.length > 1) return false;
  if (input.sequence !== FINAL_SEQUENCE || spend.locktime !== 0) return false;
  const { terms, params, value } = decodeStaking(parseTransaction(made.raw), phase1, { height: made.height });
  const { script } = outputsOf(terms, params).unbonding;
  return equalBytes(output.script, script) && output.value === value - params.unbondingFee;
}
