import { groupCommand, type LazyCommands } from "../../command.js";

const stake = () => import("./stake.js");
const provider = () => import("./provider.js");

const COMMANDS: LazyCommands = {
  "create-delegation": { summary: "a stake", load: async () => (await stake()).createDelegation },
  "inclusion-proof": {
    summary: "that a stake is in a block",
    load: async () => (await stake()).inclusionProof,
  },
  expand: { summary: "a stake that expands another", load: async () => (await stake()).expand },
  undelegate: { summary: "that a stake was spent", load: async () => (await stake()).undelegate },
  "covenant-signatures": {
    summary: "what a committee member signed",
    load: async () => (await stake()).covenantSignatures,
  },
  "finality-provider": {
    summary: "a finality provider",
    load: async () => (await provider()).finalityProvider,
  },
  "commit-randomness": {
    summary: "randomness that a provider commits to",
    load: async () => (await provider()).commitRandomness,
  },
  "finality-vote": { summary: "a provider's vote", load: async () => (await provider()).finalityVote },
  "selective-slashing": {
    summary: "a key that the slashing of one stake gave away",
    load: async () => (await provider()).selectiveSlashing,
  },
  equivocation: { summary: "two votes at one height", load: async () => (await provider()).equivocation },
  show: {
    summary: "read any of these messages, and check it",
    load: async () => (await import("./show.js")).show,
  },
};

const GROUP = {
  description: `The messages of the staking chain, made from the files of the other commands and checked as the chain will.

Each prints its message: the fields, and the bytes for a transaction of the chain. --message prints it as JSON with
typeUrl and value (base64), which a client of the chain takes as it is. Signing and sending the chain's transactions is
for such a client.`,
  examples: `
tapstake register create-delegation --help
tapstake register show --help
`,
};

/** The messages of the staking chain: of a stake's life, of a finality provider's, and read again. */
export const command = (args: readonly string[]) => groupCommand("register", GROUP, COMMANDS, args);
