import { expandedTxid, readChainDelegation, readChainStake } from "../babylon/lcd/delegation.js";
import type { NamedMessage } from "../babylon/messages.js";
import type {
  DelegationState,
  DelegationStatus,
  PreviousState,
  ProviderState,
} from "../babylon/rules/types.js";
import { parseRate, type Rate } from "../core/amount.js";
import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import type { Network } from "../core/network.js";
import type { Delegation } from "../delegation/delegation.js";
import { parseParamSet } from "../params/read.js";
import { COMMISSION_DECIMALS, type ParamSet } from "../params/types.js";
import type { PreviousStake } from "../stake/expansion.js";
import type { BabylonChain } from "./client.js";
import type { RawDelegation, RawProvider } from "./forms.js";

/** The records that a message is about, as far as the caller has them. */
export interface MessageRecords {
  /** The Bitcoin network: by default that of the published chain of this id. */
  readonly network?: Network | undefined;
  /** The registered stake. */
  readonly delegation?: Delegation | undefined;
  /** Of an expansion, the stake that it expands. */
  readonly previous?: PreviousStake | undefined;
  /** The header of the block in an inclusion proof, 80 bytes. */
  readonly header?: Uint8Array | undefined;
}

/** What facts are asked for. */
export interface About {
  readonly chain: BabylonChain;
  readonly named: NamedMessage;
  readonly records: MessageRecords;
  /** All versions of the chain's parameters; undefined where its Bitcoin network is not known. */
  readonly params: () => Promise<ParamSet | undefined>;
}

/**
 * A finality provider as rules look at it; null when the chain does not know it.
 * @param withJailTime also asks until when it is jailed
 */
export async function providerState(
  chain: BabylonChain,
  key: Uint8Array,
  withJailTime: boolean,
): Promise<ProviderState | null> {
  const found = await chain.raw.provider(key);
  if (!found) return null;
  const jailedUntil = withJailTime && found.jailed ? (await chain.signingInfo(key))?.jailedUntil : undefined;
  const ended = jailedUntil === undefined ? Number.NaN : Date.parse(jailedUntil);
  const { commission_info: info } = found;
  const changedAt = Date.parse(info?.update_time ?? "");
  return {
    address: found.addr,
    slashed: isSet(found.slashed_babylon_height) || isSet(found.slashed_btc_height),
    jailed: found.jailed,
    softDeleted: found.soft_deleted ?? false,
    ...(found.commission != null && { commission: rate(found, "commission", found.commission) }),
    ...(info && {
      maxCommission: rate(found, "max_rate", info.max_rate),
      maxCommissionChange: rate(found, "max_change_rate", info.max_change_rate),
    }),
    ...(!Number.isNaN(changedAt) && { commissionChangedAt: new Date(changedAt) }),
    ...(!Number.isNaN(ended) && { jailedUntil: new Date(ended) }),
  };
}

const isSet = (height: string | number): boolean => BigInt(height) !== 0n;

function rate({ btc_pk }: RawProvider, field: string, text: string): Rate {
  if (!text.startsWith("-")) return parseRate(text, COMMISSION_DECIMALS, field);
  const message = `the chain says that ${field} of ${btc_pk} is negative`;
  throw new TapstakeError("unexpected-answer", message, { field, reason: "form" });
}

/** What is known of a stake beside the chain's answer. */
interface KnownStake<Stake> {
  /** The stake itself, where the caller has it. */
  readonly known: Stake | undefined;
  readonly params: About["params"];
}

/** A stake as rules look at it, verified; null when the chain does not know it. */
export async function delegationState(
  chain: BabylonChain,
  txid: string,
  { known, params }: KnownStake<Delegation>,
): Promise<DelegationState | null> {
  const found = await chain.raw.delegation(txid);
  if (!found) return null;
  const set = await params();
  const before = set && (await expandedBy(chain, found, set));
  const delegation =
    known?.staking.transaction.getId() === txid
      ? known
      : set && readChainDelegation(found, { params: set, ...(before && { previous: before }) }).delegation;
  return { ...stateOf(found, delegation, before), ...(delegation && { delegation }) };
}

/** The same of a stake that is expanded. */
export async function previousState(
  chain: BabylonChain,
  txid: string,
  { known, params }: KnownStake<PreviousStake>,
): Promise<PreviousState | null> {
  const found = await chain.raw.delegation(txid);
  if (!found) return null;
  const set = await params();
  const delegation =
    known?.staking.transaction.getId() === txid ? known : set && readChainStake(found, { params: set });
  const before = set && (await expandedBy(chain, found, set));
  return { ...stateOf(found, delegation, before), ...(delegation && { delegation }) };
}

async function expandedBy(
  chain: BabylonChain,
  found: RawDelegation,
  params: ParamSet,
): Promise<PreviousStake | undefined> {
  const txid = expandedTxid(found);
  const before = txid === null ? null : await chain.raw.delegation(txid);
  return before ? readChainStake(before, { params }) : undefined;
}

function stateOf(
  found: RawDelegation,
  stake: PreviousStake | undefined,
  before: PreviousStake | undefined,
): Omit<DelegationState, "delegation"> {
  const { undelegation_response: undelegation, status_desc: status } = found;
  return {
    ...(STATUSES.includes(status) && { status: status as DelegationStatus }),
    stakerAddress: found.staker_addr,
    isExpansion: found.stk_exp != null,
    hasInclusion: isSet(found.start_height) || isSet(found.end_height),
    ...quorumOf(found, stake, before),
    isUnbonded: undelegation?.delegator_unbonding_info_response != null,
    signedBy: found.covenant_sigs.map(({ cov_pk }) => hex.decode(cov_pk)),
  };
}

const STATUSES: readonly string[] = [
  "PENDING",
  "VERIFIED",
  "ACTIVE",
  "UNBONDED",
  "EXPIRED",
] satisfies DelegationStatus[];

/**
 * The status says whether a quorum has signed, unless the stake was unbonded: that comes first (CHAIN 3). Then the
 * signatures are counted.
 */
function quorumOf(
  { status_desc: status, covenant_sigs: signed, stk_exp: expanding }: RawDelegation,
  stake: PreviousStake | undefined,
  before: PreviousStake | undefined,
): Pick<DelegationState, "hasQuorum"> {
  if (status === "PENDING") return { hasQuorum: false };
  if (["VERIFIED", "ACTIVE", "EXPIRED"].includes(status)) return { hasQuorum: true };
  if (!stake || (expanding && !before)) return {};
  const isSigned = signed.length >= stake.params.covenant.quorum;
  const isExpanding = expanding?.previous_stk_covenant_sigs.length ?? 0;
  return { hasQuorum: isSigned && (!before || isExpanding >= before.params.covenant.quorum) };
}

/** All versions, from the first on and without a gap. */
export async function paramsOf(chain: BabylonChain, network: Network): Promise<ParamSet> {
  const found = [];
  for await (const each of chain.raw.params()) found.push(each);
  found.sort((a, b) => a.version - b.version);
  const gap = found.findIndex(({ version }, i) => version !== i);
  if (gap >= 0 || found.length === 0) {
    const text = `${chain.url}: its versions of the parameters do not begin at 0, or leave one out`;
    throw new TapstakeError("unexpected-answer", text, { url: chain.url, field: "params", reason: "form" });
  }
  const { chainId } = chain;
  return parseParamSet(
    found.map(({ params }) => params),
    { name: chainId, network, chainId },
  );
}
