import { Option } from "@commander-js/extra-typings";
import { TapstakeError } from "../core/errors.js";
import {
  ANY_RELEASE,
  checkRules,
  currentRules,
  type RuleContext,
  ruleSet,
  ruleSets,
} from "../params/rules.js";
import type { ProtocolParams } from "../params/types.js";
import type { StakeTerms } from "../script/terms.js";
import { warn } from "./warning.js";

/** Of commands of stakers, whose coins are locked whether a chain accepts the stake or not. */
export const stakersReleaseOption = () =>
  new Option(
    "--release <name>",
    "refuse what the chain of this release does not accept; any: whatever Bitcoin takes",
  ).choices([...ruleSets.keys(), ANY_RELEASE]);

/** For the help of those commands. */
export const RELEASES = `
Bitcoin locks coins in forms of stake that the staking chain does not register. On public networks a
stake is held against what the chain's current release accepts, and --release names another one.`;

/** What the chain of a release says of a stake. */
export interface HeldRules {
  readonly name: string;
  readonly accepts: boolean;
  /** Absent where it accepts. */
  readonly refusal?: TapstakeError;
}

interface HeldStake extends Pick<RuleContext, "previous"> {
  readonly terms: StakeTerms;
  readonly params: ProtocolParams;
}

/**
 * A stake held against the release that is named; where none is, on public networks, against the current one, whose
 * refusal is for the caller to act on. Undefined where nothing is asked.
 * @throws TapstakeError `unsupported-by-release` by a release that is named
 */
export function heldRules(
  { terms, ...context }: HeldStake,
  { release }: { readonly release?: string | undefined },
): HeldRules | undefined {
  const { params } = context;
  if (release === ANY_RELEASE || (release === undefined && params.network === "regtest")) return undefined;
  const rules = release === undefined ? currentRules(params) : ruleSet(release);
  const { name } = rules;
  try {
    checkRules(rules, terms, context);
    return { name, accepts: true };
  } catch (error) {
    const isRefusal = error instanceof TapstakeError && error.code === "unsupported-by-release";
    if (release !== undefined || !isRefusal) throw error;
    return { name, accepts: false, refusal: error };
  }
}

/** Says what the chain does not accept, while nothing is locked yet. */
export function warnOfRelease(held: HeldRules | undefined): void {
  if (!held?.refusal) return;
  const { code, message, details } = held.refusal;
  warn({ code, message: `${message}; ${LOCKED}`, details });
}

/** @throws TapstakeError `unsupported-by-release` */
export function assertReleased(held: HeldRules | undefined): void {
  if (!held?.refusal) return;
  const { code, message, details } = held.refusal;
  throw new TapstakeError(code, `${message}; ${LOCKED}`, details);
}

const LOCKED =
  "the coins would be locked and not registered. If your chain accepts it, name its release by --release";

/** As data. */
export const releaseFacts = (held: HeldRules | undefined) =>
  held && { release: { name: held.name, accepts: held.accepts } };

export const releaseText = (held: HeldRules | undefined): string | undefined =>
  held && `${held.name} ${held.accepts ? "accepts such a stake" : "does not accept such a stake"}`;
