import { chainError } from "../../../babylon/errors.js";
import type { NamedMessage } from "../../../babylon/messages.js";
import { checkRules } from "../../../babylon/rules/check.js";
import type { BrokenRule, ChainState, Until, UncheckedRule, Verdict } from "../../../babylon/rules/types.js";
import { chainState, type MessageRecords } from "../../../babylon-client/chain-state.js";
import { babylonChain } from "../../../babylon-client/client.js";
import { TapstakeError } from "../../../core/errors.js";
import { NEWEST_RELEASE, type Release } from "../../../params/rules.js";
import { UsageError } from "../../errors.js";
import { answer, type Row, table } from "../../output.js";

export interface CheckOptions {
  readonly lcd?: string | undefined;
  readonly chain?: string | undefined;
  readonly release?: Release | undefined;
  readonly json?: true | undefined;
  /** Rules that the message cannot keep yet. */
  readonly except?: readonly string[];
}

/**
 * Says what the chain would answer to a message: by the message alone, or also by what a server of the chain says.
 * @throws TapstakeError `would-be-refused`, after the answer; `wrong-chain`, `unsupported-by-release`, and the codes of
 * `chainState`
 */
export async function checkOnChain(
  named: NamedMessage,
  records: MessageRecords,
  { lcd = process.env["TAPSTAKE_LCD"], chain, release: given, json, except = [] }: CheckOptions,
): Promise<void> {
  if (lcd === undefined && chain !== undefined) throw new UsageError("--chain needs --lcd");
  const { release, state } =
    lcd === undefined
      ? { release: given ?? NEWEST_RELEASE, state: ofNetwork(records) }
      : await asked(named, records, { lcd, chain, release: given, except });
  const verdict = checkRules(release, named, state, { except });
  const { unchecked, ...said } = verdict;
  const facts = {
    name: named.name,
    release,
    ...(lcd !== undefined && { chain: state.chainId }),
    ...said,
    unchecked: unchecked.map((each) => ({ ...each, ...(lcd === undefined && { option: "--lcd" }) })),
  };
  answer(json === true, facts, () => verdictText(named, verdict, lcd !== undefined));
  if (!verdict.ok) throw refusalOf(verdict, verdict);
}

const ofNetwork = ({ network }: MessageRecords): ChainState => (network === undefined ? {} : { network });

async function asked(
  named: NamedMessage,
  records: MessageRecords,
  { lcd, chain: chainId, release: given, except = [] }: CheckOptions & { readonly lcd: string },
) {
  const server = babylonChain({ lcd, chainId: chainId ?? "" });
  const served = await server.node();
  const chain = babylonChain({ lcd, chainId: chainId ?? served.chainId });
  const release = given ?? (await chain.release());
  return { release, state: await chainState(chain, named, { records, release, except }) };
}

/** A rule that refuses a message, as an error. */
export function refusalOf({ rule, reason, error }: BrokenRule, verdict: Verdict): TapstakeError {
  const until = verdict.verdict === "later" ? verdict.until : undefined;
  const when = until === undefined ? "" : `, until ${untilText(until)}`;
  return new TapstakeError("would-be-refused", `the chain would refuse it (${rule})${when}: ${reason}`, {
    rule,
    verdict: verdict.verdict,
    ...(until && { until: untilText(until) }),
    ...(error && { codespace: error.codespace, chainCode: error.code }),
  });
}

function verdictText({ name }: NamedMessage, verdict: Verdict, isAsked: boolean): string {
  const rows: Row[] = [
    ["message", name],
    ["answer", answerText(verdict)],
  ];
  if (!verdict.ok) {
    const { rule, reason, error } = verdict;
    const known = error && chainError(error.codespace, error.code);
    rows.push(["rule", rule], ["reason", reason]);
    rows.push(["error", error && `${error.codespace} ${error.code}${known ? `, ${known.name}` : ""}`]);
  }
  const { warnings, unchecked } = verdict;
  if (warnings.length > 0) rows.push(["warnings", warnings.map(({ rule, reason }) => `${rule}: ${reason}`)]);
  if (unchecked.length > 0) {
    rows.push(["not checked", unchecked.map(lackText)]);
    rows.push([
      "",
      isAsked ? "no question to the server answers these" : "--lcd <url> asks the chain for these",
    ]);
  }
  return table(rows);
}

const lackText = ({ rule, needs }: UncheckedRule): string => `${rule} (needs ${needs.join(", ")})`;

function answerText(verdict: Verdict): string {
  if (verdict.verdict === "later") return `later: until ${untilText(verdict.until)}`;
  if (verdict.verdict === "never") return "never";
  return verdict.unchecked.length === 0 ? "ok" : "ok, as far as it was checked";
}

function untilText(until: Until): string {
  switch (until.kind) {
    case "btc-height":
      return `the chain knows Bitcoin height ${until.height}`;
    case "chain-height":
      return `the chain's height ${until.height}`;
    case "time":
      return until.time.toISOString();
    case "state":
      return STATES[until.state];
  }
}

const STATES = {
  "header-reported": "the header is reported to the chain",
  "covenant-quorum": "a quorum of the committee has signed",
  "previous-active": "the previous stake is active",
  unjailed: "the provider is out of jail",
  "epoch-final": "the epoch of the commitment is final on Bitcoin",
  "previous-checkpoint": "the epoch before has a checkpoint",
} as const;
