import type { Transaction } from "../bitcoin/transaction-class.js";
import { type Prevout, spends, toTransaction, type TransactionLike } from "../bitcoin/transaction.js";
import { equalBytes } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import type { ParamSet } from "../params/types.js";
import { parseLeaf } from "../script/leaf.js";
import type { Leaf } from "../script/outputs.js";
import { withoutAnnex } from "../spending/witness.js";
import { type ExplainedSpend, explainSpend, quorumsOf } from "../stake/explain.js";
import type { Withdrawable } from "../stake/withdrawal.js";
import { checkTransactions } from "./check.js";
import { type Delegation, expandedStake } from "./delegation.js";
import { type StakeOutput, stakeOutputs } from "./outputs.js";
import { expansionSpend } from "./spends.js";

/** A spend of one of a delegation's outputs. */
export interface RecognisedSpend extends ExplainedSpend {
  readonly from: Withdrawable;
  /** The value of the spent output, in satoshi. */
  readonly value: bigint;
}

/** What a transaction is in the life of a delegation. */
export type Recognised =
  | {
      readonly kind: "staking";
      /** For an expansion: its spend of the previous stake. */
      readonly expands?: RecognisedSpend;
    }
  | {
      readonly kind: "spend";
      readonly spends: readonly RecognisedSpend[];
      /** Whether its txid is that of a pre-signed transaction. If not, the staker made another spend. */
      readonly sameTxid: boolean;
      /**
       * Whether it is a pre-signed transaction that is unsigned, or signed as its leaf requires. The txid alone does
       * not show that.
       */
      readonly presigned: boolean;
    };

/**
 * What a transaction is to a delegation. By txid: the staking transaction, or one of the three pre-signed ones. By
 * outpoint: a spend of the stake, of the unbonded stake, or of a refund.
 *
 * It first checks the delegation's transactions against its terms, so that it says nothing of an invented document.
 * Only `checkSameParams` tells whether the parameters are the network's.
 * @param elsewhere what the inputs spend by another source, such as a PSBT; used if the delegation does not know
 * @throws TapstakeError the codes of `checkTransactions`; `not-a-stake` if it is not a transaction of the delegation;
 * `witness-mismatch`
 */
export function recognise(
  delegation: Delegation,
  given: TransactionLike,
  elsewhere: readonly Prevout[] = [],
): Recognised {
  const transaction = toTransaction(given);
  checkTransactions(delegation);
  if (isSame(transaction, delegation.staking.transaction)) {
    return {
      kind: "staking",
      ...(delegation.expansion && { expands: recogniseExpansion(delegation, transaction) }),
    };
  }
  const { params, unbonding, slashing, unbondingSlashing } = delegation;
  const set: ParamSet = { name: "the delegation's", network: params.network, versions: [params] };
  const spent = spentCoins(delegation, transaction);
  const prevouts = spent.flatMap((known, i) => (known ? prevoutOf(known) : (elsewhere[i] ?? [])));
  const found = transaction.ins.flatMap((input, inputIndex) => {
    const known = spent[inputIndex];
    const leaf = known?.leaves.find((each) => opens(input, each, transaction));
    if (!known || !leaf) return [];
    const explained = explainSpend(transaction, { inputIndex, leaf: parseLeaf(leaf.script) }, [set], {
      leaf,
      prevouts: prevouts.length === transaction.ins.length ? prevouts : undefined,
    });
    return [{ ...explained, from: known.from, value: known.coin.value }];
  });
  if (found.length === 0) {
    const text = `${transaction.getId()} is no transaction of this delegation`;
    throw new TapstakeError("not-a-stake", text, { txid: transaction.getId() });
  }
  const sameTxid = [unbonding, slashing, unbondingSlashing].some((each) =>
    isSame(transaction, each.transaction),
  );
  const isUnsigned = found.every(({ signed, invalid }) =>
    [invalid, ...Object.values(signed)].every(({ length }) => length === 0),
  );
  const presigned = sameTxid && (isUnsigned || found.every(isFinished));
  return { kind: "spend", spends: found, sameTxid, presigned };
}

const isSame = (a: Transaction, b: Transaction): boolean => equalBytes(a.getHash(), b.getHash());

function recogniseExpansion(delegation: Delegation, transaction: Transaction): RecognisedSpend {
  const { params } = expandedStake(delegation);
  const { leaf, inputIndex, prevouts } = expansionSpend(delegation);
  const set: ParamSet = { name: "the delegation's", network: params.network, versions: [params] };
  const spend = { inputIndex, leaf: parseLeaf(leaf.script), from: "staking" as const };
  return {
    ...explainSpend(transaction, spend, [set], { leaf, prevouts }),
    from: "staking",
    value: prevouts[inputIndex]!.value,
  };
}

/** Whether exactly the quorum of each key set has signed, as the leaf's script requires (PROTOCOL 4). */
function isFinished(spend: ExplainedSpend): boolean {
  const isExact = quorumsOf(spend).every(({ signed, quorum }) => signed === quorum);
  return spend.verified && spend.invalid.length === 0 && isExact;
}

/**
 * Before there is a witness, the shape decides: withdrawals have the lock's sequence; a slashing has one input and two
 * outputs, an unbonding one of each, an expansion two inputs.
 */
function opens(input: Transaction["ins"][number], leaf: Leaf, { ins, outs }: Transaction): boolean {
  const script = withoutAnnex(input.witness).at(-2);
  if (script) return equalBytes(script, leaf.script);
  const terms = parseLeaf(leaf.script);
  if (terms.kind === "timelock") return input.sequence === terms.timelock;
  return leaf.kind === (outs.length === 1 || ins.length === 2 ? "unbonding" : "slashing");
}

/**
 * What the inputs of a transaction spend, as far as a delegation knows it.
 * @throws TapstakeError the codes of `checkTransactions`
 */
export function knownPrevouts(
  delegation: Delegation,
  transaction: Transaction,
): readonly (Prevout | undefined)[] {
  checkTransactions(delegation);
  if (delegation.expansion && isSame(transaction, delegation.staking.transaction)) {
    return expansionSpend(delegation).prevouts;
  }
  return spentCoins(delegation, transaction).map((known) => known && prevoutOf(known));
}

function spentCoins(delegation: Delegation, { ins }: Transaction): (StakeOutput | undefined)[] {
  const outputs = stakeOutputs(delegation);
  return ins.map((input) => outputs.find(({ coin }) => spends(input, coin.outpoint)));
}

const prevoutOf = ({ script, coin }: StakeOutput): Prevout => ({ script, value: coin.value });
