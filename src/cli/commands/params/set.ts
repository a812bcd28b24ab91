import { formatBtc } from "../../../core/amount.js";
import { paramsObject } from "../../../params/json.js";
import type { ParamSet, ProtocolParams } from "../../../params/types.js";
import { paramsWarnings } from "../../../params/warnings.js";
import { amount, blocks, percent, scriptFacts, scriptText } from "../../format/text.js";
import { colors, type Row, section, table } from "../../output.js";

/** A set and one of its versions, as data. */
export const setShown = (set: ParamSet, version: ProtocolParams) => ({
  ...setFacts(set),
  shown: versionFacts(version),
  params: paramsObject(version),
});

export function setFacts({ name, network, chainId, takenOn, ended, versions }: ParamSet) {
  return {
    name,
    network,
    ...(chainId !== undefined && { chainId }),
    ...(takenOn !== undefined && { takenOn }),
    ...(ended !== undefined && { ended }),
    versions: versions.map(({ version, activationHeight }, i) => {
      const next = versions[i + 1];
      return { version, activationHeight, ...(next && { lastHeight: next.activationHeight - 1 }) };
    }),
  };
}

export type SetFacts = ReturnType<typeof setFacts> & { readonly inForce?: number | null };

function versionFacts(params: ProtocolParams) {
  const { slashing, network } = params;
  return {
    ...paramsObject(params),
    ...(slashing && {
      slashedTo: scriptFacts(slashing.script, network),
      slashingPercent: percent(slashing.rate),
    }),
    ...(params.minCommission && { minCommissionPercent: percent(params.minCommission) }),
    warnings: paramsWarnings(params),
  };
}

type VersionFacts = ReturnType<typeof versionFacts>;

export const span = ({ activationHeight, lastHeight }: SetFacts["versions"][number]) =>
  `from height ${activationHeight}${lastHeight === undefined ? "" : ` to ${lastHeight}`}`;

export function title({ name, network, chainId, takenOn, ended }: SetFacts): string {
  const origin = [
    `Bitcoin ${network}`,
    ...(chainId === undefined ? [] : [`chain ${chainId}`]),
    ...(takenOn === undefined ? [] : [`taken on ${takenOn}`]),
    ...(ended ? ["ended"] : []),
  ];
  return `${name} (${origin.join(", ")})`;
}

/** The set, the versions that it has, and one of them in full. */
export function setText({ shown, ...set }: SetFacts & { shown: VersionFacts }): string {
  const { name, versions } = set;
  const rows = versions.map((one) => {
    const mark = one.version === shown.version ? "  ← shown below" : "";
    return [`v${one.version}`, `${span(one)}${mark}`] as const;
  });
  return [
    section(title(set), table(rows, "  ")),
    section(`${name} v${shown.version}`, table(versionRows(shown), "  ")),
    ...shown.warnings.map(({ field, message }) => `${colors.yellow("warning")}  ${field}: ${message}`),
  ].join("\n\n");
}

function versionRows(shown: VersionFacts): Row[] {
  const { covenant, slashing, slashedTo, phase1 } = shown;
  const value = (satoshi: string) => formatBtc(BigInt(satoshi));
  return [
    ["in force from height", `${shown.activationHeight}`],
    ["committee", `${covenant.quorum} of ${covenant.keys.length} must sign`],
    ["", covenant.keys],
    ["stake", `${value(shown.minValue)} to ${value(shown.maxValue)}`],
    ["locked", times(shown.minTime, shown.maxTime)],
    ["unbonding", `${blocks(shown.unbondingTime)}, for a fee of ${amount(BigInt(shown.unbondingFee))}`],
    ["slashing", slashing ? `${shown.slashingPercent} of the stake` : "none: coins were only locked"],
    ["slashed coins go to", slashedTo && scriptText(slashedTo)],
    ["least slashing fee", slashing && amount(BigInt(slashing.minFee))],
    ["least commission", shown.minCommissionPercent],
    ["OP_RETURN tag", phase1 && `${phase1.tag} ("${text(phase1.tag)}")`],
    ["cap of all stakes", phase1?.cap === undefined ? undefined : value(phase1.cap)],
    ["last height to count", phase1?.capHeight === undefined ? undefined : `${phase1.capHeight}`],
    ["confirmations", phase1 && `${phase1.confirmationDepth}`],
  ];
}

const times = (min: number, max: number) => (min === max ? blocks(min) : `${min} to ${max} blocks`);

const text = (tag: string) =>
  String.fromCharCode(...tag.match(/../g)!.map((byte) => Number.parseInt(byte, 16))).replace(/[^ -~]/g, "?");
