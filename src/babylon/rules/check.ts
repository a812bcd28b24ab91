import type { Release } from "../../params/rules.js";
import { TapstakeError } from "../../core/errors.js";
import { type AnyMessage, decodeMessage, type NamedMessage } from "../messages.js";
import { assertRelease, type MessageName, unknownTo } from "../releases.js";
import { CHECKPOINT, HEADERS, STAKING_PARAMS } from "./bitcoin.js";
import { COVENANT, INCLUSION, UNDELEGATE } from "./delegation.js";
import { EXPAND } from "./expansion.js";
import { assertFacts } from "./facts.js";
import { COMMIT, EQUIVOCATION, FINALITY_PARAMS, RESUME, VOTE } from "./finality.js";
import { CREATE_PROVIDER, EDIT_PROVIDER, SELECTIVE_SLASHING, UNJAIL } from "./provider.js";
import { accountRule } from "./shared.js";
import { assertShape } from "../shape.js";
import { CREATE } from "./stake.js";
import type {
  BrokenRule,
  RuleError,
  ChainState,
  Fact,
  Finding,
  Rule,
  RuleOf,
  UncheckedRule,
  Until,
  Verdict,
} from "./types.js";

/** The rules of each message, in the order in which they are looked at: what needs no facts first, as far as can be. */
export const RULES: { readonly [Name in MessageName]: readonly RuleOf<Name>[] } = {
  MsgCreateFinalityProvider: CREATE_PROVIDER,
  MsgEditFinalityProvider: EDIT_PROVIDER,
  MsgCreateBTCDelegation: CREATE,
  MsgBtcStakeExpand: EXPAND,
  MsgAddBTCDelegationInclusionProof: INCLUSION,
  MsgBTCUndelegate: UNDELEGATE,
  MsgAddCovenantSigs: COVENANT,
  MsgSelectiveSlashingEvidence: SELECTIVE_SLASHING,
  MsgAddBsnRewards: [accountRule(({ sender }) => sender)],
  MsgUpdateStakingParams: STAKING_PARAMS,
  MsgCommitPubRandList: COMMIT,
  MsgAddFinalitySig: VOTE,
  MsgUnjailFinalityProvider: UNJAIL,
  MsgEquivocationEvidence: EQUIVOCATION,
  MsgResumeFinalityProposal: RESUME,
  MsgUpdateFinalityParams: FINALITY_PARAMS,
  MsgInsertHeaders: HEADERS,
  MsgInsertBTCSpvProof: CHECKPOINT,
};

/** How {@link checkRules} looks. */
export interface CheckOptions {
  /** Rules to pass over: those that a message cannot keep yet, such as a signature that is still to be made. */
  readonly except?: readonly string[];
}

/**
 * What a chain of this release would answer to a message: ok; **later**, with until when; or **never**, with the rule
 * that refuses it. Nothing is signed, sent or asked: what is known of the chain, the caller says.
 *
 * A rule whose facts are missing is listed in `unchecked` and refuses nothing. Without any facts, the answer is about the
 * message alone.
 * @param named the message: its name and its fields as `decodeMessage` gives them, or `{ typeUrl, value }`
 * @param facts the network is that of `params`, unless it is given
 * @throws TapstakeError `invalid-argument` for an unknown release, and for a fact that no rule reads: `fact` in the
 * details, and the `near` one; `invalid-message` for bytes that cannot be decoded, and for a field that is missing or of another type
 * @example checkRules("v4", { name: "MsgCreateBTCDelegation", message }, { btcTip: { height: 960_000 }, params: mainnet })
 */
export function checkRules(
  release: Release,
  named: NamedMessage | AnyMessage,
  facts: ChainState = {},
  { except = [] }: CheckOptions = {},
): Verdict {
  assertRelease(release);
  assertFacts(facts);
  const { name, message } = readNamed(named);
  assertShape(release, name, message);
  const state = withNetwork(facts);
  const unchecked: UncheckedRule[] = [];
  const warnings: BrokenRule[] = [];
  let later: (BrokenRule & { readonly until: Until }) | undefined;
  for (const rule of [inRelease(name), ...RULES[name]] as readonly Rule<unknown>[]) {
    if (except.includes(rule.rule) || (rule.releases && !rule.releases.includes(release))) continue;
    if (rule.when && !rule.when(message, state)) continue;
    const needs = missing(rule, message, state, release);
    if (needs.length > 0) {
      unchecked.push({ rule: rule.rule, needs });
      continue;
    }
    const finding = rule.check(message, state, release);
    if (!finding) continue;
    const broken = brokenRule(rule, finding);
    if (rule.warns) warnings.push(broken);
    else if (finding.until) later ??= { ...broken, until: finding.until };
    else return { ok: false, verdict: "never", ...broken, unchecked, warnings };
  }
  if (later) return { ok: false, verdict: "later", ...later, unchecked, warnings };
  return { ok: true, verdict: "ok", unchecked, warnings };
}

/** @throws TapstakeError `invalid-argument`, and the codes of `decodeMessage` */
function readNamed(named: NamedMessage | AnyMessage): NamedMessage {
  if (typeof named === "object" && named !== null) {
    if ("typeUrl" in named) return decodeMessage(named);
    const { name, message } = named;
    const isObject = typeof message === "object" && message !== null && !(message instanceof Uint8Array);
    if (Object.hasOwn(RULES, name) && isObject) return named;
  }
  const text = "the message must be what decodeMessage gives, { name, message }, or { typeUrl, value }";
  throw new TapstakeError("invalid-argument", text);
}

/** The parameters are of one Bitcoin network. */
const withNetwork = (facts: ChainState): ChainState =>
  facts.network === undefined && facts.params ? { ...facts, network: facts.params.network } : facts;

const inRelease = (name: MessageName): Rule<object> => ({
  rule: "in-release",
  check(message, _, release): Finding {
    const unknown = unknownTo(release, name, message);
    return unknown === undefined ? undefined : { reason: `release ${release} does not know ${unknown}` };
  },
});

function brokenRule(
  { rule, error }: { rule: string; error?: RuleError },
  { reason }: Finding & object,
): BrokenRule {
  return { rule, reason, ...(error && { error }) };
}

/** The facts that a rule needs and that are not there. What the chain does not have, has no further facts. */
function missing(
  rule: Rule<unknown>,
  message: unknown,
  state: ChainState,
  release: Release,
): readonly Fact[] {
  const needs = typeof rule.needs === "function" ? rule.needs(message, release) : (rule.needs ?? []);
  return needs.filter((path) => at(state, path) === undefined);
}

function at(state: object, path: string): unknown {
  let value: unknown = state;
  for (const name of path.split(".")) {
    if (value === null || value === undefined) return value;
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  return value;
}
