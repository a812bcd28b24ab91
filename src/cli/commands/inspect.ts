import { Option } from "@commander-js/extra-typings";
import * as v from "valibot";
import { expandedTxid, readChainDelegation } from "../../babylon/lcd/delegation.js";
import type { Transaction } from "../../bitcoin/transaction-class.js";
import type { Prevout } from "../../bitcoin/transaction.js";
import { TapstakeError } from "../../core/errors.js";
import { type Network, sharesAddresses } from "../../core/network.js";
import { checkTransactions } from "../../delegation/check.js";
import type { Delegation } from "../../delegation/delegation.js";
import { knownPrevouts } from "../../delegation/recognise.js";
import { identifyParams, paramSets } from "../../params/sets.js";
import type { ParamSet } from "../../params/types.js";
import type { Psbt } from "../../psbt/psbt.js";
import { transactionOf } from "../../psbt/read.js";
import { stakingOutput } from "../../script/outputs.js";
import type { StakeTerms } from "../../script/terms.js";
import { previousStake } from "../../stake/expansion.js";
import { type ShownInput, type ShownPsbt, shownPsbt } from "../../stake/explain-psbt.js";
import { explainSpends, identifyStaking } from "../../stake/explain.js";
import { newCommand } from "../command.js";
import { UsageError } from "../errors.js";
import { delegationFacts, type DelegationFacts, delegationText } from "../format/delegation.js";
import { spendFacts, type SpendFacts, spendText, withinDelegation } from "../format/spend.js";
import { stakeFacts, type StakeFacts, stakeText } from "../format/stake.js";
import { amount } from "../format/text.js";
import { type Inspectable, readDelegation, readInspectable } from "../input.js";
import { jsonOption, networkOption, several, stakerQuorumOption, wholeNumber } from "../options.js";
import { answer, type Row, section, table } from "../output.js";
import { readParams, readTerms } from "../terms.js";

const EXAMPLE =
  "02000000000101113b905156fc89867c6d48cc3e5c3dc62558405325090ae0c141ccc57fafb5670000000000000000000380c629fc0600000022512082f93ece9366a9e680d152dbc0c487e181accbba145b5b72d00c820545064d440000000000000000496a4762626e31000b93d2d388a2b89c2ba2ef28e99c0cfc20735b693cb8b2350fe8aceca2d0f393db9160428e401753dc1a9952ffd4fa3386c7609cf8411d2b6d79c42323ca9923fa0090e20000000000002251200b93d2d388a2b89c2ba2ef28e99c0cfc20735b693cb8b2350fe8aceca2d0f393014003d8ecbcb6f6eb069cd8ebd831606a80b43dbd1e4b78a95b09ceb2580dc61d0e2537770ef3e620310c7967d7db50895b356eba53c74e2dfddb3955b9ace8538515320d00";

const INSPECT = {
  description: `A staking output hides its terms. Give them by --delegation, or by --staker, --fp and --time. A stake of phase 1 announces
them itself. A spend shows its script, so tapstake recognises unbonding, slashing and withdrawal without terms.

It verifies signatures only with --delegation, or with the amounts in a PSBT. JSON can be a delegation, a wallet's answer, a
message of the staking chain, or what its servers answer.`,
  examples: `
tapstake inspect stake.psbt --delegation stake.json
# a stake of 300 BTC on mainnet that announces its terms
tapstake inspect ${EXAMPLE}
`,
  more: `Options that take several values end at the next option: write the transaction first.
For a message, or the chain's answer about an expansion, --delegation is the stake that it is about.
Without --height, tapstake takes the earliest version that fits and whose limits hold the time lock.`,
  topics: ["delegation", "parameters", "phase1"],
  refused: "no stake and no spend of one, or a stake outside the parameters",
} as const;

export const command = () =>
  newCommand("inspect", INSPECT)
    .argument("<transaction>", "hexadecimal, a PSBT in base64, a file of either or of JSON, or -")
    .addOption(
      new Option("--params <set>", `${[...paramSets.keys()].join(", ")}, or a file (default: all)`).conflicts(
        "delegation",
      ),
    )
    .addOption(networkOption())
    .addOption(
      new Option("--height <height>", "height of the block with the transaction")
        .argParser(wholeNumber)
        .conflicts("delegation"),
    )
    .addOption(
      new Option("--staker <key...>", "public key of the staker, or several")
        .argParser(several)
        .conflicts("delegation"),
    )
    .addOption(stakerQuorumOption())
    .addOption(new Option("--fp <key...>", "x-only keys of the finality providers").argParser(several))
    .addOption(new Option("--time <blocks>", "time lock of the stake, in blocks").argParser(wholeNumber))
    .option("--delegation <file>", "delegation that the transaction or the message belongs to")
    .addOption(jsonOption())
    .action(async (source, options) => {
      const terms = readTerms(options);
      if (source === "-" && options.delegation === "-") {
        throw new UsageError("only one of the sources can be standard input: give the other a file");
      }
      const input = await readInspectable(source);
      if (input.kind === "answer" && !v.is(aboutStake, input.answer)) {
        const { network } = options;
        const delegation =
          options.delegation === undefined ? undefined : await readDelegation(options.delegation);
        const { shownAnswer } = await import("./inspect-answer.js");
        const shown = shownAnswer(input.answer, { network, delegation });
        return answer(options.json === true, shown.facts, () => shown.text);
      }
      const facts = await inspect(input, { ...options, terms });
      answer(options.json === true, facts, text);
    });

/** What a server of the staking chain answers about a stake, whole or without what is around it. */
const aboutStake = v.union([
  v.looseObject({ btc_delegation: v.unknown() }),
  v.looseObject({ covenant_sigs: v.unknown(), params_version: v.unknown() }),
]);

interface Facts {
  readonly headline: string;
  readonly txid: string;
  /** For a PSBT: how far it is signed, and what it pays as it says itself. */
  readonly psbt?: PsbtFacts;
  readonly stake?: StakeFacts;
  readonly spends?: readonly SpendFacts[];
  /** For an answer of the staking chain: what it says of the stake. */
  readonly status?: string;
  /** For a delegation. */
  readonly delegation?: DelegationFacts;
}

interface PsbtFacts {
  readonly inputs: number;
  readonly signed: number;
  readonly notSigned: readonly (ShownInput & { readonly input: number })[];
  readonly fee?: bigint;
}

type Shown = Pick<ShownPsbt, "transaction" | "prevouts">;

interface Options {
  readonly params?: string | undefined;
  readonly network?: Network | undefined;
  readonly height?: number | undefined;
  readonly terms: Omit<StakeTerms, "covenant"> | undefined;
  readonly delegation?: string | undefined;
}

async function inspect(input: Inspectable, options: Options): Promise<Facts> {
  if (input.kind === "delegation") return inspectDelegation(input.delegation);
  if (input.kind === "answer") return inspectAnswer(input.answer, options);
  const { network, height, terms, params } = options;
  const within = options.delegation === undefined ? undefined : await readDelegation(options.delegation);
  const shown = input.kind === "psbt" ? shownWithin(input.psbt, within) : input;
  const facts = within
    ? inspectWithin(shown, within)
    : await inspectAlone(shown, {
        network,
        height,
        terms,
        params,
        ...(input.kind === "psbt" && { psbt: input.source }),
      });
  return "inputs" in shown ? { ...facts, psbt: psbtFacts(shown) } : facts;
}

/** If a delegation knows the coins of a PSBT, what the PSBT says of them is ignored. */
function shownWithin(psbt: Psbt, delegation: Delegation | undefined): ShownPsbt {
  return shownPsbt(psbt, delegation && knownPrevouts(delegation, transactionOf(psbt)));
}

function psbtFacts({ transaction, prevouts, signedInputs, inputs }: ShownPsbt): PsbtFacts {
  const sum = (outputs: readonly Prevout[]) => outputs.reduce((total, { value }) => total + value, 0n);
  return {
    inputs: inputs.length,
    signed: signedInputs,
    notSigned: inputs.flatMap(({ state, reason }, input) =>
      state === "signed" ? [] : [{ input, state, ...(reason !== undefined && { reason }) }],
    ),
    ...(prevouts && { fee: sum(prevouts) - sum(transaction.outs) }),
  };
}

/** A transaction without a delegation. It can spend one stake and create another. */
async function inspectAlone(
  { transaction, prevouts }: Shown,
  options: Omit<Options, "delegation"> & { readonly psbt?: string },
): Promise<Facts> {
  const { network, height, terms } = options;
  const sets = await candidates(options);
  const spends = explainSpends(transaction, sets, prevouts).map((spend) => {
    const value = spend.verified ? prevouts?.[spend.inputIndex]?.value : undefined;
    return spendFacts(transaction, { ...spend, ...(value !== undefined && { value }) }, { network });
  });
  try {
    const decoding = { ...(height !== undefined && { height }), ...(terms && { terms }) };
    const identified = identifyStaking(transaction, sets, decoding);
    return found(transaction, stakeFacts(identified, { network, height }), spends);
  } catch (error) {
    if (!(error instanceof TapstakeError) || error.code !== "not-a-stake") throw error;
    if (spends.length > 0 && !terms) return found(transaction, undefined, spends);
    if (terms || error.details["announced"]) throw error;
    throw new TapstakeError("not-a-stake", withoutTerms(error.message, options.psbt), error.details);
  }
}

/** @param psbt the file, if the transaction is in a PSBT: that of `stake create` does not contain the terms */
function withoutTerms(reason: string, psbt: string | undefined): string {
  return psbt === undefined
    ? `${reason}. Do: give the delegation by --delegation, or the terms by --staker, --fp and --time`
    : `this PSBT does not say whose stake it is. Do: tapstake inspect ${psbt} --delegation stake.json`;
}

/** A transaction of a delegation, whose terms and amounts are known. */
function inspectWithin({ transaction, prevouts }: Shown, delegation: Delegation): Facts {
  const { isStake, spends } = withinDelegation(delegation, transaction, prevouts);
  return found(transaction, isStake ? stakeOf(delegation) : undefined, spends);
}

/**
 * A stake as the staking chain has it, under the first set in which it breaks no rule: the answer names the version, and
 * not the set.
 */
async function inspectAnswer(answered: unknown, options: Options): Promise<Facts> {
  const before = options.delegation === undefined ? undefined : await readDelegation(options.delegation);
  const previous = before && { previous: before };
  if (!before && expandedTxid(answered) !== null) {
    throw new UsageError(
      "this stake expands another one. Do: give that one by --delegation; tapstake stake import gets it",
    );
  }
  let refusal: unknown;
  for (const params of await candidates(options)) {
    try {
      const { delegation, status } = readChainDelegation(answered, { params, ...previous });
      return { ...inspectDelegation(delegation), status };
    } catch (error) {
      if (!(error instanceof TapstakeError)) throw error;
      // A set without the version says less than one in which the stake breaks a rule.
      if (!refusal || (refusal as TapstakeError).code === "unknown-params") refusal = error;
    }
  }
  throw refusal;
}

/** A delegation: what is staked, its transactions, and who has signed them. */
function inspectDelegation(delegation: Delegation): Facts {
  checkTransactions(delegation);
  const facts = found(delegation.staking.transaction, stakeOf(delegation), []);
  return { ...facts, delegation: delegationFacts(delegation) };
}

function stakeOf({ terms, params, staking, expansion }: Delegation): StakeFacts {
  const { network } = params;
  const { outputIndex } = staking;
  const { value } = staking.transaction.outs[outputIndex]!;
  const output = stakingOutput(terms, network);
  const published = identifyParams(params);
  const set = published && { set: published.set };
  const stake = { terms, params, value, output, outputIndex, others: [], ...set };
  return stakeFacts(stake, { network, ...(expansion && { expands: previousStake(expansion).coin.value }) });
}

function found(
  transaction: Transaction,
  stake: StakeFacts | undefined,
  spends: readonly SpendFacts[],
): Facts {
  return {
    headline: stake?.headline ?? spends[0]!.headline,
    txid: transaction.getId(),
    ...(stake && { stake }),
    ...(spends.length > 0 && { spends }),
  };
}

async function candidates({ params, network }: Pick<Options, "params" | "network">): Promise<ParamSet[]> {
  if (params !== undefined) return [await readParams(params, network)];
  const sets = [...paramSets.values()];
  return network ? sets.filter((set) => sharesAddresses(network, set.network)) : sets;
}

function text({ txid, psbt, stake, spends = [], delegation, status }: Facts): string {
  return [
    ...(stake ? [stakeText(stake, txid)] : []),
    ...spends.map((spend) => spendText(spend, txid)),
    ...(delegation ? [delegationText(delegation)] : []),
    ...(status === undefined ? [] : [section("on the staking chain", table([["status", status]], "  "))]),
    ...(psbt ? [psbtText(psbt)] : []),
  ].join("\n\n");
}

function psbtText({ inputs, signed, notSigned, fee }: PsbtFacts): string {
  const paid =
    fee === undefined ? "; it does not say what it spends" : `; it pays ${amount(fee)} by its own account`;
  const count = `${signed} of ${inputs} input${inputs === 1 ? "" : "s"} signed${paid}`;
  const rows = Object.entries(STATES).flatMap(([state, label]): Row[] => {
    const those = notSigned.filter((each) => each.state === state);
    const [first] = those;
    if (!first) return [];
    if (first.reason === undefined) return [[label, `input ${those.map(({ input }) => input).join(", ")}`]];
    return [[label, those.map(({ input, reason }) => `input ${input}: ${reason}`)]];
  });
  return section("the PSBT", [`  ${count}`, ...(notSigned.length > 0 ? [table(rows, "  ")] : [])].join("\n"));
}

const STATES: Readonly<Record<Exclude<ShownInput["state"], "signed">, string>> = {
  unsigned: "not signed",
  "in-part": "signed in part",
  invalid: "not valid",
  unverified: "not verified",
} as const;
