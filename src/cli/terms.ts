import { existsSync } from "node:fs";
import { outpointOf } from "../bitcoin/transaction.js";
import { type ChainAccess, coinsOfAddress, withPrevious } from "../chain/access.js";
import { checkCoins } from "../chain/coins.js";
import { coinsFromJson } from "../chain/coins-json.js";
import { heightOfOutput, registrationHeight } from "../chain/stake.js";
import { TapstakeError } from "../core/errors.js";
import { type Network, sharesAddresses } from "../core/network.js";
import type { MemberOptions } from "../covenant/member.js";
import type { Delegation, ExpandedStake } from "../delegation/delegation.js";
import { type Coin, coinKind } from "../funding/coin.js";
import {
  checkInForce,
  checkSameParams,
  type OwnParams,
  paramsAt,
  paramsVersion,
} from "../params/in-force.js";
import { readParamSet } from "../params/read.js";
import { ANY_RELEASE, checkForm, currentRules, type RuleContext, ruleSet } from "../params/rules.js";
import { checkRunning, checkSetRunning, identifyParams, paramSet, paramSets } from "../params/sets.js";
import type { ParamSet, ProtocolParams } from "../params/types.js";
import { parseKeyOrigin, readPublicKey } from "../script/key-expression.js";
import type { KeyOrigin } from "../script/key-origin.js";
import type { StakeTerms } from "../script/terms.js";
import { type ChainOptions, type NodeOptions, openNode } from "./chain.js";
import { advising, UsageError } from "./errors.js";
import { readDocument } from "./input.js";
import { parseKey } from "./options.js";
import { warn } from "./output.js";

export interface TermsOptions {
  readonly staker?: readonly string[] | undefined;
  readonly stakerQuorum?: number | undefined;
  readonly fp?: readonly string[] | undefined;
  readonly time?: number | undefined;
}

/**
 * The terms of a stake from the options; undefined if no option states any.
 * @throws UsageError if only some of them are given
 */
export function readTerms(options: TermsOptions): Omit<StakeTerms, "covenant"> | undefined {
  const { staker, stakerQuorum, fp, time } = options;
  if (!staker && !fp && time === undefined && stakerQuorum === undefined) return undefined;
  if (!staker || !fp || time === undefined) {
    throw new UsageError("terms need all of --staker, --fp and --time");
  }
  const stakers = staker.map(stakerKey);
  if (stakers.length > 1 && stakerQuorum === undefined) {
    throw new UsageError(`${stakers.length} stakers need --staker-quorum: how many of them must sign`);
  }
  const isOne = stakers.length === 1 && (stakerQuorum === undefined || stakerQuorum === 1);
  return {
    staker: isOne ? stakers[0]! : { keys: stakers, quorum: stakerQuorum! },
    finalityProviders: fp.map((key) => parseKey(key, "finality provider")),
    timelock: time,
  };
}

/**
 * Reads a staker's key. An origin before it has no effect here: `--origin` puts it into PSBTs.
 * @throws TapstakeError `invalid-hex`; `invalid-key-expression`, also for secret keys; `invalid-path`
 */
function stakerKey(text: string): Uint8Array {
  return /^(?:0[23])?[0-9a-fA-F]{64}$|[^0-9a-fA-F]/.test(text)
    ? readPublicKey(text).publicKey
    : parseKey(text, "staker");
}

/** @throws TapstakeError `invalid-key-expression`, `invalid-path`, `invalid-public-key` */
export const readOrigins = (origins: readonly string[] | undefined): KeyOrigin[] =>
  (origins ?? []).map(parseKeyOrigin);

/**
 * A parameter set by its name, or from a file.
 * @throws TapstakeError `unknown-params`, `file-error`, `wrong-network`, and the codes of `readParamSet`
 */
export async function readParams(name: string, network?: Network): Promise<ParamSet> {
  const isFile = !paramSets.has(name) && (existsSync(name) || /[./\\]|^-$/.test(name));
  const set = isFile
    ? await readDocument(name, (text) => readParamSet(text, { name, network }))
    : paramSet(name);
  if (network && !sharesAddresses(network, set.network)) {
    const text = `--network is ${network}, but the parameters of ${name} are for ${set.network}. Do: give --network ${set.network}, or other --params`;
    throw new TapstakeError("wrong-network", text, { expected: network, got: set.network });
  }
  return set;
}

interface Choice {
  readonly version?: number | undefined;
  readonly height?: number | undefined;
  readonly network?: Network | undefined;
}

/** The parameter version for a new stake: the requested one, the one in force at the tip, or the newest. */
export async function chooseParams(
  set: ParamSet,
  { version, height, network = set.network }: Choice,
  chain: ChainAccess | undefined,
): Promise<ProtocolParams> {
  const at = version === undefined ? (height ?? (await chain?.tip())?.height) : undefined;
  const newest = at === undefined ? set.versions.at(-1)! : paramsAt(set, at);
  return { ...(version === undefined ? newest : paramsVersion(set, version)), network };
}

export interface TrustOptions {
  readonly params?: string | undefined;
  readonly height?: number | undefined;
  readonly previousHeight?: number | undefined;
}

/** Parameters from another source than the delegation. */
interface Trusted {
  /** The name of their set. */
  readonly name: string;
  readonly set: ParamSet;
  readonly params: ProtocolParams;
}

/**
 * The parameters of a delegation, and for an expansion also those of the previous stake. They come from another source
 * than the delegation: its author could have put other parameters there.
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
  const text = `no published set has the delegation's parameters v${given.version}. Do: give your own copy by --params`;
  throw new TapstakeError("unknown-params", text, { version: given.version });
}

interface MemberTrust extends TrustOptions, NodeOptions {
  readonly release?: string | undefined;
}

/** The form in which functions for committee members take them. */
interface MemberView extends MemberOptions {
  readonly own: OwnParams;
}

/**
 * What a committee member compares a delegation with. It has a set of parameters, and the heights that choose their
 * versions; an expansion and its previous stake share the set. The heights come from the options or from the member's
 * own bitcoind, never from the delegation.
 * @throws UsageError if a height is missing; TapstakeError `unknown-params`, and the codes of `readParams`, `openNode`
 * and `registrationHeight`
 */
export async function memberView(delegation: Delegation, options: MemberTrust): Promise<MemberView> {
  const { params, expansion } = delegation;
  const { params: name, release, height, previousHeight } = options;
  const found = await trustedSet(params, name);
  const set = currentSet(params, found, name);
  const isComplete = height !== undefined && (!expansion || previousHeight !== undefined);
  const node = isComplete ? undefined : await openNode(options, params.network);
  const at = height ?? (node && (await registrationHeight(delegation, node)));
  if (at === undefined) throw noHeight("--height, the Bitcoin height at which the stake is registered");
  const view = { own: { set, height: at }, ...rulesOf(release) };
  if (!expansion) return view;
  const before = previousHeight ?? (node && (await heightOfOutput(previousOutpoint(expansion), node)));
  if (before === undefined || before === null) {
    throw noHeight("--previous-height, the one at which the stake that is expanded was registered");
  }
  return { ...view, previous: { set, height: before } };
}

function rulesOf(release: string | undefined): Pick<MemberOptions, "rules"> {
  if (release === undefined) return {};
  return { rules: release === ANY_RELEASE ? ANY_RELEASE : ruleSet(release) };
}

const previousOutpoint = ({ staking }: ExpandedStake) => outpointOf(staking.transaction, staking.outputIndex);

/** The height chooses the parameters, and with them how much can be slashed. */
const noHeight = (what: string) =>
  new UsageError(
    `give ${what}, or your own bitcoind by --rpc. An Esplora server does not count here: a false height chooses a version that slashes less`,
  );

/**
 * The set under which stakes are registered today. A network can have several published sets, and the document must not
 * choose one of them.
 */
export const currentSet = (
  { network }: ProtocolParams,
  found: ParamSet,
  named: string | undefined,
): ParamSet => (named === undefined ? paramSet(network === "signet" ? "testnet" : network) : found);

interface ReleaseOptions {
  readonly release?: string | undefined;
}

/** What a release's chain accepts of a stake. */
export interface HeldRules {
  readonly name: string;
  readonly accepts: boolean;
  /** Absent if the chain accepts it. */
  readonly refusal?: TapstakeError;
}

interface HeldStake extends Pick<RuleContext, "previous"> {
  readonly terms: StakeTerms;
  readonly params: ProtocolParams;
}

/**
 * Checks a stake against the named release. Without one, on public networks, it checks against the current release, and
 * the caller must act on the refusal. Undefined if there is nothing to check.
 * @throws TapstakeError `unsupported-by-release` by a named release
 */
export function heldRules(
  { terms, ...context }: HeldStake,
  { release }: ReleaseOptions,
): HeldRules | undefined {
  const { params } = context;
  if (release === ANY_RELEASE || (release === undefined && params.network === "regtest")) return undefined;
  const rules = release === undefined ? currentRules(params) : ruleSet(release);
  const { name } = rules;
  try {
    checkForm(rules, terms, context);
    return { name, accepts: true };
  } catch (error) {
    const isRefusal = error instanceof TapstakeError && error.code === "unsupported-by-release";
    if (release !== undefined || !isRefusal) throw error;
    return { name, accepts: false, refusal: error };
  }
}

/**
 * Checks that the set of a new stake has not ended, unless every release will do.
 * @throws TapstakeError `params-not-in-force`
 */
export async function assertRunning(
  { set, params }: Pick<Trusted, "set" | "params">,
  { release }: ReleaseOptions,
): Promise<void> {
  if (release === ANY_RELEASE) return;
  const advice =
    "give the set of the chain that registers the stake by --params. To lock coins without a registration, give --release any";
  await advising("params-not-in-force", advice, () => {
    checkSetRunning(set);
    checkRunning(params);
  });
}

/** {@link heldRules} of a stake that has a delegation. */
export const heldDelegation = (
  { terms, params, expansion }: Delegation,
  options: ReleaseOptions,
): HeldRules | undefined =>
  heldRules({ terms, params, ...(expansion && { previous: expansion.terms }) }, options);

/** Warns of what the chain does not accept, while nothing is locked yet. */
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
  "the chain would not register the stake, and its coins would stay locked. If your chain accepts it, name its release by --release";

interface CoinOptions extends ChainOptions {
  readonly coins?: string | undefined;
  readonly fromAddress?: readonly string[] | undefined;
  readonly change?: string | undefined;
}

/** The coins from a file, or from the server's knowledge of addresses. */
export async function readCoins(
  { coins, fromAddress }: CoinOptions,
  network: Network,
  chain: ChainAccess | undefined,
): Promise<Coin[]> {
  if (coins !== undefined) {
    const given = await readDocument(coins, coinsFromJson);
    if (!chain) return given;
    // A P2PKH coin that is not there has no previous transaction either: this says why.
    await checkCoins(given.filter(lacksPrevious), chain, given);
    return withPrevious(chain, given);
  }
  if (!fromAddress) throw new UsageError("no coins to pay with: give --coins or --from-address");
  if (!chain) throw new UsageError("--from-address needs a server: --rpc or --esplora");
  const found: Coin[] = [];
  // One after the other: bitcoind scans for one caller at a time.
  for (const address of new Set(fromAddress)) found.push(...(await coinsOfAddress(chain, address, network)));
  return found;
}

const lacksPrevious = (coin: Coin) => coin.previousTransaction === undefined && coinKind(coin) === "p2pkh";

export function changeAddress({ change, fromAddress }: CoinOptions): string {
  const address = change ?? fromAddress?.[0];
  if (address === undefined) throw new UsageError("no address for the change: give --change");
  return address;
}
