import { Command } from "@commander-js/extra-typings";
import { helpText, paragraphs } from "../../../help.js";
import { addCommands, type LazyCommands } from "../../../lazy.js";

const COMMANDS: LazyCommands = {
  list: { summary: "the chains that are configured", load: () => import("./list.js") },
  set: { summary: "configure a chain, or do it again", load: () => import("./set.js") },
  remove: { summary: "forget a chain's configuration", load: () => import("./remove.js") },
};

const DESCRIPTION = `Says what is particular to a chain: the fewest heights that a commitment may cover, and on the older v3
release line the contexts that every signature begins with.

A chain that is not configured commits to any number of heights and has no contexts. It is all in chains.json in
the home.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home
tapstake fp chains set bbn-1 --min-count 8192
tapstake fp chains list
`,
  refused: "standard error says why, and the code of the error",
});

export async function command(args: readonly string[]) {
  const chains = new Command("chains").description(paragraphs(DESCRIPTION)).addHelpText("after", HELP);
  await addCommands(chains, COMMANDS, args);
  return chains;
}
