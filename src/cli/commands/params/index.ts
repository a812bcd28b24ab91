import { Option } from "@commander-js/extra-typings";
import { sharesAddresses } from "../../../core/network.js";
import { paramsAt, paramsVersion } from "../../../params/in-force.js";
import { paramSets } from "../../../params/sets.js";
import type { ParamSet, ProtocolParams } from "../../../params/types.js";
import { addCommands, type LazyCommands, newCommand } from "../../command.js";
import { UsageError } from "../../errors.js";
import { jsonOption, networkOption, wholeNumber } from "../../options.js";
import { answer, section, table } from "../../output.js";
import { readParams } from "../../terms.js";
import { setFacts, type SetFacts, setShown, setText, span, title } from "./set.js";

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
      answer(options.json === true, setShown(set, chosen), setText);
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
