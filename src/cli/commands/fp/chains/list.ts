import { Command } from "@commander-js/extra-typings";
import { loadChains } from "../../../../finality/chains.js";
import { openHome } from "../../../../finality/home.js";
import { jsonOption } from "../../../arguments.js";
import { chainText } from "../../../chain-text.js";
import { helpText, paragraphs } from "../../../help.js";
import { answer } from "../../../output.js";
import { homeOption } from "../../../secrets.js";

const DESCRIPTION = `Lists the chains that are configured. Others can be voted on too: they have no contexts and no least
commitment.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home
tapstake fp chains list
tapstake fp chains list --json
`,
  refused: "chains.json is damaged, or open to others",
});

export function command() {
  return new Command("list")
    .description(paragraphs(DESCRIPTION))
    .addOption(homeOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action((options) => {
      const chains = [...loadChains(openHome(options.home)).values()];
      answer(options.json === true, { chains }, () =>
        chains.length === 0 ? "no chain is configured" : chains.map(chainText).join("\n\n"),
      );
    });
}
