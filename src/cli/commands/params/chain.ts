import { TapstakeError } from "../../../core/errors.js";
import { jsonText } from "../../../core/json.js";
import { paramsDifferences, type ParamsDifference } from "../../../params/differences.js";
import { paramsObject } from "../../../params/json.js";
import { paramSets } from "../../../params/sets.js";
import { newCommand } from "../../command.js";
import { UsageError } from "../../errors.js";
import { checkNewFiles, writeDocument } from "../../files.js";
import { type Lcd, openLcd } from "../../lcd.js";
import { jsonOption, lcdOption, networkOption } from "../../options.js";
import { answer, note, table } from "../../output.js";
import { readParams } from "../../terms.js";

const FETCH = {
  description: `Asks a server of the staking chain for every version of the parameters, checks them, and writes them in the form that --params
reads. Compare the committee's keys with another source before you stake under them: a false server could name its own.`,
  examples: `
tapstake params fetch --lcd https://lcd.mainnet.example --out params.json
`,
  more: `The network is that of the shipped set of the chain. For another chain, give --network.`,
  topics: ["parameters", "servers"],
  refused: "a list that lacks a version or breaks a rule, or a false answer",
} as const;

/** `params fetch` */
export const fetchParams = () =>
  newCommand("fetch", FETCH)
    .addOption(lcdOption())
    .addOption(networkOption())
    .option("--out <file>", "new file for the parameters; - for standard output", "-")
    .action(async ({ out, ...options }) => {
      await checkNewFiles(out);
      const { chain, shipped } = given(await openLcd(options));
      const set = await chain.params();
      await writeDocument(out, jsonText(set.versions.map(paramsObject)));
      if (out !== "-") note(`wrote ${set.versions.length} versions of ${chain.chainId} to ${out}`);
      const differences = shipped ? paramsDifferences(shipped, set) : [];
      if (differences.length > 0) {
        note(
          `the shipped set ${shipped!.name} differs from them: ${differences.map(differenceText).join("; ")}`,
        );
      }
    });

const CHECK = {
  description: `Compares a parameter set with what the staking chain says, version by version and field by field. Without a set, compares the
shipped set of the server's chain.`,
  examples: `
tapstake params check --lcd https://lcd.mainnet.example
tapstake params check mainnet --lcd https://lcd.mainnet.example
`,
  topics: ["parameters", "servers"],
  refused: "a version or a field differs (params-mismatch), or a false answer",
} as const;

/** `params check` */
export const checkParameters = () =>
  newCommand("check", CHECK)
    .argument("[set]", `${[...paramSets.keys()].join(", ")}, or a file`)
    .addOption(lcdOption())
    .addOption(networkOption())
    .addOption(jsonOption())
    .action(async (name, options) => {
      const { chain, shipped } = given(await openLcd(options));
      const own = name === undefined ? shipped : await readParams(name, options.network);
      if (!own) {
        const text = `no shipped set is of ${chain.chainId}. Do: give a set or a file to compare`;
        throw new TapstakeError("unknown-params", text, { chainId: chain.chainId });
      }
      const other = await chain.params();
      const differences = paramsDifferences(own, other);
      const facts = { set: own.name, chainId: chain.chainId, versions: other.versions.length };
      if (differences.length > 0) throw different({ ...facts, differences });
      answer(options.json === true, facts, () =>
        table([
          ["set", own.name],
          ["chain", chain.chainId],
          ["versions", `${facts.versions}, all equal`],
        ]),
      );
    });

function given(server: Lcd | undefined): Lcd {
  if (server) return server;
  throw new UsageError("give --lcd, the server of the staking chain to ask");
}

function different(facts: {
  readonly set: string;
  readonly chainId: string;
  readonly differences: readonly ParamsDifference[];
}): TapstakeError {
  const { set, chainId, differences } = facts;
  const texts = differences.map(differenceText);
  const text = `the set ${set} differs from ${chainId}: ${texts.join("; ")}. Do: run tapstake params fetch, check the file with another source, and give it by --params`;
  const [{ version, field }] = differences as [ParamsDifference];
  return new TapstakeError("params-mismatch", text, { set, chainId, version, field, differences: texts });
}

function differenceText({ version, field, own, other }: ParamsDifference): string {
  if (field === "version")
    return `v${version} is ${other === undefined ? "not on the chain" : "missing in the set"}`;
  return `v${version} ${field} is ${own ?? "missing"} in the set and ${other ?? "missing"} on the chain`;
}
