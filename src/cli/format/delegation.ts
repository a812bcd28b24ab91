import { formatOutpoint, type Prevout, spentBy } from "../../bitcoin/transaction.js";
import type { OutputOnChain } from "../../chain/stake.js";
import { hex } from "../../core/bytes.js";
import type { Delegation } from "../../delegation/delegation.js";
import type { StakeOutputName } from "../../delegation/outputs.js";
import { expansionSpend, type SignedName, signedSpend } from "../../delegation/spends.js";
import { isComplete, type SignatureStatus, signatureStatus, type Signed } from "../../delegation/status.js";
import { previousStake } from "../../stake/expansion.js";
import { FUNDING_INPUT } from "../../stake/funding-coin.js";
import { colors, type Row, section, table } from "../output.js";
import { amount, blocks, countText, scriptFacts, scriptText } from "./text.js";

/** The signatures of a delegation, as data. */
export function signatureFacts(delegation: Delegation) {
  const status = signatureStatus(delegation);
  return {
    ready: isReady(status),
    transactions: status.map(({ transaction, staker, covenant }) => ({
      transaction,
      txid: signedSpend(delegation, transaction).transaction.getId(),
      staker: signedFacts(staker),
      covenant: covenant.map((one) => ({
        ...(one.finalityProvider && { finalityProvider: hex.encode(one.finalityProvider) }),
        ...signedFacts(one),
      })),
    })),
  };
}

/** Whether a stake can be locked. The staker's signatures of the unbonding and of an expansion's spend come last. */
const isReady = (status: readonly SignatureStatus[]): boolean =>
  status.every(
    ({ transaction, staker, covenant }) =>
      (isSignedLast(transaction) || isComplete(staker)) && covenant.every(isComplete),
  );

const isSignedLast = (name: SignedName) => name === "unbonding" || name === "expansion";

function signedFacts({ quorum, keys, signed, invalid }: Signed) {
  const encode = (list: readonly Uint8Array[]) => list.map((key) => hex.encode(key));
  return { quorum, of: keys.length, signed: encode(signed), invalid: encode(invalid) };
}

type SignatureFacts = ReturnType<typeof signatureFacts>;
type SignedFacts = ReturnType<typeof signedFacts>;

/** What `inspect` shows of a delegation beside the stake itself. */
export function delegationFacts(delegation: Delegation) {
  const { params, unbonding, slashing, unbondingSlashing, unbondingTime } = delegation;
  const slashed = ({ transaction }: Delegation["slashing"]) => ({
    slashed: transaction.outs[0]!.value,
    to: scriptFacts(transaction.outs[0]!.script, params.network),
    refunded: transaction.outs[1]!.value,
  });
  const expands = expandedFacts(delegation);
  return {
    ...signatureFacts(delegation),
    ...(expands && { expands }),
    unbondingTime,
    unbonded: unbonding.transaction.outs[0]!.value,
    slashing: slashed(slashing),
    unbondingSlashing: slashed(unbondingSlashing),
  };
}

/** The stake that a delegation expands, and the cost of that. */
function expandedFacts(delegation: Delegation) {
  const { expansion, staking, terms } = delegation;
  if (!expansion) return undefined;
  const { coin } = previousStake(expansion);
  const { transaction, prevouts } = expansionSpend(delegation);
  const sum = (outputs: readonly Prevout[]) => outputs.reduce((total, { value }) => total + value, 0n);
  const { value } = transaction.outs[staking.outputIndex]!;
  return {
    outpoint: formatOutpoint(coin.outpoint),
    satoshi: coin.value,
    version: expansion.params.version,
    timelock: expansion.terms.timelock,
    added: value - coin.value,
    blocksNow: terms.timelock,
    funding: {
      outpoint: formatOutpoint(spentBy(transaction.ins[FUNDING_INPUT]!)),
      satoshi: expansion.funding.value,
      ...scriptFacts(expansion.funding.script, expansion.params.network),
    },
    change: sum(transaction.outs) - value,
    fee: sum(prevouts) - sum(transaction.outs),
  };
}

export type DelegationFacts = ReturnType<typeof delegationFacts>;

/** The transactions of the stake, and who has signed them. */
export function delegationText(facts: DelegationFacts): string {
  const { unbondingTime, unbonded, transactions } = facts;
  const locked = `locked ${blocks(unbondingTime)}`;
  const ends = table(
    transactions.flatMap(({ transaction, txid }): Row[] => {
      if (transaction === "expansion") return [];
      if (transaction === "unbonding") {
        return [[SIGNED_WORDS.unbonding, [`${amount(unbonded)}, ${locked} and still slashable`, txid]]];
      }
      const { slashed, to, refunded } = facts[transaction];
      const lines = [
        `${amount(slashed)} to ${scriptText(to)}`,
        `${amount(refunded)} back to the staker, ${locked}`,
        txid,
      ];
      return [[SIGNED_WORDS[transaction], lines]];
    }),
    "  ",
  );
  const signatures = `${signatureText(facts)}\n  ${readyText(facts)}`;
  return [
    ...(facts.expands ? [section("what it expands", expandedText(facts.expands))] : []),
    section("what is signed in advance", ends),
    section("signatures", signatures),
  ].join("\n\n");
}

function expandedText({ funding, ...facts }: NonNullable<DelegationFacts["expands"]>): string {
  const added = facts.added === 0n ? "nothing is added" : `${amount(facts.added)} are added`;
  return table(
    [
      [
        "a stake of",
        `${amount(facts.satoshi)}, locked ${blocks(facts.timelock)}, parameters v${facts.version}`,
      ],
      ["", facts.outpoint],
      ["which becomes", `this one without unbonding: ${added}, locked ${blocks(facts.blocksNow)} anew`],
      ["paid by", `${amount(funding.satoshi)} of ${scriptText(funding)}`],
      ["", funding.outpoint],
      [
        "fee",
        `${amount(facts.fee)}; ${facts.change === 0n ? "no change" : `${amount(facts.change)} return`}`,
      ],
    ],
    "  ",
  );
}

/** The purpose of each, in a few words. */
export const SIGNED_WORDS: Readonly<Record<SignedName, string>> = {
  unbonding: "unbonding",
  slashing: "slashing of the stake",
  unbondingSlashing: "slashing of the unbonding",
  expansion: "spend of the expanded stake",
};

/** Which signatures are there, and which are missing. */
export function signatureText({ transactions }: SignatureFacts): string {
  const rows = transactions.flatMap(({ transaction, staker, covenant }): Row[] => {
    return [
      [SIGNED_WORDS[transaction], `staker     ${signedText(staker)}${WHEN[transaction] ?? ""}`],
      ...covenant.map((one): Row => [
        "",
        `committee  ${signedText(one)}${one.finalityProvider && covenant.length > 1 ? ` for ${one.finalityProvider}` : ""}`,
      ]),
    ];
  });
  return table(rows, "  ");
}

/** The signatures that come later than the rest. */
const WHEN: Readonly<Partial<Record<SignedName, string>>> = {
  unbonding: " (given on the day of unbonding)",
  expansion: " (given last)",
};

function signedText({ signed, quorum, invalid }: SignedFacts): string {
  const bad = invalid.length > 0 ? colors.red(`, ${invalid.length} that do not verify`) : "";
  return `${countText({ signed: signed.length, quorum })}${bad}`;
}

/**
 * Whether the stake can be locked, in words.
 * @param isAsked whether a server was asked: without one, the stake may be on the chain already
 */
export function readyText({ ready, transactions }: SignatureFacts, isAsked = false): string {
  if (!ready) return "signatures are missing: the stake cannot be broadcast yet";
  const isForStaker = transactions.some(
    ({ transaction, staker }) => transaction === "expansion" && staker.signed.length < staker.quorum,
  );
  const [signed, then] = isForStaker
    ? ["all but the expansion is signed: the staker signs it (stake sign --expansion)", ", then it"]
    : ["everything is signed", ": the stake"];
  return isAsked ? `${signed}${then} can be broadcast` : `${signed}. ${NOT_ASKED}`;
}

/** The state of a stake: from what the chain has of it, and before that from its signatures. */
export type StakeState =
  "incomplete" | "ready" | "sent" | "staked" | "unbonding" | "slashed" | "over" | "gone";

/** What a server says of a stake. */
export interface StakeFound {
  readonly output: OutputOnChain | null;
  /** Whether the server has the staking transaction; only present if it finds none among the outputs. */
  readonly isSent?: boolean;
  /** Whether the coins of the staking transaction are unspent; only present if it has not been sent. */
  readonly hasCoins?: boolean;
}

/** @param found undefined if no server was asked */
export function stakeState(
  { ready }: SignatureFacts,
  { output, isSent = false, hasCoins = true }: Partial<StakeFound> = {},
): StakeState {
  if (output?.name === "staking") return output.confirmations === 0 ? "sent" : "staked";
  if (output) return output.name === "unbonding" ? "unbonding" : "slashed";
  if (isSent) return "over";
  if (!hasCoins) return "gone";
  return ready ? "ready" : "incomplete";
}

/** @param isAsked whether a server was asked: without one, a ready stake may be on the chain already */
export function stateText(state: StakeState, facts: SignatureFacts, isAsked: boolean): string {
  const unready = facts.ready ? "" : "; signatures are missing: without them you cannot unbond it";
  switch (state) {
    case "sent":
      return `it waits in the mempool${unready}`;
    case "staked":
      return `it is staked${unready}`;
    case "unbonding":
      return "it is unbonding";
    case "slashed":
      return "it was slashed";
    case "gone":
      return "the server has neither the stake nor its coins: the stake was withdrawn or expanded, or another transaction spent the coins";
    case "over":
      return "it is over: the coins were withdrawn, or moved to an expanded stake";
    default:
      return readyText(facts, isAsked);
  }
}

const NOT_ASKED =
  "Without a server, tapstake does not know whether the stake was broadcast: give --rpc or --esplora";

const OUTPUT_WORDS: Readonly<Record<StakeOutputName, string>> = {
  staking: "staked",
  unbonding: "unbonding",
  refund: "slashed; the refund remains",
  "unbonding-refund": "slashed while unbonding; the refund remains",
};

/** The words for a stake without an unspent output. */
const ABSENT: Readonly<Partial<Record<StakeState, string>>> = {
  incomplete: "not found: not broadcast yet",
  ready: "not found: not broadcast yet",
  over: "spent: no output of this stake is left",
};

/** Where a stake is, as data. */
export const onChainFacts = (found: OutputOnChain) => ({
  output: found.name,
  outpoint: formatOutpoint(found.coin.outpoint),
  satoshi: found.coin.value,
  confirmations: found.confirmations,
  blocksLeft: found.blocksLeft,
});

export type OnChainFacts = ReturnType<typeof onChainFacts>;

export function onChainText(facts: OnChainFacts | null, state: StakeState): string {
  if (!facts) return ABSENT[state] ?? "not found";
  const { output, outpoint, confirmations, blocksLeft } = facts;
  if (confirmations === 0) {
    const what = output === "staking" ? "" : `${OUTPUT_WORDS[output]}, `;
    return `${what}in the mempool, not confirmed (${outpoint})`;
  }
  const when = blocksLeft === 0 ? "withdrawable now" : `withdrawable in ${blocks(blocksLeft)}`;
  return `${OUTPUT_WORDS[output]}, ${confirmations} confirmation${confirmations === 1 ? "" : "s"}, ${when} (${outpoint})`;
}
