import { groupCommand, type LazyCommands } from "../../../command.js";

const COMMANDS: LazyCommands = {
  make: { summary: "sign an account with a key", load: () => import("./make.js") },
  verify: { summary: "check such a signature", load: () => import("./verify.js") },
};

const DESCRIPTION = `Proves that a finality provider's key and its account on the staking chain belong together.

The key signs the account's address (BIP-340, the kind whose btc_sig_type is 0): registering a provider asks for
it, so that nobody registers with another's key.`;

const EXAMPLES = `
tapstake fp pop make --help
tapstake fp pop verify --help
`;

export const command = (args: readonly string[]) =>
  groupCommand("pop", { description: DESCRIPTION, examples: EXAMPLES }, COMMANDS, args);
