import type { Transaction } from "../../bitcoin/transaction-class.js";
import { rateOf } from "../../bitcoin/fee.js";
import { formatOutpoint, type Prevout, spentBy } from "../../bitcoin/transaction.js";
import { formatBtc, formatRate } from "../../core/amount.js";
import { hex } from "../../core/bytes.js";
import type { Network } from "../../core/network.js";
import { type Delegation, expandedStake } from "../../delegation/delegation.js";
import { recognise, type RecognisedSpend } from "../../delegation/recognise.js";
import { expansionSpend } from "../../delegation/spends.js";
import { identifyParams } from "../../params/sets.js";
import type { ProtocolParams } from "../../params/types.js";
import { stakerKeys } from "../../script/terms.js";
import { type ExplainedSpend, quorumsOf, type SignedQuorum, type VersionOf } from "../../stake/explain.js";
import type { Withdrawable } from "../../stake/withdrawal.js";
import { type Delivered, deliveredRows, feeRateText } from "../chain.js";
import { answer, colors, section, table } from "../output.js";
import {
  amount,
  blocks,
  countText,
  OWN_PARAMS,
  quorumShort,
  scriptFacts,
  type ScriptFacts,
  scriptText,
  shortKey,
} from "./text.js";

/** What `inspect` shows of a spend of a stake. */
export interface SpendFacts {
  readonly headline: string;
  readonly role: ExplainedSpend["role"];
  /** Which output of the stake is spent. */
  readonly from?: Withdrawable;
  readonly inputIndex: number;
  readonly outpoint: string;
  /** The value of the spent output and the fee; only present if the delegation says them. */
  readonly satoshi?: bigint;
  readonly fee?: bigint;
  /** Whether it is, by txid, one of the delegation's three; and unsigned, or signed by all who must. */
  readonly sameTxid?: boolean;
  readonly presigned?: boolean;
  readonly staker: KeySetFacts;
  readonly finalityProviders?: readonly string[];
  readonly covenant?: KeySetFacts;
  readonly signedBy: {
    readonly staker: readonly string[];
    readonly finalityProviders: readonly string[];
    readonly covenant: readonly string[];
  };
  /** The size of each quorum, and how many signatures are missing. */
  readonly quorums: readonly SignedQuorum[];
  /** Whether the signatures were verified. If not, anyone can have put them there. */
  readonly verified: boolean;
  /** Why they could not be verified. */
  readonly unverified?: string;
  /** The keys whose slots in the witness hold something else than their signature. */
  readonly invalid: readonly string[];
  /** The blocks that the spent output must be old. */
  readonly timelock?: number;
  readonly sequence: number;
  /** The parameter versions with this committee; for a delegation's spend, its own version. */
  readonly versions: readonly { readonly paramSet: string; readonly version: number }[];
  readonly outputs: readonly OutputFacts[];
}

interface KeySetFacts {
  readonly keys: readonly string[];
  readonly quorum: number;
}

interface OutputFacts extends ScriptFacts {
  readonly satoshi: bigint;
  readonly is?: "slashed" | "refund" | "unbonding" | "stake";
  /** For a refund: its time lock in blocks. */
  readonly timelock?: number;
}

interface Context {
  readonly network?: Network | undefined;
  /** For an expansion's spend of the previous stake: all that is spent, and the new stake. */
  readonly expands?: { readonly prevouts: readonly Prevout[]; readonly stakeIndex: number };
  readonly sameTxid?: boolean;
  readonly presigned?: boolean;
}

export function spendFacts(
  transaction: Transaction,
  spend: ExplainedSpend & { readonly value?: bigint },
  { network: asked, sameTxid, presigned, expands }: Context,
): SpendFacts {
  const { inputIndex, leaf, role, from, value } = spend;
  const input = transaction.ins[inputIndex]!;
  const network = asked ?? spend.versions[0]?.set.network;
  const held = expands ? sum(expands.prevouts) : transaction.ins.length === 1 ? value : undefined;
  const encode = (keys: readonly Uint8Array[]) => keys.map((key) => hex.encode(key));
  const staker = stakerKeys(leaf.staker);
  return {
    headline: headline(transaction, spend, expands !== undefined),
    role,
    ...(from && { from }),
    inputIndex,
    outpoint: formatOutpoint(spentBy(input)),
    ...(value !== undefined && { satoshi: value }),
    ...(held !== undefined && { fee: held - sum(transaction.outs) }),
    ...(sameTxid !== undefined && { sameTxid }),
    ...(presigned !== undefined && { presigned }),
    staker: { keys: encode(staker.keys), quorum: staker.quorum },
    ...(leaf.kind === "slashing" && { finalityProviders: encode(leaf.finalityProviders) }),
    ...(leaf.kind !== "timelock" && {
      covenant: { keys: encode(leaf.covenant.keys), quorum: leaf.covenant.quorum },
    }),
    signedBy: {
      staker: encode(spend.signed.staker),
      finalityProviders: encode(spend.signed.finalityProviders),
      covenant: encode(spend.signed.covenant),
    },
    quorums: quorumsOf(spend),
    verified: spend.verified,
    ...(!spend.verified && { unverified: whyUnverified(spend) }),
    invalid: encode(spend.invalid),
    ...(leaf.kind === "timelock" && { timelock: leaf.timelock }),
    sequence: input.sequence,
    versions: spend.versions.map(({ set, params }) => ({ paramSet: set.name, version: params.version })),
    outputs: outputFacts(transaction, spend, { network, stakeIndex: expands?.stakeIndex }),
  };
}

const sum = (outputs: readonly Prevout[]): bigint => outputs.reduce((total, { value }) => total + value, 0n);

function outputFacts(
  { outs }: Transaction,
  { role, outputs }: ExplainedSpend,
  { network, stakeIndex }: { readonly network: Network | undefined; readonly stakeIndex: number | undefined },
): OutputFacts[] {
  return outs.map(({ script, value }, index) => ({
    satoshi: value,
    ...(index === outputs?.slashed && { is: "slashed" as const }),
    ...(index === outputs?.refund && { is: "refund" as const, timelock: outputs.refundLock }),
    ...(index === stakeIndex && { is: "stake" as const }),
    ...(role === "unbonding" && outs.length === 1 && { is: "unbonding" as const }),
    ...scriptFacts(script, network),
  }));
}

const whyUnverified = ({ annex }: ExplainedSpend) =>
  annex ? "the witness has an annex" : "the spent amount is not known";

const NAMES = { staking: "a stake", unbonding: "an unbonding stake", refund: "the refund of a slashing" };

function headline(
  transaction: Transaction,
  spend: ExplainedSpend & { readonly value?: bigint },
  expands: boolean,
): string {
  const { leaf, from, signed, verified, value, outputs } = spend;
  const by = `by ${stakerKeys(leaf.staker).keys.map(shortKey).join(", ")}`;
  const what = (from ? NAMES[from] : "a stake") + (value === undefined ? "" : ` of ${formatBtc(value)}`);
  const members =
    leaf.kind === "timelock"
      ? ""
      : `${signed.covenant.length} of ${leaf.covenant.keys.length} committee members`;
  // Without its coins, a transaction can name anyone: the text must blame and credit no one.
  const committee = verified ? `signed by ${members}` : `with signatures for ${members}, not verified`;
  switch (spend.role) {
    case "unbonding":
      return `this unbonds ${what} ${by}, ${committee}`;
    case "expansion":
      if (expands) return `this expands ${what} ${by}, ${committee}`;
      return `this spends ${what} ${by} together with other coins, ${committee}: an expansion`;
    case "slashing": {
      const slashed =
        outputs?.slashed === undefined ? "" : `${formatBtc(transaction.outs[outputs.slashed]!.value)} of `;
      const key = signed.finalityProviders.map(shortKey).join(", ");
      const used = verified
        ? `, with the key of finality provider ${key}`
        : `, with a signature for finality provider ${key}, not verified`;
      return `this slashes ${slashed}${what} ${by}${key && used}`;
    }
    case "withdrawal":
      return `this withdraws ${what} ${by}, possible after ${blocks((leaf as { timelock: number }).timelock)}`;
  }
}

export function spendText(facts: SpendFacts, txid: string): string {
  const { staker, finalityProviders: providers, covenant, signedBy, timelock } = facts;
  const mark = facts.verified ? colors.green("signed") : "signature, not verified";
  const marked = (keys: readonly string[], signed: readonly string[]) =>
    keys.map((key) => {
      if (facts.invalid.includes(key)) return `${key}  ${colors.red("does not verify")}`;
      return signed.includes(key) ? `${key}  ${mark}` : colors.dim(key);
    });
  const spent = facts.satoshi === undefined ? "" : `, ${amount(facts.satoshi)}`;
  const details = table([
    ["transaction", txid],
    ["pre-signed", presignedText(facts)],
    ["spends", `${facts.outpoint} (input ${facts.inputIndex})${spent}`],
    ["fee", facts.fee === undefined ? undefined : amount(facts.fee)],
    ["parameters", versionsText(facts)],
    ["signatures", signatureLines(facts)],
    [
      staker.keys.length === 1 ? "staker" : `${quorumShort(staker)} stakers`,
      marked(staker.keys, signedBy.staker),
    ],
    ["finality provider", providers && marked(providers, signedBy.finalityProviders)],
    [
      covenant ? `${quorumShort(covenant)} committee` : "",
      covenant && marked(covenant.keys, signedBy.covenant),
    ],
    ["possible", timelock === undefined ? undefined : `once the spent output is ${blocks(timelock)} old`],
  ]);
  const outputs = table(
    facts.outputs.map((output, index) => [`output ${index}`, outputText(output)] as const),
    "  ",
  );
  return [colors.bold(facts.headline), details, section("where the coins go", outputs)].join("\n\n");
}

function signatureLines({ quorums, staker, invalid, unverified }: SpendFacts): string[] {
  const names = {
    staker: staker.keys.length === 1 ? "the staker" : "stakers",
    finalityProviders: "a finality provider",
    covenant: "the committee",
  };
  const bad = invalid.length === 1 ? "1 that does not verify" : `${invalid.length} that do not verify`;
  return [
    ...(unverified === undefined ? [] : [`not verified: ${unverified}`]),
    ...quorums.map(({ by, signed, quorum }) => countText({ signed, quorum }, names[by])),
    ...(invalid.length === 0 ? [] : [colors.red(bad)]),
  ];
}

/** Empty for a spend that is never signed in advance. */
function presignedText(facts: SpendFacts): string | undefined {
  const { role, presigned, sameTxid, signedBy, invalid, unverified } = facts;
  if (presigned === undefined || role === "withdrawal" || role === "expansion") return undefined;
  if (!sameTxid) return "no: the delegation has another transaction for this";
  if (!presigned && invalid.length === 0 && !unverified) {
    return "in part: by txid the one of the delegation, and not signed by all who must yet";
  }
  if (!presigned) return "not shown: by txid the one of the delegation, but not with valid signatures";
  const isSigned = Object.values(signedBy).some((keys) => keys.length > 0);
  return `yes, by txid the one of the delegation${isSigned ? "" : ", not signed yet"}`;
}

function versionsText({ versions, covenant, presigned }: SpendFacts): string | undefined {
  const isDelegation = presigned !== undefined;
  if (!covenant && !isDelegation) return undefined;
  const bySet = new Map<string, string[]>();
  for (const { paramSet, version } of versions) {
    bySet.set(paramSet, [...(bySet.get(paramSet) ?? []), `v${version}`]);
  }
  const names = [...bySet].map(([name, numbers]) => `${name} ${numbers.join(", ")}`);
  if (names.length > 0) return names.join("; ");
  return isDelegation ? OWN_PARAMS : "none known: no version has this committee";
}

function outputText({ satoshi, is, timelock, ...script }: OutputFacts): string {
  const what = {
    slashed: ", slashed",
    stake: ", the new stake",
    unbonding: ", unbonding and still slashable",
    refund: `, the refund, locked ${timelock === undefined ? "" : blocks(timelock)}`,
  };
  return `${amount(satoshi)} to ${scriptText(script)}${is === undefined ? "" : what[is]}`;
}

/**
 * What a transaction is to a delegation: its staking transaction, a spend of one of its outputs, or for an expansion
 * both.
 */
export interface WithinDelegation {
  readonly isStake: boolean;
  readonly spends: readonly SpendFacts[];
}

/**
 * @param elsewhere as for `recognise`
 * @throws TapstakeError as `recognise`
 */
export function withinDelegation(
  delegation: Delegation,
  transaction: Transaction,
  elsewhere: readonly Prevout[] = [],
): WithinDelegation {
  const recognised = recognise(delegation, transaction, elsewhere);
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

/** The published versions that equal the parameters. */
function published(params: ProtocolParams): readonly VersionOf[] {
  const found = identifyParams(params);
  return found ? [found] : [];
}

/** Says in plain words what a finished spend does, and where it went. */
export function answerSpent(
  asJson: boolean,
  delegation: Delegation,
  transaction: Transaction,
  delivered: Delivered,
): void {
  if (delivered.file === "-") return;
  const { spends } = withinDelegation(delegation, transaction);
  const [spent] = spends;
  const vsize = transaction.virtualSize();
  const rate = rateOf(spent!.fee!, vsize);
  const facts = { ...delivered, headline: spent!.headline, vsize, feeRate: formatRate(rate), spends };
  answer(asJson, facts, () =>
    [
      ...spends.map((spend) => spendText(spend, delivered.txid)),
      table([["size", `${vsize} vB, which pays ${feeRateText(rate)}`], ...deliveredRows(delivered)]),
    ].join("\n\n"),
  );
}
