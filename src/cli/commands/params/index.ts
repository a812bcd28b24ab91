import { Option } from "@commander-js/extra-typings";
import { formatBtc } from "../../../core/amount.js";
import { sharesAddresses } from "../../../core/network.js";
import { paramsAt, paramsVersion } from "../../../params/in-force.js";
import { paramsObject } from "../../../params/json.js";
import { paramSets } from "../../../params/sets.js";
import type { ParamSet, ProtocolParams } from "../../../params/types.js";
import { paramsWarnings } from "../../../params/warnings.js";
import { addCommands, type LazyCommands, newCommand } from "../../command.js";
import { UsageError } from "../../errors.js";
import { amount, blocks, percent, scriptFacts, scriptText } from "../../format/text.js";
import { jsonOption, networkOption, wholeNumber } from "../../options.js";
import { answer, colors, type Row, section, table } from "../../output.js";
import { readParams } from "../../terms.js";

const PARAMS = {
  description: `Without a set, lists all sets and their versions. Parameters say who is in the committee, how much and how long you may
stake, what unbonding costs and how large a slashing is.

A set names the day on which it was taken from its chain; the chain may have newer versions. testnet is the set of
bbn-test-6. The testnet of bbn-test-5 was shut down. Both use Bitcoin's signet.`,
  examples: `
tapstake params
tapstake params mainnet --at-height 864790    # the version of a stake in this block
`,
  topics: ["parameters"],
  refused: "an unknown set or version, no version in force at the height, or an invalid file",
} as const;

const COMMANDS: LazyCommands = {
  fetch: {
    summary: "Write the parameters that the staking chain has now",
    load: async () => (await import("./chain.js")).fetchParams,
  },
  check: {
    summary: "Compare a parameter set with the staking chain",
    load: async () => (await import("./chain.js")).checkParameters,
  },
};

export async function command(args: readonly string[]) {
  const shown = show();
  // The commands below have options of the same names.
  shown.enablePositionalOptions();
  await addCommands(shown, COMMANDS, args);
  return shown;
}

const show = () =>
  newCommand("params", PARAMS)
    .argument("[set]", `${[...paramSets.keys()].join(", ")}, or a file`)
    .addOption(
      new Option("--at-height <height>", "version in force at this Bitcoin height")
        .argParser(wholeNumber)
        .conflicts("version"),
    )
    .addOption(
      new Option("--version <number>", "version of the set (default: the newest)").argParser(wholeNumber),
    )
    .addOption(networkOption())
    .addOption(jsonOption())
    .action(async (name, options) => {
      if (name === undefined) {
        if (options.version !== undefined)
          throw new UsageError(
            "--version needs a set: name one, such as tapstake params mainnet --version 1",
          );
        const sets = [...paramSets.values()].filter(
          ({ network }) => options.network === undefined || sharesAddresses(options.network, network),
        );
        const facts = sets.map((set) => ({ ...setFacts(set), ...inForce(set, options.atHeight) }));
        return answer(options.json === true, { sets: facts }, listText);
      }
      const set = await readParams(name, options.network);
      const chosen = choose(set, options);
      const facts = { ...setFacts(set), shown: versionFacts(chosen), params: paramsObject(chosen) };
      answer(options.json === true, facts, setText);
    });

interface Choice {
  readonly atHeight?: number | undefined;
  readonly version?: number | undefined;
}

function choose(set: ParamSet, { atHeight, version }: Choice): ProtocolParams {
  if (atHeight !== undefined) return paramsAt(set, atHeight);
  return version === undefined ? set.versions.at(-1)! : paramsVersion(set, version);
}

/** The version in force at a height: null before the first; undefined if no height was given. */
function inForce(set: ParamSet, height: number | undefined): { readonly inForce?: number | null } {
  if (height === undefined) return {};
  const active = set.versions.findLast(({ activationHeight }) => activationHeight <= height);
  return { inForce: active?.version ?? null };
}

function setFacts({ name, network, chainId, takenOn, ended, versions }: ParamSet) {
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

type SetFacts = ReturnType<typeof setFacts> & { readonly inForce?: number | null };

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

const span = ({ activationHeight, lastHeight }: SetFacts["versions"][number]) =>
  `from height ${activationHeight}${lastHeight === undefined ? "" : ` to ${lastHeight}`}`;

function title({ name, network, chainId, takenOn, ended }: SetFacts): string {
  const origin = [
    `Bitcoin ${network}`,
    ...(chainId === undefined ? [] : [`chain ${chainId}`]),
    ...(takenOn === undefined ? [] : [`taken on ${takenOn}`]),
    ...(ended ? ["ended"] : []),
  ];
  return `${name} (${origin.join(", ")})`;
}

function listText({ sets }: { sets: readonly SetFacts[] }): string {
  return sets
    .map((set) => {
      const { versions, inForce: active } = set;
      const rows = versions.map((one) => {
        const mark = one.version === active ? "  ← in force" : "";
        return [`v${one.version}`, `${span(one)}${mark}`] as const;
      });
      return section(title(set), table(rows, "  "));
    })
    .join("\n\n");
}

function setText({ shown, ...set }: SetFacts & { shown: VersionFacts }): string {
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
