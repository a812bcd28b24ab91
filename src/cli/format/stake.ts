import { formatBtc } from "../../core/amount.js";
import { slashedAmount } from "../../stake/slashing.js";
import { hex } from "../../core/bytes.js";
import type { Network } from "../../core/network.js";
import type { ProtocolParams } from "../../params/types.js";
import type { Leaf } from "../../script/outputs.js";
import { stakerKeys } from "../../script/terms.js";
import type { DecodedStaking } from "../../stake/decode.js";
import type { IdentifiedStaking } from "../../stake/explain.js";
import { colors, section, table } from "../output.js";
import {
  amount,
  blocks,
  leafWords,
  OWN_PARAMS,
  percent,
  quorumShort,
  scriptFacts,
  type ScriptFacts,
  scriptText,
  shortKey,
} from "./text.js";

/** What `inspect` shows of a stake: a headline, and the data for it. */
export interface StakeFacts {
  readonly headline: string;
  readonly network: Network;
  /** Absent if the parameters are a delegation's own, of no known set. */
  readonly paramSet?: string;
  readonly version: number;
  readonly activationHeight: number;
  /** Whether the height, which decides the version, was given. */
  readonly heightKnown: boolean;
  readonly alsoFits: readonly { readonly paramSet: string; readonly versions: readonly number[] }[];
  readonly outputIndex: number;
  readonly satoshi: bigint;
  readonly staker: { readonly keys: readonly string[]; readonly quorum: number };
  readonly finalityProviders: readonly string[];
  readonly covenant: { readonly keys: readonly string[]; readonly quorum: number };
  readonly timelock: number;
  readonly address: string;
  readonly script: string;
  readonly descriptor: string;
  readonly leaves: readonly {
    readonly kind: Leaf["kind"];
    readonly spendableBy: string;
    readonly script: string;
  }[];
  readonly unbonding: { readonly time: number; readonly fee: bigint };
  readonly slashing?: {
    readonly rate: string;
    readonly slashed: bigint;
    readonly to: ScriptFacts;
    readonly fee: bigint;
    readonly refunded: bigint;
    readonly refundLock: number;
  };
}

type Stake = Omit<DecodedStaking, "alternatives"> &
  Pick<IdentifiedStaking, "others"> &
  Partial<Pick<IdentifiedStaking, "set">>;

export interface Known {
  /** The requested network: a transaction does not show whether it is signet or testnet. */
  readonly network?: Network | undefined;
  readonly height?: number | undefined;
  /** The value of the previous stake of an expansion, in satoshi. */
  readonly expands?: bigint;
}

export function stakeFacts(stake: Stake, known: Known = {}): StakeFacts {
  const { network = stake.params.network, height, expands } = known;
  const { terms, params, value, output, outputIndex, set } = stake;
  const staker = stakerKeys(terms.staker);
  const encode = ({ keys, quorum }: typeof staker) => ({ keys: keys.map((key) => hex.encode(key)), quorum });
  const slashing = slashingFacts(params, value);
  return {
    headline: headline(stake) + (expands === undefined ? "" : `, expanding one of ${formatBtc(expands)}`),
    network,
    ...(set && { paramSet: set.name }),
    version: params.version,
    activationHeight: params.activationHeight,
    heightKnown: height !== undefined,
    alsoFits: alsoFits(stake),
    outputIndex,
    satoshi: value,
    staker: encode(staker),
    finalityProviders: terms.finalityProviders.map((key) => hex.encode(key)),
    covenant: encode(terms.covenant),
    timelock: terms.timelock,
    address: output.address,
    script: hex.encode(output.script),
    descriptor: output.descriptor,
    leaves: Object.values(output.leaves).map((leaf) => ({
      kind: leaf.kind,
      spendableBy: leafWords(leaf, { ...terms, staker }),
      script: hex.encode(leaf.script),
    })),
    unbonding: { time: params.unbondingTime, fee: params.unbondingFee },
    ...(slashing && { slashing }),
  };
}

function headline({ terms, params, value, set }: Stake): string {
  const { keys, quorum } = stakerKeys(terms.staker);
  const list = (all: readonly Uint8Array[]) => all.map(shortKey).join(", ");
  const by = keys.length === 1 ? list(keys) : `${quorum} of ${list(keys)}`;
  const providers = terms.finalityProviders;
  const to = `finality provider${providers.length === 1 ? "" : "s"} ${list(providers)}`;
  const under = set ? `parameters v${params.version}` : `parameters ${OWN_PARAMS}`;
  const locked = `locked ${blocks(terms.timelock)}, ${under}`;
  return `this is a stake of ${formatBtc(value)} by ${by}, to ${to}, ${locked}`;
}

function alsoFits({ others }: Stake): StakeFacts["alsoFits"] {
  const versions = new Map<string, number[]>();
  for (const { set, params } of others) {
    versions.set(set.name, [...(versions.get(set.name) ?? []), params.version]);
  }
  return [...versions].map(([paramSet, numbers]) => ({ paramSet, versions: numbers }));
}

function slashingFacts(
  { slashing, network, unbondingTime }: ProtocolParams,
  value: bigint,
): StakeFacts["slashing"] {
  if (!slashing) return undefined;
  const slashed = slashedAmount(value, slashing.rate);
  return {
    rate: percent(slashing.rate),
    slashed,
    to: scriptFacts(slashing.script, network),
    fee: slashing.minFee,
    refunded: value - slashed - slashing.minFee,
    refundLock: unbondingTime,
  };
}

export function stakeText(stake: StakeFacts, txid: string): string {
  const { staker, finalityProviders, covenant, unbonding, slashing, alsoFits: others } = stake;
  const set = stake.paramSet === undefined ? OWN_PARAMS : `of the set ${stake.paramSet}`;
  const fits = others.map(
    ({ paramSet, versions }) => `${paramSet} ${versions.map((n) => `v${n}`).join(", ")}`,
  );
  const details = table([
    ["transaction", txid],
    ["network", stake.network],
    ["parameters", `v${stake.version} ${set}, in force from height ${stake.activationHeight}`],
    [
      "also fits",
      fits.length === 0
        ? undefined
        : `${fits.join("; ")} (${stake.heightKnown ? "--params decides" : "--height decides the version, --params the set"})`,
    ],
    [staker.keys.length === 1 ? "staker" : `${quorumShort(staker)} stakers`, staker.keys],
    [finalityProviders.length === 1 ? "finality provider" : "finality providers", finalityProviders],
    [`${quorumShort(covenant)} committee`, covenant.keys],
    ["output", `${stake.outputIndex}, ${amount(stake.satoshi)}`],
    ["address", stake.address],
    ["script", stake.script],
    ["descriptor", stake.descriptor],
    ["unbonding", `takes ${blocks(unbonding.time)} and costs ${amount(unbonding.fee)}`],
    [
      "if slashed",
      slashing ? slashingLines(slashing) : "never: under these parameters coins are only locked",
    ],
  ]);
  const leaves = table(
    stake.leaves.map(({ kind, spendableBy }) => [kind, spendableBy] as const),
    "  ",
  );
  return [colors.bold(stake.headline), details, section("who can spend it", leaves)].join("\n\n");
}

function slashingLines(slashing: NonNullable<StakeFacts["slashing"]>): string[] {
  return [
    `${amount(slashing.slashed)}, ${slashing.rate}, to ${scriptText(slashing.to)}`,
    `${amount(slashing.refunded)} back to the staker, locked ${blocks(slashing.refundLock)}; fee ${amount(slashing.fee)}`,
  ];
}
