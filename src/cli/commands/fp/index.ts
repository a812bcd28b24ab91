import { groupCommand, type LazyCommands } from "../../command.js";

const commitments = () => import("./commitments.js");
const daemon = () => import("./daemon.js");
const verify = () => import("./verify.js");

const COMMANDS: LazyCommands = {
  keys: { summary: "make, import and look after keys", load: () => import("./keys.js") },
  chains: {
    summary: "what is particular to a chain: the least commitment, signing contexts",
    load: () => import("./chains.js"),
  },
  commit: {
    summary: "promise the randomness of a range of heights",
    load: async () => (await commitments()).commit,
  },
  commitments: { summary: "what was promised so far", load: async () => (await commitments()).commitments },
  proof: { summary: "the proof of one height's randomness", load: async () => (await commitments()).proof },
  vote: { summary: "sign a block of a height, once", load: () => import("./vote.js") },
  protection: {
    summary: "what keeps the key from signing twice: watermarks, moving machines",
    load: () => import("./protection.js"),
  },
  status: {
    summary: "whether a signer daemon answers, and to us",
    load: async () => (await daemon()).status,
  },
  pop: { summary: "prove that a key and an account belong together", load: () => import("./pop.js") },
  "verify-commit": {
    summary: "whether a commitment is signed",
    load: async () => (await verify()).verifyCommit,
  },
  "verify-vote": { summary: "whether a vote counts", load: async () => (await verify()).verifyVote },
  serve: {
    summary: "sign for finality-provider software over gRPC",
    load: async () => (await daemon()).serve,
  },
  unlock: { summary: "open a key of a running signer", load: async () => (await daemon()).unlock },
};

const GROUP = {
  description: `Runs a finality provider: who votes on the blocks of a chain, with a key that two different votes
at one height give away.

All of it lives in one folder, the home: --home, else TAPSTAKE_HOME, else ~/.tapstake. Nobody but its owner may be
able to reach it.`,
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
tapstake fp keys list
`,
};

/** Everything that a finality provider's operator does. */
export const command = (args: readonly string[]) => groupCommand("fp", GROUP, COMMANDS, args);
