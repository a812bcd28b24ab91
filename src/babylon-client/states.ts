import type { DelegationState, DelegationStatus, ProviderState } from "../babylon/rules/types.js";
import { parseRate, type Rate } from "../core/amount.js";
import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { COMMISSION_DECIMALS } from "../params/types.js";
import type { PreviousStake } from "../stake/expansion.js";
import type { BabylonChain } from "./client.js";
import type { RawDelegation, RawProvider } from "./forms.js";

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

/**
 * A stake as rules look at it; null when the chain does not know it.
 * @param known the stake itself, where the caller has it
 */
export async function delegationState<Stake extends PreviousStake>(
  chain: BabylonChain,
  txid: string,
  known: Stake | undefined,
): Promise<(Omit<DelegationState, "delegation"> & { readonly delegation?: Stake }) | null> {
  const found = await chain.raw.delegation(txid);
  if (!found) return null;
  const { undelegation_response: undelegation, status_desc: status } = found;
  const isKnown = known?.staking.transaction.getId() === txid;
  return {
    ...(STATUSES.includes(status) && { status: status as DelegationStatus }),
    ...(isKnown && { delegation: known }),
    stakerAddress: found.staker_addr,
    isExpansion: found.stk_exp != null,
    hasInclusion: isSet(found.start_height) || isSet(found.end_height),
    ...quorumOf(found),
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

/** The status says whether a quorum has signed, unless the stake was unbonded: that comes first (CHAIN 3). */
function quorumOf({ status_desc: status }: RawDelegation): Pick<DelegationState, "hasQuorum"> {
  if (status === "PENDING") return { hasQuorum: false };
  return ["VERIFIED", "ACTIVE", "EXPIRED"].includes(status) ? { hasQuorum: true } : {};
}
