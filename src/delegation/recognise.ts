import type { Transaction } from "../core/bitcoin.js";
import { equalBytes } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import type { ParamSet } from "../params/types.js";
import { type Leaf, slashingChangeOutput, stakingOutput, unbondingOutput } from "../script/outputs.js";
import { parseLeaf } from "../script/parse.js";
import { type ExplainedSpend, explainSpend } from "../tx/explain.js";
import { outpointOf, spends, type StakeCoin } from "../tx/transaction.js";
import type { Withdrawable } from "../tx/withdrawal.js";
import { type Delegation, stakeCoin, unbondedCoin } from "./delegation.js";

/** A spend of one of a delegation's outputs. */
export interface RecognisedSpend extends ExplainedSpend {
  readonly from: Withdrawable;
  /** What the spent output holds, in satoshi. */
  readonly value: bigint;
}

/** What a transaction is in the life of a delegation. */
export type Recognised =
  | { readonly kind: "staking" }
  | {
      readonly kind: "spend";
      readonly spends: readonly RecognisedSpend[];
      /** It is, by txid, the transaction that was signed in advance; any other spend is the staker's own. */
      readonly presigned: boolean;
    };

/**
 * What a transaction is to a delegation: the staking transaction or one of the three pre-signed ones, by txid; or a
 * spend of the stake, of what was unbonded, or of a refund, by outpoint.
 * @throws TapstakeError `not-a-stake` when it is none of them; `witness-mismatch`
 */
export function recognise(delegation: Delegation, transaction: Transaction): Recognised {
  const isSame = (other: Transaction) => equalBytes(transaction.getHash(), other.getHash());
  if (isSame(delegation.staking.transaction)) return { kind: "staking" };
  const { params, unbonding, slashing, unbondingSlashing } = delegation;
  const set: ParamSet = { name: "the delegation's", network: params.network, versions: [params] };
  const found = transaction.ins.flatMap((input, inputIndex) =>
    coinsOf(delegation)
      .filter(({ coin }) => spends(input, coin.outpoint))
      .flatMap(({ from, coin, leaves }) => {
        const leaf = leaves.find((each) => opens(input, each, transaction));
        if (!leaf) return [];
        const explained = explainSpend(transaction, { inputIndex, leaf: parseLeaf(leaf.script) }, [set]);
        return [{ ...explained, from, value: coin.value }];
      }),
  );
  if (found.length === 0) {
    const text = `${transaction.getId()} is no transaction of this delegation`;
    throw new TapstakeError("not-a-stake", text, { txid: transaction.getId() });
  }
  const presigned = [unbonding, slashing, unbondingSlashing].some((each) => isSame(each.transaction));
  return { kind: "spend", spends: found, presigned };
}

/** Without a witness yet, the shape tells: pre-signed transactions have a final sequence, withdrawals the lock's. */
function opens(input: Transaction["ins"][number], leaf: Leaf, { outs }: Transaction): boolean {
  const script = input.witness.at(-2);
  if (script) return equalBytes(script, leaf.script);
  const terms = parseLeaf(leaf.script);
  if (terms.kind === "timelock") return input.sequence === terms.timelock;
  return leaf.kind === (outs.length === 1 ? "unbonding" : "slashing");
}

interface KnownCoin {
  readonly from: Withdrawable;
  readonly coin: StakeCoin;
  readonly leaves: readonly Leaf[];
}

function coinsOf(delegation: Delegation): KnownCoin[] {
  const { terms, params, unbondingTime, slashing, unbondingSlashing } = delegation;
  const refund = slashingChangeOutput(terms.staker, unbondingTime, params.network);
  const leaves: readonly Leaf[] = Object.values(refund.leaves);
  const refunds = [slashing, unbondingSlashing].flatMap(({ transaction }) =>
    transaction.outs.flatMap(({ script, value }, index) =>
      equalBytes(script, refund.script)
        ? [{ from: "refund" as const, coin: { outpoint: outpointOf(transaction, index), value }, leaves }]
        : [],
    ),
  );
  return [
    {
      from: "staking",
      coin: stakeCoin(delegation),
      leaves: Object.values<Leaf>(stakingOutput(terms, params.network).leaves),
    },
    {
      from: "unbonding",
      coin: unbondedCoin(delegation),
      leaves: Object.values<Leaf>(unbondingOutput(terms, unbondingTime, params.network).leaves),
    },
    ...refunds,
  ];
}
