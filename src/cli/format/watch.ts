import { counted } from "../../core/text.js";
import type { LifeStep, StakeView, WatchedBlock, WatchedStake } from "../../watch/types.js";
import type { Verified } from "../../watch/verify.js";
import { type Row, section, table } from "../output.js";
import { amount, blocks } from "./text.js";

const VIEWS: Readonly<Record<StakeView, string>> = {
  pending: "in no block yet",
  active: "active",
  overflow: "locked, but outside of the cap",
  expired: "expired: the staker can withdraw",
  unbonding: "unbonding",
  unbonded: "unbonded: the staker can withdraw",
  slashed: "slashed",
  withdrawn: "withdrawn",
  expanded: "expanded",
  diverted: "moved by the unbonding leaf to an unknown place",
  reorganised: "in no block: a reorganisation removed it",
};

/** A stake's state in a few words, with the output it left from. */
export function viewText({ view, life, value }: WatchedStake): string {
  const from =
    (view === "slashed" || view === "withdrawn") && life.from ? ` from the ${life.from} output` : "";
  const into = life.into === null ? "" : ` into ${life.into}`;
  return `${VIEWS[view]}${from}${into}, ${amount(value)}`;
}

/** What `watch status` shows. */
export interface StatusFacts {
  readonly store: string;
  readonly network: string;
  readonly first: number;
  readonly phase1: string | null;
  readonly tip: WatchedBlock | null;
  readonly stakes: Partial<Record<StakeView, { readonly stakes: number; readonly value: bigint }>>;
}

export function statusText({ store, network, first, phase1, tip, stakes }: StatusFacts): string {
  const rows = Object.entries(stakes).map(([view, of]): Row => [view, `${of.stakes}, ${amount(of.value)}`]);
  const facts = table([
    ["store", store],
    ["network", network],
    ["first block", String(first)],
    ["newest block", tip ? `${tip.height}, ${tip.hash}` : "none yet: run tapstake watch run"],
    ["phase 1", phase1 ?? "not looked for"],
    ["phase-1 stakes count", phase1 === null || !tip ? undefined : amount(tip.staked)],
  ]);
  return `${facts}\n\n${section("stakes", rows.length === 0 ? "none" : table(rows, "  "))}`;
}

/** What `watch verify` shows where both stores agree. */
export function verifiedText(verified: Verified): string {
  const { events, stakes, unlocated, checkpointParts: parts } = verified;
  const compared = [counted(verified.blocks, "block"), counted(events, "event"), counted(stakes, "stake")];
  if (parts !== null) compared.push(counted(parts, "checkpoint part"));
  const late =
    unlocated === 0
      ? ""
      : `\nunlocated: the store learnt of ${counted(unlocated, "stake")} late, and does not know the block; the state agrees`;
  return `no difference: ${compared.join(", ")}${late}`;
}

const STEPS: Readonly<Record<LifeStep["name"], string>> = {
  staked: "staked",
  unbonded: "unbonded: the coins moved to the unbonding output",
  slashed: "slashed",
  withdrawn: "withdrawn by the staker",
  expanded: "expanded into a larger or longer stake",
  diverted:
    "moved by the unbonding leaf to a place that is neither the unbonding output nor a known expansion",
  refunded: "the staker withdrew what the slashing left",
};

/** A stake's life in plain words. */
export function lifeText(stake: WatchedStake, tip: WatchedBlock | null): string {
  const { outpoint, stakers, finalityProviders, life, timelock, unbondingTime, origin, version } = stake;
  const facts = table([
    ["stake", outpoint],
    ["state", viewText(stake)],
    [stakers.length === 1 ? "staker" : "stakers", stakers],
    [finalityProviders.length === 1 ? "finality provider" : "finality providers", finalityProviders],
    ["time lock", blocks(timelock)],
    ["unbonding time", blocks(unbondingTime)],
    [
      "known by",
      origin === "phase1"
        ? `its OP_RETURN, parameters v${version}`
        : `its delegation, parameters v${version}`,
    ],
    ["newest block", tip ? String(tip.height) : undefined],
  ]);
  const steps = life.steps.map(({ name, from, height, position, txid }): Row => {
    const source = from === null ? "" : ` (from the ${from} output)`;
    return [`block ${height}`, [`${STEPS[name]}${source}`, `transaction ${position} of the block: ${txid}`]];
  });
  const live = life.outputs.find(({ isSpent }) => !isSpent);
  const rest =
    live && tip && live.height !== null
      ? restText(live.name, live.height + live.timelock - 1 - tip.height)
      : "";
  return `${facts}\n\n${section("life", steps.length === 0 ? "  no transaction of it is in the chain" : table(steps, "  "))}${rest}`;
}

function restText(name: string, left: number): string {
  const text =
    left <= 0
      ? `The staker can withdraw the ${name} output now.`
      : `The staker can withdraw the ${name} output in ${counted(left, "block")}.`;
  return `\n\n${text}`;
}
