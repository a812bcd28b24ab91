import { groupCommand, type LazyCommands } from "../../command.js";

const stake = () => import("./stake.js");
const provider = () => import("./provider.js");
const reports = () => import("./reports.js");

const COMMANDS: LazyCommands = {
  "create-delegation": {
    summary: "Make the message that registers a stake",
    load: async () => (await stake()).createDelegation,
  },
  "inclusion-proof": {
    summary: "Make the message that proves a stake is in a block",
    load: async () => (await stake()).inclusionProof,
  },
  expand: {
    summary: "Make the message that registers an expansion",
    load: async () => (await stake()).expand,
  },
  undelegate: {
    summary: "Make the message that reports a spent stake",
    load: async () => (await stake()).undelegate,
  },
  "covenant-signatures": {
    summary: "Make the message with a committee member's signatures",
    load: async () => (await stake()).covenantSignatures,
  },
  "finality-provider": {
    summary: "Make the message that registers a finality provider",
    load: async () => (await provider()).finalityProvider,
  },
  "edit-provider": {
    summary: "Make the message that changes a finality provider",
    load: async () => (await provider()).editProvider,
  },
  unjail: {
    summary: "Make the message that ends a finality provider's time in jail",
    load: async () => (await provider()).unjail,
  },
  "commit-randomness": {
    summary: "Make the message that commits to randomness",
    load: async () => (await provider()).commitRandomness,
  },
  "finality-vote": {
    summary: "Make the message that casts a vote",
    load: async () => (await provider()).finalityVote,
  },
  "selective-slashing": {
    summary: "Make the message that reports a key which one slashing leaked",
    load: async () => (await provider()).selectiveSlashing,
  },
  equivocation: {
    summary: "Make the message that reports two votes at one height",
    load: async () => (await provider()).equivocation,
  },
  headers: {
    summary: "Make the message that reports Bitcoin's headers",
    load: async () => (await reports()).headers,
  },
  checkpoint: {
    summary: "Make the message that proves a checkpoint on Bitcoin",
    load: async () => (await reports()).checkpoint,
  },
  show: {
    summary: "Read one of these messages and check it",
    load: async () => (await import("./show.js")).show,
  },
};

const GROUP = {
  description: `Makes each message from the files of the other commands, and checks it as the chain does.

Prints the fields and the bytes. --message prints JSON with typeUrl and value (base64), which a client of the chain takes.
--check says what the chain would answer. --send signs the message with your account and sends it.`,
  examples: `
tapstake register create-delegation --help
tapstake register show --help
`,
  topics: ["files"],
} as const;

/** The messages of the staking chain: of a stake's life, of a finality provider's, and read again. */
export const command = (args: readonly string[]) => groupCommand("register", GROUP, COMMANDS, args);
