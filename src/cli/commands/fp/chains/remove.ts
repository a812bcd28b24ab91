import { Command } from "@commander-js/extra-typings";
import { loadChains, removeChain } from "../../../../finality/chains.js";
import { findHome } from "../../../../finality/home.js";
import { jsonOption } from "../../../arguments.js";
import { warnOfContexts } from "../../../chain-text.js";
import { helpText, paragraphs } from "../../../help.js";
import { answer } from "../../../output.js";
import { homeOption } from "../../../secrets.js";

const DESCRIPTION = `Forgets what was configured for a chain. What was signed for it is remembered all the same. Where the chain had
signing contexts, votes are signed without one from then on, which a chain of the v3 release line does not count:
there is a warning.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home
tapstake fp chains set bbn-1 --min-count 8192
tapstake fp chains remove bbn-1
`,
  refused: "no such chain, or chains.json is damaged",
});

export function command() {
  return new Command("remove")
    .description(paragraphs(DESCRIPTION))
    .argument("<id>", "the chain's id")
    .addOption(homeOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action((id, options) => {
      const asJson = options.json === true;
      const home = findHome(options.home);
      const before = loadChains(home).get(id);
      removeChain(home, id);
      answer(asJson, { removed: id }, () => `removed chain ${id}`);
      if (before) warnOfContexts(before, undefined);
    });
}
