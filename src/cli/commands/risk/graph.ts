import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { TapstakeError } from "../../../core/errors.js";
import { type BabylonOptions, graphOfChain, graphOfDelegations } from "../../../restaking/babylon.js";
import { eigenLayerGraph } from "../../../restaking/ethereum/eigenlayer.js";
import { fetchLogs } from "../../../restaking/ethereum/fetch-logs.js";
import { symbioticGraph } from "../../../restaking/ethereum/symbiotic.js";
import { restakingParts } from "../../../restaking/file.js";
import type { Fraction } from "../../../restaking/fraction.js";
import type { RestakingGraph, Service } from "../../../restaking/graph.js";
import { mergeGraphs } from "../../../restaking/merge.js";
import type { ParamSet } from "../../../params/types.js";
import { newCommand } from "../../command.js";
import { UsageError } from "../../errors.js";
import { checkOut, writeOut } from "../../files.js";
import { readDelegation, readDocument } from "../../input.js";
import { openLcd } from "../../lcd.js";
import { jsonOption, lcdOption } from "../../options.js";
import { answer, type Row, sayAll, showProgress, table } from "../../output.js";
import { readParams } from "../../terms.js";
import { type About, aboutFromJson } from "./about.js";
import { fractionArgument, readGraph, readJson } from "./read.js";

const GRAPH = {
  description: `Makes a restaking file from one source: delegations of tapstake, the staking chain (a server, or its answers in files), or
logs of EigenLayer or Symbiotic (files, or an Ethereum node). No source says what an attack brings: give --profit, or
the answers are break-even profits.

With --add, the graphs of other files are in it too: several systems in one graph. Operators with the same id are one.
Several assets need values: give --about.`,
  examples: `
tapstake risk graph --delegation stake.json --out graph.json
tapstake risk graph --delegation stake.json --profit babylon=500000000 --out with-profit.json
tapstake risk graph --delegation stake.json --add restaking.json --out all.json
`,
  more: `Files of --lcd-json are answers to btc_delegations and finality_providers. Files of --logs are
answers to eth_getLogs. docs/restaking.md has an example of each source, and the form of --about.`,
  topics: ["servers"],
  refused: "an invalid file, a false answer, or a file of --out that is there",
} as const;

export const graphCommand = () =>
  newCommand("graph", GRAPH)
    .addOption(new Option("--delegation <file...>", "delegations of tapstake"))
    .addOption(lcdOption())
    .addOption(new Option("--lcd-json <file...>", "answers of a server of the staking chain"))
    .addOption(new Option("--params <set>", "parameters for --lcd-json (default: mainnet)"))
    .addOption(new Option("--system <name>", "whose logs: eigenlayer, symbiotic").choices(SYSTEMS))
    .addOption(
      new Option("--logs <file...>", "answers to eth_getLogs, of all contracts from the first block on"),
    )
    .addOption(new Option("--rpc <url>", "Ethereum node to ask for the logs"))
    .addOption(new Option("--contract <address...>", "contracts to ask for; Symbiotic's vaults"))
    .addOption(
      new Option("--from-block <number>", "first block to ask for (default: 0)").argParser(blockNumber),
    )
    .addOption(
      new Option("--to-block <number>", "last block (default: the newest final one)").argParser(blockNumber),
    )
    .addOption(
      new Option("--alpha <fraction>", "share of stake that corrupts a service").argParser(fractionArgument),
    )
    .addOption(
      new Option("--profit <service=amount...>", "what corrupting a service brings").argParser(profits),
    )
    .addOption(new Option("--add <file...>", "restaking files to merge with the source, or with each other"))
    .addOption(new Option("--about <file>", "groups, assets and vaults (JSON)"))
    .addOption(
      new Option("--out <file>", "new file for the graph; - for standard output").makeOptionMandatory(),
    )
    .addOption(jsonOption())
    .action(async ({ out, json, ...options }) => {
      const read = readerOf(options);
      if (out !== "-") await checkOut(out);
      const about = options.about === undefined ? {} : await readDocument(options.about, aboutFromJson);
      const { graph, ...source } = withProfits(await read(about), options.profit);
      const parts = restakingParts(graph);
      if (out === "-") return sayAll(parts);
      await writeOut(out, parts, { what: "the graph", otherwise: "Give another --out" });
      const { pools, operators, services, edges } = graph;
      const facts = {
        file: out,
        ...source,
        pools: pools.length,
        operators: operators.length,
        services: services.map(({ id }) => id),
        edges: edges.length,
      };
      answer(json === true, facts, () => {
        const rows: Row[] = [
          ["source", source.source],
          ["added", source.added?.join(", ")],
          ["chain", source.chainId],
          ["blocks", source.blocks?.join(" to ")],
          ["pools", `${facts.pools}`],
          ["operators", `${facts.operators}`],
          ["services", `${facts.services.length}`],
          ["edges", `${facts.edges}`],
        ];
        return table(rows);
      });
    });

const SYSTEMS = ["eigenlayer", "symbiotic"] as const;

interface Options {
  readonly delegation?: readonly string[] | undefined;
  readonly lcd?: string | undefined;
  readonly lcdJson?: readonly string[] | undefined;
  readonly params?: string | undefined;
  readonly system?: (typeof SYSTEMS)[number] | undefined;
  readonly logs?: readonly string[] | undefined;
  readonly rpc?: string | undefined;
  readonly contract?: readonly string[] | undefined;
  readonly fromBlock?: bigint | undefined;
  readonly toBlock?: bigint | undefined;
  readonly alpha?: Fraction | undefined;
  readonly add?: readonly string[] | undefined;
}

/** A graph, and where it is from. */
interface Read {
  readonly graph: RestakingGraph;
  readonly source?: string;
  readonly added?: readonly string[];
  readonly chainId?: string;
  readonly blocks?: readonly [bigint, bigint];
}

/** The graph of the source, and those of files to add. */
function readerOf(options: Options): (about: About) => Promise<Read> {
  const { add } = options;
  const read = sourceOf(options);
  if (!add) return read!;
  return async (about) => {
    const source = await read?.(about);
    const graphs = source ? [source.graph] : [];
    for (const path of add) graphs.push(await readGraph(path));
    return { ...source, graph: mergeGraphs(graphs, about.assets), added: add };
  };
}

/** Which of the sources is given: just one, or none where files are added to each other. */
function sourceOf(options: Options): ((about: About) => Promise<Read>) | undefined {
  const { delegation, lcdJson, system, logs, rpc, alpha, add } = options;
  const lcd =
    options.lcd ??
    (delegation || lcdJson || logs || rpc || add ? undefined : process.env["TAPSTAKE_LCD"] || undefined);
  const given = [delegation, lcd, lcdJson, logs, rpc].filter((each) => each !== undefined);
  if (given.length === 0 && add) {
    if (add.length > 1) return undefined;
    throw new UsageError("give --add two files, or a source and a file");
  }
  if (given.length !== 1) {
    throw new UsageError("give one source: --delegation, --lcd, --lcd-json, --logs or --rpc");
  }
  const babylon = ({ groups }: About): BabylonOptions => ({
    ...(alpha && { alpha }),
    ...(groups && { groups }),
  });
  if (delegation) {
    return async (about) => {
      const delegations = [];
      for (const path of delegation) delegations.push(await readDelegation(path));
      return { graph: graphOfDelegations(delegations, babylon(about)), source: "delegations" };
    };
  }
  if (lcd !== undefined) return (about) => fromServer(lcd, babylon(about));
  if (lcdJson) {
    return async (about) => {
      const rules = rulesOf(await readParams(options.params ?? "mainnet"));
      return {
        graph: graphOfChain(await answersIn(lcdJson), rules, babylon(about)),
        source: "answers of the chain",
      };
    };
  }
  if (!system) throw new UsageError("logs need --system: eigenlayer or symbiotic");
  if (!alpha)
    throw new UsageError("logs need --alpha: no contract says which share of the stake corrupts a service");
  const service: Omit<Service, "id" | "profit"> = { alpha, basis: "slashable", tie: "safe" };
  return logs
    ? (about) => fromLogs(system, logs, service, about)
    : (about) => fromNode(system, options, service, about);
}

/** The staking chain's active delegations and its providers, under its newest parameters. */
async function fromServer(url: string, options: BabylonOptions): Promise<Read> {
  const { chain } = (await openLcd({ lcd: url }))!;
  const rules = rulesOf(await chain.params());
  const paging = { maxPages: 100_000 };
  const [delegations, providers]: [unknown[], unknown[]] = [[], []];
  const progress = await showProgress("reading delegations");
  try {
    for await (const each of chain.raw.delegations({ status: "ACTIVE" }, paging)) {
      // Of hundreds of thousands, only what the graph needs is kept.
      const { fp_btc_pk_list, total_sat, active, status_desc, staking_tx_hex, staking_output_idx } = each;
      const kept = { fp_btc_pk_list, total_sat, active, status_desc, staking_tx_hex, staking_output_idx };
      progress.update(delegations.push(kept));
    }
    for await (const each of chain.raw.providers(paging)) providers.push({ btc_pk: each.btc_pk });
  } finally {
    progress.stop();
  }
  const graph = graphOfChain({ delegations, providers }, rules, options);
  return { graph, source: chain.url, chainId: chain.chainId };
}

function rulesOf({ name, versions }: ParamSet) {
  const { version, slashing, unbondingTime } = versions.at(-1)!;
  if (!slashing) {
    throw new TapstakeError("unsupported-params", `parameters v${version} of ${name} slash nothing`, {
      version,
    });
  }
  const { rate, minFee } = slashing;
  return { rate: [rate.numerator, rate.denominator] as const, minFee, unbondingTime };
}

/** Each file is one answer, or one page of it. */
async function answersIn(
  paths: readonly string[],
): Promise<{ delegations: unknown[]; providers: unknown[] }> {
  const [delegations, providers]: [unknown[], unknown[]] = [[], []];
  for (const path of paths) {
    const json = await readJson(path);
    const { btc_delegations, finality_providers } = (json ?? {}) as Record<string, unknown>;
    // One by one: a call takes some hundred thousand arguments at most.
    if (Array.isArray(btc_delegations)) for (const each of btc_delegations) delegations.push(each);
    else if (Array.isArray(finality_providers)) for (const each of finality_providers) providers.push(each);
    else {
      const text = `${path}: expected an answer with btc_delegations or finality_providers`;
      throw new TapstakeError("invalid-json", text, { path });
    }
  }
  return { delegations, providers };
}

async function fromLogs(
  system: (typeof SYSTEMS)[number],
  paths: readonly string[],
  service: Omit<Service, "id" | "profit">,
  about: About,
): Promise<Read> {
  const logs: unknown[] = [];
  for (const path of paths) {
    const json = await readJson(path);
    const list = Array.isArray(json) ? json : (json as { result?: unknown } | null)?.result;
    if (!Array.isArray(list)) {
      throw new TapstakeError("invalid-log", `${path}: expected a list of logs, as eth_getLogs answers`, {
        path,
      });
    }
    for (const each of list as unknown[]) logs.push(each);
  }
  return { graph: graphOfLogs(system, logs, service, about), source: `logs of ${system}` };
}

async function fromNode(
  system: (typeof SYSTEMS)[number],
  { rpc, contract, fromBlock, toBlock }: Options,
  service: Omit<Service, "id" | "profit">,
  about: About,
): Promise<Read> {
  const contracts = contract ?? (system === "symbiotic" ? Object.keys(about.vaults ?? {}) : []);
  let progress: Awaited<ReturnType<typeof showProgress>> | undefined;
  try {
    const found = await fetchLogs({
      url: rpc!,
      system,
      ...(contracts.length > 0 && { contracts }),
      ...(fromBlock !== undefined && { fromBlock }),
      ...(toBlock !== undefined && { toBlock }),
      onStart: async (blocks) => {
        progress = await showProgress("reading blocks", blocks);
      },
      onProgress: (done) => progress?.update(done),
    });
    const graph = graphOfLogs(system, found.logs, service, about, found.toBlock);
    return {
      graph,
      source: `logs of ${system}`,
      chainId: `${found.chainId}`,
      blocks: [found.fromBlock, found.toBlock],
    };
  } finally {
    progress?.stop();
  }
}

function graphOfLogs(
  system: (typeof SYSTEMS)[number],
  logs: unknown,
  service: Omit<Service, "id" | "profit">,
  { assets = {}, vaults = {} }: About,
  atBlock?: bigint,
): RestakingGraph {
  if (system === "eigenlayer") {
    return eigenLayerGraph(logs, { service, assets, ...(atBlock !== undefined && { atBlock }) });
  }
  const list = Object.entries(assets).map(([id, asset]) => ({ id, ...asset }));
  return symbioticGraph(logs, { service, vaults, assets: list });
}

/** The graph with the profits that the user states. @throws TapstakeError `unknown-name` */
function withProfits({ graph, ...source }: Read, given: ReadonlyMap<string, bigint> = new Map()): Read {
  for (const id of given.keys()) {
    if (graph.services.some((service) => service.id === id)) continue;
    throw new TapstakeError("unknown-name", `the graph has no service ${id}`, { name: id, list: "services" });
  }
  const services = graph.services.map((each) => ({ ...each, profit: given.get(each.id) ?? each.profit }));
  return { ...source, graph: { ...graph, services } };
}

function profits(
  text: string,
  earlier: ReadonlyMap<string, bigint> = new Map(),
): ReadonlyMap<string, bigint> {
  const [, service, amount] = /^(.{1,200})=(\d{1,78})$/u.exec(text) ?? [];
  if (service === undefined) {
    throw new InvalidArgumentError("expected <service>=<amount>, such as babylon=500000000.");
  }
  return new Map([...earlier, [service, BigInt(amount!)]]);
}

function blockNumber(text: string): bigint {
  if (!/^\d{1,18}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return BigInt(text);
}
