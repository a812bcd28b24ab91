import { groupCommand, type LazyCommands } from "../../command.js";

const COMMANDS: LazyCommands = {
  "create-delegation": { summary: "a stake", load: () => import("./create-delegation.js") },
  "inclusion-proof": { summary: "that a stake is in a block", load: () => import("./inclusion-proof.js") },
  expand: { summary: "a stake that expands another", load: () => import("./expand.js") },
  undelegate: { summary: "that a stake was spent", load: () => import("./undelegate.js") },
  "covenant-signatures": {
    summary: "what a committee member signed",
    load: () => import("./covenant-signatures.js"),
  },
  "finality-provider": { summary: "a finality provider", load: () => import("./finality-provider.js") },
  "commit-randomness": {
    summary: "randomness that a provider commits to",
    load: () => import("./commit-randomness.js"),
  },
  "finality-vote": { summary: "a provider's vote", load: () => import("./finality-vote.js") },
  "selective-slashing": {
    summary: "a key that the slashing of one stake gave away",
    load: () => import("./selective-slashing.js"),
  },
  equivocation: { summary: "two votes at one height", load: () => import("./equivocation.js") },
  show: { summary: "read any of these messages, and check it", load: () => import("./show.js") },
};

const DESCRIPTION = `The messages of the staking chain, made from the files of the other commands and checked as the chain will.

Each prints its message: the fields, and the bytes for a transaction of the chain. --message prints it as JSON with
typeUrl and value (base64), which a client of the chain takes as it is. Signing and sending the chain's transactions is
for such a client.`;

const EXAMPLES = `
tapstake register create-delegation --help
tapstake register show --help
`;

export const command = (args: readonly string[]) =>
  groupCommand("register", { description: DESCRIPTION, examples: EXAMPLES }, COMMANDS, args);
