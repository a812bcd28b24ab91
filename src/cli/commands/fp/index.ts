import { groupCommand, type LazyCommands } from "../../command.js";

const commitments = () => import("./commitments.js");
const daemon = () => import("./daemon.js");
const verify = () => import("./verify.js");

const COMMANDS: LazyCommands = {
  keys: { summary: "Make, import and manage keys", load: () => import("./keys.js") },
  chains: {
    summary: "Configure a chain: fewest heights per commitment, signing contexts",
    load: () => import("./chains.js"),
  },
  commit: {
    summary: "Commit to the public randomness of a range of heights",
    load: async () => (await commitments()).commit,
  },
  commitments: {
    summary: "List the commitments of this home",
    load: async () => (await commitments()).commitments,
  },
  proof: {
    summary: "Prove that a height's randomness is in its commitment",
    load: async () => (await commitments()).proof,
  },
  vote: { summary: "Sign a vote for a block, one block per height", load: () => import("./vote.js") },
  protection: {
    summary: "Show, begin, move or prune the vote history",
    load: () => import("./protection.js"),
  },
  arbiter: {
    summary: "Vote with one key from several machines, through etcd",
    load: () => import("./arbiter.js"),
  },
  status: {
    summary: "Check that the signer runs and that your key is unlocked",
    load: async () => {
      const { status } = await import("./status.js");
      return () => status();
    },
  },
  pop: { summary: "Prove that a key and an account belong together", load: () => import("./pop.js") },
  "verify-commit": {
    summary: "Verify the signature of a commitment",
    load: async () => (await verify()).verifyCommit,
  },
  "verify-vote": { summary: "Verify that a vote counts", load: async () => (await verify()).verifyVote },
  serve: {
    summary: "Run a signer for finality-provider software, over gRPC",
    load: async () => (await daemon()).serve,
  },
  unlock: { summary: "Unlock a key of a running signer", load: async () => (await daemon()).unlock },
};

const GROUP = {
  description: `A finality provider votes on the blocks of a chain. Two different votes at one height reveal its secret key.

One folder, the home, holds its keys and its vote history. Only its owner may reach it.`,
  examples: `
tapstake fp keys new validator-1
tapstake fp keys list
`,
  topics: ["home", "secrets"],
} as const;

/** The commands of a finality provider's operator. */
export const command = (args: readonly string[]) => groupCommand("fp", GROUP, COMMANDS, args);
