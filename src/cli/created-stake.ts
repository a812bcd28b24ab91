import { formatRate, type Rate } from "../core/amount.js";
import { checkTransactions } from "../delegation/check.js";
import { createDelegation } from "../delegation/delegation.js";
import type { ProtocolParams } from "../params/types.js";
import { stakingOutput } from "../script/outputs.js";
import type { StakeTerms } from "../script/terms.js";
import { rateOf } from "../bitcoin/fee.js";
import { assertSameTransaction } from "../psbt/returned.js";
import { prevoutsOf, transactionOf } from "../psbt/read.js";
import type { SelectionReason } from "../funding/selection.js";
import { type Staking, transactionFromPsbt } from "../stake/staking.js";
import { formatOutpoint, type Prevout } from "../bitcoin/transaction.js";
import { readPsbt } from "./files.js";
import { table } from "./output.js";
import { amount, paidText, scriptFacts, scriptText } from "./wording.js";

/** What is to be staked, and how. */
export interface Stake {
  readonly terms: StakeTerms;
  readonly params: ProtocolParams;
  /** The name of the set that the parameters are of. */
  readonly set: string;
}

/**
 * The delegation of a transaction that is signed. Its witnesses are left out, as nothing is to be locked yet; the input
 * scripts of P2PKH coins have to stay, as they are in the txid.
 */
export async function ofSigned({ terms, params, set }: Stake, file: string, original: string | undefined) {
  const psbt = await readPsbt(file);
  if (original !== undefined) assertSameTransaction(transactionOf(await readPsbt(original)), psbt);
  const transaction = transactionFromPsbt(psbt);
  const vsize = transaction.virtualSize();
  const fee = sum(prevoutsOf(psbt) as readonly Prevout[]) - sum(transaction.outs);
  const sendable = transaction.ins.every(({ witness }) => witness.length === 0);
  transaction.ins.forEach((_, i) => transaction.setWitness(i, []));
  // It was signed a moment ago: its txid is final.
  const delegation = createDelegation(terms, params, { transaction, txidFinal: true });
  checkTransactions(delegation);
  const { outputIndex } = delegation.staking;
  const facts = {
    txid: transaction.getId(),
    address: stakingOutput(terms, params.network).address,
    satoshi: transaction.outs[outputIndex]!.value,
    paramSet: set,
    version: params.version,
    coins: transaction.ins.map(formatOutpoint),
    fee,
    vsize,
    feeRate: formatRate(rateOf(fee, vsize)),
    // Whoever has the file can send the transaction.
    sendable,
    others: transaction.outs
      .filter((_, i) => i !== outputIndex)
      .map(({ script, value }) => ({ satoshi: value, ...scriptFacts(script, params.network) })),
  };
  return { delegation, facts };
}

const sum = (outputs: readonly Prevout[]) => outputs.reduce((total, { value }) => total + value, 0n);

type SignedFacts = Awaited<ReturnType<typeof ofSigned>>["facts"] & {
  readonly delegation: string | undefined;
};

export const signedText = (facts: SignedFacts): string =>
  table([
    ["delegation", `${facts.delegation}, for the transaction that is signed; send it by stake broadcast`],
    ["transaction", facts.txid],
    ["stakes", `${amount(facts.satoshi)} at ${facts.address}`],
    ["parameters", `v${facts.version} of the set ${facts.paramSet}`],
    ["spends", facts.coins],
    ["pays others", facts.others.map((output) => `${amount(output.satoshi)} to ${scriptText(output)}`)],
    ["fee", `${amount(facts.fee)}: ${facts.feeRate} sat/vB for ${facts.vsize} vB`],
    [
      "beware",
      facts.sendable
        ? "only P2PKH coins pay, so the delegation has the whole transaction in it: whoever has the file can send it, also before the committee has signed"
        : undefined,
    ],
  ]);

/** What a built stake spends, pays and returns, as data. */
export function stakingFacts({ params, set }: Stake, staking: Staking) {
  return {
    ...(staking.txidFinal && { txid: staking.transaction.getId() }),
    txidFinal: staking.txidFinal,
    address: staking.output.address,
    satoshi: staking.value,
    paramSet: set,
    version: params.version,
    phase1: params.phase1 !== undefined,
    coins: staking.coins.map(({ outpoint }) => formatOutpoint(outpoint)),
    reason: staking.reason,
    fee: staking.fee,
    vsize: staking.vsize,
    feeRate: formatRate(staking.feeRate),
    change: staking.change,
  };
}

type StakingFacts = ReturnType<typeof stakingFacts> & {
  readonly psbt: string | undefined;
  readonly delegation?: string;
};

export function stakingText(facts: StakingFacts, asked: Rate): string {
  return table([
    ["delegation", facts.delegation],
    ["PSBT", `${facts.psbt}, for the wallet that has the coins; ${nextText(facts)}`],
    ["transaction", facts.txid ?? "known once it is signed, as a P2PKH coin pays"],
    ["stakes", `${amount(facts.satoshi)} at ${facts.address}`],
    ["parameters", `v${facts.version} of the set ${facts.paramSet}`],
    ["spends", facts.coins],
    ["chosen", REASONS[facts.reason]],
    ["fee", paidText(facts, asked)],
    ["change", facts.change === 0n ? "none" : amount(facts.change)],
  ]);
}

function nextText({ delegation, phase1 }: StakingFacts): string {
  if (phase1) return "send it by stake broadcast, with the same parameters and terms";
  if (delegation !== undefined) return "send it by stake broadcast";
  return "give it back by --signed, which makes the delegation";
}

const REASONS: Readonly<Record<SelectionReason, string>> = {
  changeless: "they need no change, and nothing that was found costs less",
  cheapest: "nothing that was found costs less",
  only: "nothing else that was found pays",
  all: "all that bring more than they cost",
  fitting: "as many as nodes relay in one transaction, those that hold most: the rest stays",
};
