import { groupCommand, type LazyCommands } from "../../command.js";

const COMMANDS: LazyCommands = {
  keys: {
    summary: "make, import and look after keys",
    load: () => import("./keys/index.js"),
  },
  chains: {
    summary: "what is particular to a chain: the least commitment, signing contexts",
    load: () => import("./chains/index.js"),
  },
  commit: { summary: "promise the randomness of a range of heights", load: () => import("./commit.js") },
  commitments: { summary: "what was promised so far", load: () => import("./commitments.js") },
  proof: { summary: "the proof of one height's randomness", load: () => import("./proof.js") },
  vote: { summary: "sign a block of a height, once", load: () => import("./vote.js") },
  protection: {
    summary: "what keeps the key from signing twice: marks, history, moving machines",
    load: () => import("./protection/index.js"),
  },
  status: { summary: "whether a signer daemon answers, and to us", load: () => import("./status.js") },
  pop: { summary: "prove that a key and an account belong together", load: () => import("./pop/index.js") },
  "verify-commit": { summary: "whether a commitment is signed", load: () => import("./verify-commit.js") },
  "verify-vote": { summary: "whether a vote counts", load: () => import("./verify-vote.js") },
  serve: {
    summary: "sign for finality-provider software over gRPC",
    load: () => import("./serve.js"),
  },
  unlock: {
    summary: "open a key of a running signer",
    load: () => import("./unlock.js"),
  },
};

const DESCRIPTION = `Runs a finality provider: who votes on the blocks of a chain, with a key that two different votes
at one height give away.

All of it lives in one folder, the home: --home, else TAPSTAKE_HOME, else ~/.tapstake. Nobody but its owner may be
able to reach it.`;

const EXAMPLES = `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
tapstake fp keys list
`;

export const command = (args: readonly string[]) =>
  groupCommand("fp", { description: DESCRIPTION, examples: EXAMPLES }, COMMANDS, args);
