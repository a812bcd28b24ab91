import { groupCommand, type LazyCommands } from "../../../command.js";

const COMMANDS: LazyCommands = {
  list: { summary: "the chains that are configured", load: () => import("./list.js") },
  set: { summary: "configure a chain, or do it again", load: () => import("./set.js") },
  remove: { summary: "forget a chain's configuration", load: () => import("./remove.js") },
};

const DESCRIPTION = `Says what is particular to a chain: the fewest heights that a commitment may cover, and on the older v3
release line the contexts that every signature begins with.

A chain that is not configured commits to any number of heights and has no contexts. It is all in chains.json in
the home.`;

const EXAMPLES = `
export TAPSTAKE_HOME=./home
tapstake fp chains set bbn-1 --min-count 8192
tapstake fp chains list
`;

export const command = (args: readonly string[]) =>
  groupCommand("chains", { description: DESCRIPTION, examples: EXAMPLES }, COMMANDS, args);
