import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { TapstakeError } from "../core/errors.js";
import { heightOfOutput, registrationHeight } from "../chain/stake.js";
import type { MemberOptions } from "../covenant/member.js";
import type { Delegation, ExpandedStake } from "../delegation/delegation.js";
import { identifyParams } from "../params/identify.js";
import { checkInForce, type OwnParams } from "../params/in-force.js";
import { checkSameParams } from "../params/same.js";
import { ANY_RELEASE, ruleSet, ruleSets } from "../params/rules.js";
import { paramsVersion } from "../params/select.js";
import { paramSet } from "../params/sets.js";
import type { ParamSet, ProtocolParams } from "../params/types.js";
import { outpointOf } from "../bitcoin/transaction.js";
import { readParams, wholeNumber } from "./arguments.js";
import { type ChainOptions, openChain, SERVERS } from "./chain.js";
import { UsageError } from "./errors.js";
import { checkOut } from "./files.js";

/** Of commands that extend a delegation. */
export const outOption = () =>
  new Option("--out <file>", "write the delegation there, not back into its file; - for standard output");

/** Of commands that end with a signed transaction. */
export const rawOption = () =>
  new Option("--out <file>", "send nothing: write the raw transaction to a new file; - for standard output");

export const trustedParamsOption = () =>
  new Option(
    "--params <set>",
    "your own copy of the parameters: a set's name or a file; the published sets unless told",
  );

/** An amount of the command line. */
export function satoshiAmount(text: string): bigint {
  if (!/^\d{1,19}$/.test(text)) throw new InvalidArgumentError("expected a whole number of satoshi.");
  return BigInt(text);
}

export const heightOption = () =>
  new Option("--height <height>", "the version must be the one in force at this height").argParser(
    wholeNumber,
  );

export const previousHeightOption = () =>
  new Option(
    "--previous-height <height>",
    "of an expansion: the previous stake's version must be the one in force at this height",
  ).argParser(wholeNumber);

/** Of commands of members, whose signatures let a stake be registered. */
export const membersReleaseOption = () =>
  new Option(
    "--release <name>",
    "refuse what the chain of this release does not accept, not of the current one; any: whatever Bitcoin takes",
  ).choices([...ruleSets.keys(), ANY_RELEASE]);

/** For the help of those commands. */
export const MEMBERS = `
The version of the parameters must be the one in force at the Bitcoin height at which the staking
chain takes the stake: that of its block, or of the tip where it is registered before. Say it by
--height, of an expansion also --previous-height, or let your own server say it. The stake has a form
that the chain's current release accepts: an expansion keeps its finality provider.
${SERVERS}`;

export interface TrustOptions {
  readonly params?: string | undefined;
  readonly height?: number | undefined;
  readonly previousHeight?: number | undefined;
}

/** Parameters that are known from elsewhere than the delegation. */
interface Trusted {
  /** Of the set that they are of. */
  readonly name: string;
  readonly set: ParamSet;
  readonly params: ProtocolParams;
}

/**
 * The parameters that a delegation was made under, and of an expansion also those of the stake that it expands, from a
 * source other than the delegation itself: whoever wrote that could have put there parameters of their own.
 * @throws TapstakeError `params-mismatch`, `unknown-params`, `not-active`, and the codes of `readParams`
 */
export async function trustedParams(
  { params, expansion }: Pick<Delegation, "params" | "expansion">,
  options: TrustOptions,
): Promise<Trusted & { readonly previousParams?: ProtocolParams }> {
  const trusted = await trust(params, options);
  if (!expansion) return trusted;
  const previous = await trust(expansion.params, { ...options, height: options.previousHeight });
  return { ...trusted, previousParams: previous.params };
}

async function trust(given: ProtocolParams, { params: name, height }: TrustOptions): Promise<Trusted> {
  const set = await trustedSet(given, name);
  if (height === undefined) {
    checkSameParams(given, { ...paramsVersion(set, given.version), network: given.network });
  } else checkInForce(given, { set, height });
  return { name: set.name, set, params: given };
}

async function trustedSet(given: ProtocolParams, name: string | undefined): Promise<ParamSet> {
  const found = name === undefined ? identifyParams(given)?.set : await readParams(name, given.network);
  if (found) return found;
  const text = `the delegation's parameters v${given.version} are of no published set: give your own copy by --params`;
  throw new TapstakeError("unknown-params", text, { version: given.version });
}

interface MemberTrust extends TrustOptions, ChainOptions {
  readonly release?: string | undefined;
}

/** As functions of committee members take them. */
interface MemberView extends MemberOptions {
  readonly own: OwnParams;
}

/**
 * What a committee member holds a delegation against, none of it from the delegation: its set of parameters, and the
 * heights that choose their versions, of the options or of the member's own server.
 * @throws UsageError where a height is missing; TapstakeError `unknown-params`, and the codes of `readParams`,
 * `openChain` and `registrationHeight`
 */
export async function memberView(delegation: Delegation, options: MemberTrust): Promise<MemberView> {
  const { params, expansion } = delegation;
  const { params: name, release, height, previousHeight } = options;
  const found = await trustedSet(params, name);
  const set = currentSet(params, found, name);
  const previousSet = expansion && (await trustedSet(expansion.params, name));
  const isComplete = height !== undefined && (!expansion || previousHeight !== undefined);
  const chain = isComplete ? undefined : await openChain(options, params.network);
  const at = height ?? (chain && (await registrationHeight(delegation, chain)));
  if (at === undefined) throw noHeight("--height, the Bitcoin height at which the stake is registered");
  const view = { own: { set, height: at }, ...rulesOf(release) };
  if (!expansion) return view;
  const before = previousHeight ?? (chain && (await heightOfOutput(previousOutpoint(expansion), chain)));
  if (before === undefined || before === null) {
    throw noHeight("--previous-height, the one at which the stake that is expanded was registered");
  }
  return { ...view, previous: { set: previousSet!, height: before } };
}

function rulesOf(release: string | undefined): Pick<MemberOptions, "rules"> {
  if (release === undefined) return {};
  return { rules: release === ANY_RELEASE ? ANY_RELEASE : ruleSet(release) };
}

const previousOutpoint = ({ staking }: ExpandedStake) => outpointOf(staking.transaction, staking.outputIndex);

const noHeight = (what: string) =>
  new UsageError(`give ${what}, or a server that knows it: --rpc or --esplora`);

/**
 * The set by which a stake is registered today: of several published ones of a network, which one holds is not the
 * document's to say.
 */
export const currentSet = (
  { network }: ProtocolParams,
  found: ParamSet,
  named: string | undefined,
): ParamSet => (named === undefined ? paramSet(network === "signet" ? "testnet" : network) : found);

/** Sees to it that new files can be written, before the work is done. @throws TapstakeError `file-error` */
export async function checkNewFiles(...paths: readonly (string | undefined)[]): Promise<void> {
  for (const path of paths) if (path !== "-") await checkOut(path);
}
