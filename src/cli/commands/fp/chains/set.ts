import { Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { isAddress, loadChains, type ChainEntry, setChain } from "../../../../finality/chains.js";
import { homeAt, openHome } from "../../../../finality/home.js";
import type { ChainConfig } from "../../../../vote/chain.js";
import { countOfHeights, jsonOption } from "../../../arguments.js";
import { chainText, changes, warnOfContexts } from "../../../chain-text.js";
import { UsageError } from "../../../errors.js";
import { helpText, paragraphs } from "../../../help.js";
import { answer } from "../../../output.js";
import { homeOption } from "../../../secrets.js";

const DESCRIPTION = `Configures a chain. Of one that is configured already, only what is told changes, and is shown with what it was.

Chains of the v3 release line sign with contexts, which follow from the chain's id and the address of the module
that checks the signatures: give --contexts v3 with --module-address, and for proofs of possession
--staking-module-address. Contexts end with --contexts v4. Never change them while the chain runs. Votes that were signed before such a change stay the votes of their heights: the same
block with another context is another message, and refused.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home
tapstake fp chains set bbn-1 --min-count 8192
tapstake fp chains set bsn-old --contexts v3 \\
  --module-address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu
tapstake fp chains set bsn-old --min-count 500
`,
  refused: "an id that no chain can have, or chains.json is damaged",
});

export function command() {
  return new Command("set")
    .description(paragraphs(DESCRIPTION))
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
    .addHelpText("after", HELP)
    .action((id, { home, json, ...entry }) => {
      const asJson = json === true;
      const before = loadChains(homeAt(home)).get(id);
      checkContexts(entry, before);
      const now = setChain(openHome(home), id, entry);
      answer(asJson, { ...now, ...(before && { was: changes(before, now) }) }, () => chainText(now, before));
      if (before) warnOfContexts(before, now);
    });
}

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
