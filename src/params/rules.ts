import { assertInteger, hex } from "../core/bytes.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { assertObject } from "../core/objects.js";
import { assertChoice, counted, show } from "../core/text.js";
import { checkTerms, MAX_KEYS, stakerKeys, type StakeTerms } from "../script/terms.js";
import { checkRunning } from "./sets.js";
import type { ProtocolParams } from "./types.js";

/**
 * The forms of stakes that the chain of one protocol release accepts; the scripts permit more. Bitcoin does not know
 * these rules: a stake of another form locks its coins, and the chain does not register it.
 */
export interface RuleSet {
  /** The release, for messages. */
  readonly name: string;
  /**
   * The most finality providers of a stake; absent if a parameter of the chain sets the limit, which tapstake does not
   * know.
   */
  readonly maxFinalityProviders?: number;
  /** The most staker keys; absent for the same reason. */
  readonly maxStakers?: number;
  /** Whether a stake can be expanded, and whether to the very same finality providers or to further ones too. */
  readonly expansion: (typeof EXPANSIONS)[number];
  /** Whether stakes announce themselves in an OP_RETURN, under parameters of phase 1. */
  readonly opReturn: boolean;
  /** Whether votes, commitments and proofs of possession are signed under a context (PROTOCOL 6). */
  readonly signingContext: boolean;
}

/** The releases of the staking chain whose messages tapstake knows, oldest first. Each has a rule set of its name. */
export const RELEASES = ["v1", "v2", "v3", "v4"] as const;
/** A line of the staking chain's releases, whose messages and rules differ: `v4` is v4.0 to v4.4. */
export type Release = (typeof RELEASES)[number];

/** What is assumed where no release is named. */
export const NEWEST_RELEASE: Release = "v4";

/** No chain's rules: callers must pass it where the current release's rules would apply. */
export const ANY_RELEASE = "any";

const EXPANSIONS = ["none", "same-providers", "more-providers"] as const;

/** Which rule of a {@link RuleSet} a stake breaks: the name of the field. */
export type RuleName = "maxFinalityProviders" | "maxStakers" | "expansion" | "opReturn";

const oneOfEach = { maxFinalityProviders: 1, maxStakers: 1 } as const;

/**
 * The rule sets that come with tapstake, by release; docs/forms.md names the source of each. For a chain whose
 * parameters set their own limit: `{ ...ruleSet("v3"), maxFinalityProviders: 10 }`.
 */
export const ruleSets: ReadonlyMap<string, RuleSet> = new Map(
  (
    [
      { name: "phase1", ...oneOfEach, expansion: "none", opReturn: true, signingContext: false },
      { name: "v1", ...oneOfEach, expansion: "none", opReturn: false, signingContext: false },
      { name: "v2", ...oneOfEach, expansion: "none", opReturn: false, signingContext: false },
      { name: "v3", maxStakers: 1, expansion: "more-providers", opReturn: false, signingContext: true },
      { name: "v4", ...oneOfEach, expansion: "same-providers", opReturn: false, signingContext: false },
      {
        name: "multi-staker",
        maxFinalityProviders: 1,
        expansion: "same-providers",
        opReturn: false,
        signingContext: false,
      },
    ] as const satisfies readonly RuleSet[]
  ).map((rules) => [rules.name, Object.freeze(rules)]),
);

/**
 * A rule set by the name of its release: `phase1`, `v1`, `v2`, `v3`, `v4` (the current one), `multi-staker`.
 * @throws TapstakeError `invalid-argument`, which lists the names
 */
export function ruleSet(name: string): RuleSet {
  const rules = ruleSets.get(name);
  if (!rules) {
    const names = [...ruleSets.keys()];
    const text = `release must be one of ${names.join(", ")}, not ${show(name)}`;
    throw new TapstakeError("invalid-argument", text, { names });
  }
  return rules;
}

/**
 * The rules of the newest release whose chain accepts stakes under such parameters, as far as this version of tapstake
 * knows.
 */
export function currentRules(params: ProtocolParams): RuleSet {
  assertObject(params, "parameters");
  return ruleSet(params.phase1 ? "phase1" : NEWEST_RELEASE);
}

/** What else of a stake the rules need. */
export interface RuleContext {
  /** The parameters that the stake is made under: they say whether it announces itself. */
  readonly params?: ProtocolParams;
  /** The terms of the stake that this one expands. */
  readonly previous?: StakeTerms;
}

/**
 * Checks that the chain of a release accepts a stake of this form.
 * @throws TapstakeError `unsupported-by-release`, with the release and the {@link RuleName} in its details;
 * `invalid-argument`, `invalid-number` for malformed rules; the codes of {@link checkTerms}
 */
export function checkForm(rules: RuleSet, terms: StakeTerms, context: RuleContext = {}): void {
  assertObject(context, "context");
  const { params, previous } = context;
  assertRules(rules);
  checkTerms(terms);
  checkCount(rules, "maxStakers", "staker", stakerKeys(terms.staker).keys.length);
  checkCount(rules, "maxFinalityProviders", "finality provider", terms.finalityProviders.length);
  if (params && rules.opReturn !== (params.phase1 !== undefined)) {
    const [needed, got] = rules.opReturn ? ["phase 1", "a later phase"] : ["a later phase", "phase 1"];
    const text = `parameters v${params.version} are of ${got}, and the release needs those of ${needed}`;
    throw unsupported(rules, "opReturn", text, { version: params.version });
  }
  if (previous) checkExpansion(rules, terms, previous);
}

/**
 * {@link checkForm} for the builder of a stake. Without rules, it checks the current release's where coins have value:
 * everywhere but on regtest. A stake of another form, or under a set that has ended, would lock its coins and not be
 * registered; {@link ANY_RELEASE} permits it.
 * @throws TapstakeError `params-not-in-force` under a published set that has ended; `staking-time-out-of-range` for a
 * time that is not above the unbonding time; and as {@link checkForm}
 */
export function checkBuilt(
  rules: RuleSet | typeof ANY_RELEASE | undefined,
  terms: StakeTerms,
  context: RuleContext & { readonly params: ProtocolParams },
): void {
  if (rules === ANY_RELEASE) return;
  // The builder refuses malformed parameters, with their own code.
  const { params } = context;
  const isOfValue = params !== undefined && params.network !== "regtest";
  if (isOfValue) checkRunning(params);
  if (rules !== undefined) checkForm(rules, terms, context);
  else if (isOfValue) checkForm(currentRules(params), terms, context);
  if (rules !== undefined || isOfValue) checkActivated(params, terms);
}

/**
 * The chain activates a stake once its block is deep enough, and ends it an unbonding time before its time lock.
 * @throws TapstakeError `staking-time-out-of-range` when the second comes before the first, whenever the stake is mined
 */
function checkActivated(params: ProtocolParams | undefined, { timelock }: StakeTerms): void {
  if (!params || params.phase1 || timelock > params.unbondingTime) return;
  const { unbondingTime, version } = params;
  const text = `a stake of ${counted(timelock, "block")} is never activated under parameters v${version}: its time must be above the unbonding time of ${counted(unbondingTime, "block")}, by as many blocks as the chain waits for confirmations`;
  const details = { minTime: unbondingTime + 1, maxTime: params.maxTime, got: timelock };
  throw new TapstakeError("staking-time-out-of-range", text, details);
}

/** A misspelt rule would refuse nothing. */
function assertRules(rules: RuleSet): void {
  if (typeof rules?.name !== "string") {
    throw new TapstakeError("invalid-argument", `rules must be a rule set, not ${describeType(rules)}`);
  }
  assertChoice(rules.expansion, "rules: expansion", EXPANSIONS);
  for (const rule of ["maxStakers", "maxFinalityProviders"] as const) {
    if (rules[rule] !== undefined) assertInteger(rules[rule], `rules: ${rule}`, 1, MAX_KEYS);
  }
}

function checkCount(
  rules: RuleSet,
  rule: "maxStakers" | "maxFinalityProviders",
  role: string,
  got: number,
): void {
  const most = rules[rule];
  if (most === undefined || got <= most) return;
  throw unsupported(rules, rule, `it has ${counted(got, role)}, and the release permits at most ${most}`, {
    expected: most,
    got,
  });
}

function checkExpansion(rules: RuleSet, terms: StakeTerms, previous: StakeTerms): void {
  checkTerms(previous);
  if (rules.expansion === "none") throw unsupported(rules, "expansion", "no stake can be expanded");
  const [now, before] = [terms, previous].map(({ finalityProviders }) => finalityProviders.map(hex.encode));
  const dropped = before!.filter((key) => !now!.includes(key));
  if (dropped.length > 0) {
    const text = `an expansion keeps its finality providers, and this one drops ${dropped.join(", ")}`;
    throw unsupported(rules, "expansion", text, { dropped });
  }
  const added = now!.filter((key) => !before!.includes(key));
  if (rules.expansion === "same-providers" && added.length > 0) {
    const text = `an expansion adds no finality provider, and this one adds ${added.join(", ")}`;
    throw unsupported(rules, "expansion", text, { added });
  }
}

function unsupported(
  { name: release }: RuleSet,
  rule: RuleName,
  message: string,
  details: TapstakeError["details"] = {},
): TapstakeError {
  const text = `release ${release} does not accept this stake: ${message}`;
  return new TapstakeError("unsupported-by-release", text, { release, rule, ...details });
}
