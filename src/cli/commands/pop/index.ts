import { groupCommand, type LazyCommands } from "../../command.js";

const COMMANDS: LazyCommands = {
  make: { summary: "by a secret key, or by any wallet", load: () => import("./make.js") },
  verify: { summary: "judge one as the staking chain does", load: () => import("./verify.js") },
};

const DESCRIPTION = `Proofs of possession: that the owner of a Bitcoin key chose an account of the staking chain.

Registering a stake or a finality provider asks for one. There are three kinds: bip340, by any signer of digests;
bip322, by a wallet with a P2WPKH or Taproot address; ecdsa, by a wallet that signs messages the older way. The key of
a finality provider that is in its home signs by tapstake fp pop.`;

const EXAMPLES = `
tapstake pop make --help
tapstake pop verify --help
`;

export const command = (args: readonly string[]) =>
  groupCommand("pop", { description: DESCRIPTION, examples: EXAMPLES }, COMMANDS, args);
