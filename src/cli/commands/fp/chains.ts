import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { type ChainEntry, isAddress, loadChains, removeChain, setChain } from "../../../finality/chains.js";
import { findHome, homeAt, openHome } from "../../../finality/home.js";
import type { ChainConfig } from "../../../vote/chain.js";
import { groupCommand, type LazyCommands, newCommand } from "../../command.js";
import { UsageError } from "../../errors.js";
import { counted } from "../../format/text.js";
import { countOfHeights, homeOption, jsonOption } from "../../options.js";
import { answer, type Row, table, warn } from "../../output.js";

const COMMANDS: LazyCommands = {
  list: { summary: "the chains that are configured", load: () => list },
  set: { summary: "configure a chain, or do it again", load: () => set },
  remove: { summary: "forget a chain's configuration", load: () => remove },
};

const GROUP = {
  description: `Says what is particular to a chain: the fewest heights that a commitment may cover, and on the older v3
release line the contexts that every signature begins with.

A chain that is not configured commits to any number of heights and has no contexts. It is all in chains.json in
the home.`,
  examples: `
export TAPSTAKE_HOME=./home
tapstake fp chains set bbn-1 --min-count 8192
tapstake fp chains list
`,
};

/** The configuration of chains, in chains.json of the home. */
export const command = (args: readonly string[]) => groupCommand("chains", GROUP, COMMANDS, args);

const LIST = {
  description: `Lists the chains that are configured. Others can be voted on too: they have no contexts and no least
commitment.`,
  examples: `
export TAPSTAKE_HOME=./home
tapstake fp chains set bbn-1 --min-count 8192
tapstake fp chains list
tapstake fp chains list --json
`,
  refused: "chains.json is damaged, or open to others",
};

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
  description: `Configures a chain. Of one that is configured already, only what is told changes, and is shown with what it was.

Chains of the v3 release line sign with contexts, which follow from the chain's id and the address of the module
that checks the signatures: give --contexts v3 with --module-address, and for proofs of possession
--staking-module-address. Contexts end with --contexts v4. Never change them while the chain runs. Votes that were signed before such a change stay the votes of their heights: the same
block with another context is another message, and refused.`,
  examples: `
export TAPSTAKE_HOME=./home
tapstake fp chains set bbn-1 --min-count 8192
tapstake fp chains set bsn-old --contexts v3 \\
  --module-address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu
tapstake fp chains set bsn-old --min-count 500
`,
  refused: "an id that no chain can have, or chains.json is damaged",
};

const set = () =>
  newCommand("set", SET)
    .argument("<id>", "the chain's id, exactly as the chain writes it")
    .addOption(
      new Option(
        "--min-count <heights>",
        "the fewest heights that a commitment may cover; 1 unless told or configured",
      ).argParser(countOfHeights),
    )
    .addOption(
      new Option("--contexts <line>", "whether signatures begin with a context").choices([
        "v3",
        "v4",
      ] as const),
    )
    .option("--module-address <address>", "v3: who checks votes and commitments", moduleAddress)
    .option("--staking-module-address <address>", "v3: who checks proofs of possession", moduleAddress)
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
  if (!isAddress(text)) throw new InvalidArgumentError("not bech32 with a valid checksum: is it mistyped?");
  return text;
}

/** What chains.json would refuse, in the words of the options. */
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
  description: `Forgets what was configured for a chain. What was signed for it is remembered all the same. Where the chain had
signing contexts, votes are signed without one from then on, which a chain of the v3 release line does not count:
there is a warning.`,
  examples: `
export TAPSTAKE_HOME=./home
tapstake fp chains set bbn-1 --min-count 8192
tapstake fp chains remove bbn-1
`,
  refused: "no such chain, or chains.json is damaged",
};

const remove = () =>
  newCommand("remove", REMOVE)
    .argument("<id>", "the chain's id")
    .addOption(homeOption())
    .addOption(jsonOption())
    .action((id, options) => {
      const home = findHome(options.home);
      const before = loadChains(home).get(id);
      removeChain(home, id);
      answer(options.json === true, { removed: id }, () => `removed chain ${id}`);
      if (before) warnOfContexts(before, undefined);
    });

/** @param before how it was configured until now: what changed is shown with what it was */
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

/** What a change of a chain's configuration changed, as it was; null for what was not there. */
const changes = (before: ChainConfig, now: ChainConfig) =>
  Object.fromEntries(
    (["minCount", "voteContext", "commitContext", "popContext"] as const)
      .filter((name) => before[name] !== now[name])
      .map((name) => [name, before[name] ?? null]),
  );

/** Warns where the contexts of votes or commitments of a configured chain change, or go with it. */
function warnOfContexts(before: ChainConfig, now: ChainConfig | undefined): void {
  if (before.voteContext === now?.voteContext && before.commitContext === now?.commitContext) return;
  const message =
    `the signing contexts of ${before.id} ${now ? "changed" : "are gone"}: never change them while the chain runs, as ` +
    "one height signed with two contexts, or with one and without, is signed twice. What was signed stays as it was " +
    "signed, and a signer that runs goes by the old ones until it is started again";
  warn({ code: "context-mismatch", message, details: { chain: before.id } });
}
