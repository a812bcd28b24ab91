import type { Transaction } from "../bitcoin/bitcoinjs.js";
import { formatRate } from "../core/amount.js";
import { type Delegation, expandedStake } from "../delegation/delegation.js";
import { expansionSpend } from "../delegation/spends.js";
import { recognise, type RecognisedSpend } from "../delegation/recognise.js";
import { identifyParams } from "../params/identify.js";
import type { ProtocolParams } from "../params/types.js";
import type { VersionOf } from "../stake/explain.js";
import { rateOf } from "../bitcoin/fee.js";
import type { Prevout } from "../bitcoin/transaction.js";
import { feeRateText } from "./chain.js";
import { answer, table } from "./output.js";
import { deliveredRows, type Delivered } from "./send.js";
import { spendFacts, type SpendFacts, spendText } from "./spend-text.js";

/** What a transaction is to a delegation: its stake, or a spend of one of its outputs; an expansion is both. */
export interface WithinDelegation {
  readonly isStake: boolean;
  readonly spends: readonly SpendFacts[];
}

/**
 * @param told as of `recognise`
 * @throws TapstakeError as `recognise`
 */
export function withinDelegation(
  delegation: Delegation,
  transaction: Transaction,
  told: readonly Prevout[] = [],
): WithinDelegation {
  const recognised = recognise(delegation, transaction, told);
  if (recognised.kind === "staking") {
    const { expands } = recognised;
    return { isStake: true, spends: expands ? [expansionFacts(delegation, transaction, expands)] : [] };
  }
  const { sameTxid, presigned } = recognised;
  const { network } = delegation.params;
  const versions = published(delegation.params);
  const spends = recognised.spends.map((spend) =>
    spendFacts(transaction, { ...spend, versions }, { network, sameTxid, presigned }),
  );
  return { isStake: false, spends };
}

function expansionFacts(
  delegation: Delegation,
  transaction: Transaction,
  spend: RecognisedSpend,
): SpendFacts {
  const { params } = expandedStake(delegation);
  const { prevouts } = expansionSpend(delegation);
  const { network } = params;
  const expands = { prevouts, stakeIndex: delegation.staking.outputIndex };
  return spendFacts(transaction, { ...spend, versions: published(params) }, { network, expands });
}

/** What published versions they are. */
function published(params: ProtocolParams): readonly VersionOf[] {
  const found = identifyParams(params);
  return found ? [found] : [];
}

/** Says in plain words what a finished spend does, and what became of it. */
export function answerSpent(
  asJson: boolean,
  delegation: Delegation,
  transaction: Transaction,
  delivered: Delivered,
): void {
  if (delivered.file === "-") return;
  const { spends } = withinDelegation(delegation, transaction);
  const { headline, fee } = spends[0]!;
  const vsize = transaction.virtualSize();
  const rate = rateOf(fee!, vsize);
  const facts = { ...delivered, headline, vsize, feeRate: formatRate(rate), spends };
  answer(asJson, facts, () =>
    [
      ...spends.map((spend) => spendText(spend, delivered.txid)),
      table([["size", `${vsize} vB, which pays ${feeRateText(rate)}`], ...deliveredRows(delivered)]),
    ].join("\n\n"),
  );
}
