import { groupCommand, type LazyCommands } from "../../../command.js";

const COMMANDS: LazyCommands = {
  show: { summary: "the marks of every key and chain", load: () => import("./show.js") },
  check: { summary: "whether what is remembered can be trusted", load: () => import("./check.js") },
  init: { summary: "begin with a key that has signed before", load: () => import("./init.js") },
  export: { summary: "the history of votes, to take elsewhere", load: () => import("./export.js") },
  import: { summary: "merge a history from elsewhere", load: () => import("./import.js") },
  prune: { summary: "forget old votes, and never sign there again", load: () => import("./prune.js") },
};

const DESCRIPTION = `Looks after what keeps a key from voting twice at one height.

For each key and chain the home remembers every vote, a lowest height below which nothing is signed, and the
highest height that was signed. The highest is kept in two places, so that a store that was lost, or restored from
a copy, is noticed and refused. What nobody can notice from here: a copy of the whole home, or the same words
on another machine. Run one signer a key.`;

const EXAMPLES = `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
tapstake fp protection show
tapstake fp protection check
`;

export const command = (args: readonly string[]) =>
  groupCommand("protection", { description: DESCRIPTION, examples: EXAMPLES }, COMMANDS, args);
