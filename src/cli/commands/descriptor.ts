import { Option } from "@commander-js/extra-typings";
import { hex } from "../../core/bytes.js";
import type { Network } from "../../core/network.js";
import { checkStakingTime } from "../../params/check.js";
import { paramsVersion } from "../../params/in-force.js";
import type { ProtocolParams } from "../../params/types.js";
import { importableDescriptor } from "../../script/descriptor-parse.js";
import {
  slashingChangeOutput,
  stakingOutput,
  type TaprootOutput,
  unbondingOutput,
} from "../../script/outputs.js";
import { type KeySet, stakerKeys, type StakeTerms } from "../../script/terms.js";
import { newCommand } from "../command.js";
import { UsageError } from "../errors.js";
import { blocks, leafWords } from "../format/text.js";
import { readText } from "../input.js";
import {
  jsonOption,
  networkOption,
  parseKey,
  providerOption,
  several,
  stakerOption,
  stakerQuorumOption,
  timeOption,
  wholeNumber,
} from "../options.js";
import { answer, section, table } from "../output.js";
import { warnOfReaders } from "../secrets.js";
import { readParams, readTerms } from "../terms.js";

const STAKER = "0b93d2d388a2b89c2ba2ef28e99c0cfc20735b693cb8b2350fe8aceca2d0f393";
const PROVIDER = "db9160428e401753dc1a9952ffd4fa3386c7609cf8411d2b6d79c42323ca9923";

const DESCRIPTOR = {
  description: `Shows the staking output, the unbonding output and the refund of a slashing, with descriptors that Bitcoin Core reads.

For a wallet that signs, --wallet-keys is a file with one key per line, as the wallet has it: [fingerprint/path]xprv…/0/5,
xpub…/0/5 (watch only), or WIF. The descriptors are then as secret as the keys.`,
  examples: `
tapstake descriptor --params mainnet --version 1 --time 64000 \\
  --staker ${STAKER} \\
  --fp ${PROVIDER}

# your own committee
tapstake descriptor --network regtest --time 1000 --unbonding-time 20 --quorum 2 \\
  --staker ${STAKER} \\
  --fp ${PROVIDER} \\
  --covenant d45c70d28f169e1f0c7f4a78e2bc73497afe585b70aa897955989068f3350aaa \\
             4b15848e495a3a62283daaadb3f458a00859fe48e321f0121ebabbdd6698f9fa
`,
  topics: ["parameters"],
  refused: "an invalid or repeated key, or a quorum or time out of range",
} as const;

export const command = () =>
  newCommand("descriptor", DESCRIPTOR)
    .addOption(stakerOption())
    .addOption(stakerQuorumOption())
    .addOption(providerOption())
    .addOption(timeOption())
    .addOption(
      new Option(
        "--params <set>",
        "parameter set or file, for the committee and the unbonding time",
      ).conflicts(["covenant", "quorum"]),
    )
    .addOption(
      new Option("--version <number>", "version of --params (default: the newest)")
        .argParser(wholeNumber)
        .conflicts(["covenant", "quorum"]),
    )
    .addOption(new Option("--covenant <key...>", "x-only keys of the committee").argParser(several))
    .addOption(new Option("--quorum <number>", "how many committee members must sign").argParser(wholeNumber))
    .addOption(
      new Option(
        "--unbonding-time <blocks>",
        "unbonding time, in blocks (default: that of --params)",
      ).argParser(wholeNumber),
    )
    .addOption(
      new Option("--wallet-keys <file>", "keys of stakers as a wallet has them; - for standard input"),
    )
    .addOption(networkOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { network, covenant, unbondingTime, params } = await readFrame(options);
      const terms: StakeTerms = { ...readTerms(options)!, covenant };
      const expressions = options.walletKeys === undefined ? [] : await readExpressions(options.walletKeys);
      const outputs = facts(terms, unbondingTime, network, expressions);
      // A user could lose coins to the address of a stake that no chain accepts.
      if (params) checkStakingTime(params, terms.timelock);
      answer(options.json === true, outputs, text);
    });

interface FrameOptions {
  readonly params?: string | undefined;
  readonly version?: number | undefined;
  readonly covenant?: readonly string[] | undefined;
  readonly quorum?: number | undefined;
  readonly unbondingTime?: number | undefined;
  readonly network?: Network | undefined;
}

interface Frame {
  /** The parameters that must permit the terms. */
  readonly params?: ProtocolParams;
  readonly network: Network;
  readonly covenant: KeySet;
  readonly unbondingTime: number;
}

/** The data that the stake itself does not give: from parameters, or from options. */
async function readFrame(options: FrameOptions): Promise<Frame> {
  const { params: name, version, covenant, quorum, unbondingTime, network } = options;
  if (covenant) {
    if (quorum === undefined) throw new UsageError("--covenant needs a --quorum");
    if (unbondingTime === undefined) throw new UsageError("--covenant needs an --unbonding-time");
    if (!network) throw new UsageError("--covenant needs a --network");
    const keys = covenant.map((key) => parseKey(key, "covenant"));
    return { network, covenant: { keys, quorum }, unbondingTime };
  }
  if (name === undefined) throw new UsageError("no committee: give --params, or --covenant and --quorum");
  const set = await readParams(name, network);
  const params = version === undefined ? set.versions.at(-1)! : paramsVersion(set, version);
  return {
    params,
    network: network ?? params.network,
    covenant: params.covenant,
    unbondingTime: unbondingTime ?? params.unbondingTime,
  };
}

/** Key expressions, one on each line. */
async function readExpressions(path: string): Promise<string[]> {
  const content = await readText(path);
  if (path !== "-") await warnOfReaders(path);
  const lines = content.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "");
}

/** @param expressions keys of stakers; each output has them */
function facts(terms: StakeTerms, unbondingTime: number, network: Network, expressions: readonly string[]) {
  const who = { ...terms, staker: stakerKeys(terms.staker) };
  const describe = ({ script, address, descriptor, leaves }: TaprootOutput<"timelock">) => ({
    address,
    script: hex.encode(script),
    descriptor: expressions.length > 0 ? importableDescriptor(descriptor, expressions) : descriptor,
    leaves: Object.values(leaves).map((leaf) => ({
      kind: leaf.kind,
      spendableBy: leafWords(leaf, who),
      script: hex.encode(leaf.script),
      hash: hex.encode(leaf.hash),
      controlBlock: hex.encode(leaf.controlBlock),
    })),
  });
  const outputs = {
    staking: describe(stakingOutput(terms, network)),
    unbonding: describe(unbondingOutput(terms, unbondingTime, network)),
    refund: describe(slashingChangeOutput(terms.staker, unbondingTime, network)),
  };
  const requests = Object.values(outputs).map(({ descriptor: desc }) => ({ desc, timestamp: "now" }));
  return {
    network,
    timelock: terms.timelock,
    unbondingTime,
    ...outputs,
    ...(expressions.length > 0 && { importdescriptors: requests }),
  };
}

type Facts = ReturnType<typeof facts>;

function text({
  network,
  timelock,
  unbondingTime,
  staking,
  unbonding,
  refund,
  importdescriptors: requests,
}: Facts): string {
  return [
    outputText(`staking output on ${network}, locked ${blocks(timelock)}`, staking),
    outputText(`unbonding output, locked ${blocks(unbondingTime)}`, unbonding),
    outputText(`refund after slashing, locked ${blocks(unbondingTime)}`, refund),
    ...(requests ? [section("for importdescriptors, as secret as the keys", JSON.stringify(requests))] : []),
  ].join("\n\n");
}

function outputText(title: string, { address, script, descriptor, leaves }: Facts["staking"]): string {
  const leafRows = leaves.flatMap(({ kind, spendableBy, script: leafScript, hash, controlBlock }) => [
    [kind, spendableBy] as const,
    ["  script", leafScript] as const,
    ["  hash", hash] as const,
    ["  control block", controlBlock] as const,
  ]);
  const rows = [["address", address], ["script", script], ["descriptor", descriptor], ...leafRows] as const;
  return section(title, table(rows, "  "));
}
