import { rateOf } from "../../bitcoin/fee.js";
import { formatOutpoint, spentBy } from "../../bitcoin/transaction.js";
import { formatRate, type Rate } from "../../core/amount.js";
import { hex } from "../../core/bytes.js";
import { type Delegation, stakeCoin } from "../../delegation/delegation.js";
import type { SignedStake } from "../../delegation/psbt.js";
import type { SelectionReason } from "../../funding/selection.js";
import type { ProtocolParams } from "../../params/types.js";
import { stakingOutput } from "../../script/outputs.js";
import type { StakeTerms } from "../../script/terms.js";
import type { Expansion, ExpansionReason } from "../../stake/expansion.js";
import type { Staking } from "../../stake/staking.js";
import type { Withdrawal } from "../../stake/withdrawal.js";
import { table } from "../output.js";
import { amount, blocks, paidText, scriptFacts, scriptText } from "./text.js";

/** A stake to be made. */
export interface Stake {
  readonly terms: StakeTerms;
  readonly params: ProtocolParams;
  /** The name of the parameter set. */
  readonly set: string;
}

/** What a signed transaction stakes, spends and pays, as data. */
export function signedFacts({ params, set }: Stake, { delegation, fee, vsize, sendable }: SignedStake) {
  const { transaction, outputIndex } = delegation.staking;
  return {
    txid: transaction.getId(),
    address: stakingOutput(delegation.terms, params.network).address,
    satoshi: stakeCoin(delegation).value,
    paramSet: set,
    version: params.version,
    coins: transaction.ins.map((input) => formatOutpoint(spentBy(input))),
    fee,
    vsize,
    feeRate: formatRate(rateOf(fee, vsize)),
    sendable,
    others: transaction.outs
      .filter((_, i) => i !== outputIndex)
      .map(({ script, value }) => ({ satoshi: value, ...scriptFacts(script, params.network) })),
  };
}

type SignedFacts = ReturnType<typeof signedFacts> & {
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
        ? "only P2PKH coins pay, so the file holds the signed transaction. Anyone with the file can send it and lock your coins, even before the committee has signed"
        : undefined,
    ],
  ]);

/** What a built stake spends, pays and returns as change, as data. */
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
  changeless: "the cheapest choice that tapstake found; it needs no change",
  cheapest: "the cheapest choice that tapstake found",
  only: "the only choice that tapstake found",
  all: "every coin that is worth more than the fee to spend it",
  fitting: "the largest coins, as many as nodes relay in one transaction; the rest stays",
};

/** What a built expansion spends, pays and returns as change, as data. */
export function expansionFacts({ terms, params, set }: Stake, previous: Delegation, expansion: Expansion) {
  return {
    txid: expansion.transaction.getId(),
    address: expansion.output.address,
    satoshi: expansion.transaction.outs[expansion.outputIndex]!.value,
    timelock: terms.timelock,
    finalityProviders: terms.finalityProviders.map((key) => hex.encode(key)),
    paramSet: set,
    version: params.version,
    expands: formatOutpoint(stakeCoin(previous).outpoint),
    coin: formatOutpoint(expansion.coin.outpoint),
    reason: expansion.reason,
    fee: expansion.fee,
    vsize: expansion.vsize,
    feeRate: formatRate(expansion.feeRate),
    change: expansion.change,
  };
}

type ExpansionFacts = ReturnType<typeof expansionFacts> & {
  readonly delegation: string;
  readonly psbt?: string;
};

export const expansionText = (facts: ExpansionFacts, previous: Delegation, asked: Rate): string =>
  table([
    ["delegation", facts.delegation],
    ["PSBT", facts.psbt && `${facts.psbt}, for the wallet that has the coin; send it by stake broadcast`],
    ["transaction", facts.txid],
    ["expands", `${facts.expands}, ${amount(stakeCoin(previous).value)}`],
    ["stakes", `${amount(facts.satoshi)} for ${blocks(facts.timelock)} at ${facts.address}`],
    ["finality provider", facts.finalityProviders],
    ["parameters", `v${facts.version} of the set ${facts.paramSet}`],
    ["coin", facts.coin],
    ["chosen", EXPANSION_REASONS[facts.reason]],
    ["fee", paidText(facts, asked)],
    ["change", facts.change === 0n ? "none" : amount(facts.change)],
  ]);

const EXPANSION_REASONS: Readonly<Record<ExpansionReason, string>> = {
  given: "the coin that you named",
  changeless: "the coin that costs least; it needs no change",
  cheapest: "the coin that costs least; of coins that cost the same, the smallest",
};

interface Shared {
  readonly signatures: number;
  /** The address of the payment. */
  readonly to: string;
  readonly blocksLeft: number | undefined;
}

/** What a withdrawal for a wallet pays, as data. */
export const withdrawalFacts = (built: Withdrawal, { signatures, to, blocksLeft }: Shared) => ({
  signatures,
  satoshi: built.value,
  to,
  fee: built.fee,
  vsize: built.vsize,
  feeRate: formatRate(built.feeRate),
  timelock: built.timelock,
  blocksLeft,
});

type WithdrawalFacts = ReturnType<typeof withdrawalFacts> & { readonly psbt: string };

export const withdrawalText = (facts: WithdrawalFacts): string =>
  table([
    ["PSBT", `${facts.psbt}; give it back by --signed`],
    ["signatures", `${facts.signatures}`],
    ["pays", `${amount(facts.satoshi)} to ${facts.to}`],
    ["fee", `${amount(facts.fee)}: ${facts.feeRate} sat/vB for ${facts.vsize} vB`],
    ["possible", `once the output is ${blocks(facts.timelock)} old${leftText(facts.blocksLeft)}`],
  ]);

const leftText = (left: number | undefined) =>
  left === undefined ? "" : left === 0 ? ": now" : `: in ${blocks(left)}`;
