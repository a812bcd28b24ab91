import { groupCommand, type LazyCommands } from "../../command.js";

const COMMANDS: LazyCommands = {
  key: { summary: "make a staker's key, or show its public key", load: () => import("./key.js") },
  create: { summary: "terms and coins in, a delegation and a PSBT out", load: () => import("./create.js") },
  sign: { summary: "add the staker's signatures: by secret, or any wallet", load: () => import("./sign.js") },
  combine: { summary: "put copies together that others signed", load: () => import("./combine.js") },
  check: { summary: "hold every rule; what is signed, what is missing", load: () => import("./check.js") },
  broadcast: { summary: "finish the staking transaction and send it", load: () => import("./broadcast.js") },
};

const DESCRIPTION = `Stakes bitcoin: from terms and coins to a staking transaction in a block.

All of it is in one file, the delegation: terms, parameters, transactions and the signatures so far. Each step takes
it, checks it, and writes more into it. In this order:

1. stake create builds the delegation, and a PSBT for the wallet that has the coins.

2. stake sign adds the staker's signatures of both slashing transactions.

3. The committee signs, each member with covenant sign; stake combine puts their copies together.

4. The wallet signs the PSBT, and stake broadcast sends it. Not before: without the committee's signatures nobody
can unbond.

Then the stake ends by unbond and withdraw, or by slash.`;

const EXAMPLES = `
tapstake stake create --help
tapstake stake sign --help
tapstake stake broadcast --help
`;

export const command = (args: readonly string[]) =>
  groupCommand("stake", { description: DESCRIPTION, examples: EXAMPLES }, COMMANDS, args);
