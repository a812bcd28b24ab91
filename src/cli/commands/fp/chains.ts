import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { counted } from "../../../core/text.js";
import { type ChainEntry, isAddress, loadChains, removeChain, setChain } from "../../../finality/chains.js";
import { findHome, homeAt, openHome } from "../../../finality/home.js";
import type { ChainConfig } from "../../../vote/chain.js";
import { groupCommand, type LazyCommands, newCommand } from "../../command.js";
import { UsageError } from "../../errors.js";
import { countOfHeights, homeOption, jsonOption } from "../../options.js";
import { answer, type Row, table, warn } from "../../output.js";

const COMMANDS: LazyCommands = {
  list: { summary: "List the configured chains", load: () => list },
  set: { summary: "Configure a chain, or change its configuration", load: () => set },
  remove: { summary: "Remove the configuration of a chain", load: () => remove },
};

const GROUP = {
  description: `A chain's configuration is the fewest heights that a commitment may cover, and on the v3 release line its signing contexts.
It is in chains.json in the home. A chain without configuration takes commitments of any size and has no contexts.`,
  examples: `
tapstake fp chains set bbn-1 --min-count 8192
tapstake fp chains list
`,
  topics: ["contexts"],
} as const;

/** The configuration of chains, in chains.json of the home. */
export const command = (args: readonly string[]) => groupCommand("chains", GROUP, COMMANDS, args);

const LIST = {
  description: `You can vote on other chains too: they have no contexts and take commitments of any size.`,
  examples: `
tapstake fp chains list
`,
  refused: "chains.json is damaged, or others can reach it",
} as const;

const list = () =>
  newCommand("list", LIST)
    .addOption(homeOption())
    .addOption(jsonOption())
    .action((options) => {
      const chains = [...loadChains(findHome(options.home)).values()];
      answer(options.json === true, { chains }, () =>
        chains.length === 0 ? "no chain is configured" : chains.map((chain) => chainText(chain)).join("\n\n"),
      );
    });

const SET = {
  description: `Changes only what you give, and shows each change with its old value.

Danger: never change the signing contexts while the chain runs. Votes keep the context with which they were signed: the
same block with another context is another message, and tapstake refuses it.`,
  examples: `
tapstake fp chains set bbn-1 --min-count 8192

# a chain of the v3 release line
tapstake fp chains set bsn-1 --contexts v3 \\
  --module-address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu
`,
  topics: ["contexts"],
  refused: "an invalid chain id, or chains.json is damaged",
} as const;

const set = () =>
  newCommand("set", SET)
    .argument("<id>", "id of the chain, exactly as the chain writes it")
    .addOption(
      new Option(
        "--min-count <heights>",
        "fewest heights that a commitment may cover (new chain: 1)",
      ).argParser(countOfHeights),
    )
    .addOption(
      new Option("--contexts <line>", "release line of the signing contexts: v3, v4 (new chain: v4)").choices(
        ["v3", "v4"] as const,
      ),
    )
    .option("--module-address <address>", "v3: module that checks votes and commitments", moduleAddress)
    .option(
      "--staking-module-address <address>",
      "v3: module that checks proofs of possession",
      moduleAddress,
    )
    .addOption(homeOption())
    .addOption(jsonOption())
    .action((id, { home, json, ...entry }) => {
      const before = loadChains(homeAt(home)).get(id);
      checkContexts(entry, before);
      const now = setChain(openHome(home), id, entry);
      answer(json === true, { ...now, ...(before && { was: changes(before, now) }) }, () =>
        chainText(now, before),
      );
      if (before) warnOfContexts(before, now);
    });

function moduleAddress(text: string): string {
  if (!isAddress(text))
    throw new InvalidArgumentError("not bech32 with a valid checksum. Check it for a typing error.");
  return text;
}

/** Checks what chains.json would refuse, with messages that name the options. */
function checkContexts(entry: ChainEntry, before: ChainConfig | undefined): void {
  const known = before?.voteContext === undefined ? "v4" : "v3";
  const { contexts = known, moduleAddress: address, stakingModuleAddress } = entry;
  if (contexts === "v3" && known === "v4" && address === undefined) {
    throw new UsageError("--contexts v3 needs --module-address");
  }
  if (contexts !== "v3" && (address !== undefined || stakingModuleAddress !== undefined)) {
    throw new UsageError("--module-address and --staking-module-address go with --contexts v3");
  }
}

const REMOVE = {
  description: `Keeps everything that was signed for the chain. If the chain had signing contexts, votes are signed without one from then
on. A chain of the v3 release line does not count such votes, so tapstake warns.`,
  examples: `
tapstake fp chains remove bsn-old
`,
  topics: ["contexts"],
  refused: "no such chain, or chains.json is damaged",
} as const;

const remove = () =>
  newCommand("remove", REMOVE)
    .argument("<id>", "id of the chain")
    .addOption(homeOption())
    .addOption(jsonOption())
    .action((id, options) => {
      const home = findHome(options.home);
      const before = loadChains(home).get(id);
      removeChain(home, id);
      answer(options.json === true, { removed: id }, () => `removed chain ${id}`);
      if (before) warnOfContexts(before, undefined);
    });

/** @param before the old configuration: changes are shown with it */
function chainText(chain: ChainConfig, before: ChainConfig = chain): string {
  const old = new Map(rowsOf(before));
  return table(
    rowsOf(chain).map(([name, now]) => {
      const [is, was] = [now, old.get(name)].map((value) => value ?? "none");
      return [name, is === was ? now : `${is} (was ${was})`];
    }),
  );
}

const rowsOf = ({ id, minCount, voteContext, commitContext, popContext }: ChainConfig) =>
  [
    ["chain", id],
    ["least commitment", counted(minCount, "height")],
    ["signing contexts", voteContext === undefined ? "none (v4)" : "v3"],
    ["  votes", voteContext],
    ["  commitments", commitContext],
    ["  possession", popContext ?? (voteContext === undefined ? undefined : "none")],
  ] satisfies Row[];

/** The old values of a changed configuration; null for what was not there. */
const changes = (before: ChainConfig, now: ChainConfig) =>
  Object.fromEntries(
    (["minCount", "voteContext", "commitContext", "popContext"] as const)
      .filter((name) => before[name] !== now[name])
      .map((name) => [name, before[name] ?? null]),
  );

/** Warns if the contexts of votes or commitments of a configured chain change or disappear. */
function warnOfContexts(before: ChainConfig, now: ChainConfig | undefined): void {
  if (before.voteContext === now?.voteContext && before.commitContext === now?.commitContext) return;
  const message =
    `the signing contexts of ${before.id} ${now ? "changed" : "are removed"}. Never change them while the chain runs: ` +
    "one height signed with two contexts, or with and without one, is signed twice. Earlier signatures keep their " +
    "context. A running signer uses the old contexts until its next start";
  warn({ code: "context-mismatch", message, details: { chain: before.id } });
}
