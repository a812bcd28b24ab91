import { groupCommand, type LazyCommands } from "../../../command.js";

const COMMANDS: LazyCommands = {
  new: { summary: "make a key from fresh words", load: () => import("./new.js") },
  import: { summary: "bring in a key from words or a hex secret", load: () => import("./import.js") },
  list: { summary: "all keys, without secrets", load: () => import("./list.js") },
  show: { summary: "one key, without its secret", load: () => import("./show.js") },
  passphrase: {
    summary: "encrypt a key anew: another passphrase, costlier to guess",
    load: () => import("./passphrase.js"),
  },
  export: { summary: "print a key's secret", load: () => import("./export.js") },
  delete: { summary: "remove a key", load: () => import("./delete.js") },
};

const DESCRIPTION = `Makes, imports and looks after the keys that a finality provider votes with.

Each key is a file in the home, encrypted with a passphrase. A passphrase is read from --passphrase-file, else from
TAPSTAKE_PASSPHRASE, else asked for; it is never an argument, because every process can read arguments. The same
holds for words and secrets.`;

const EXAMPLES = `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
tapstake fp keys new validator-1
tapstake fp keys list
`;

export const command = (args: readonly string[]) =>
  groupCommand("keys", { description: DESCRIPTION, examples: EXAMPLES }, COMMANDS, args);
