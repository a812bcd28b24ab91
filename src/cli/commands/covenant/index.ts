import { groupCommand, type LazyCommands } from "../../command.js";

const COMMANDS: LazyCommands = {
  check: { summary: "whether a member may sign a delegation", load: () => import("./check.js") },
  sign: { summary: "sign all that a member signs", load: () => import("./sign.js") },
};

const DESCRIPTION = `What a committee member does with a delegation: check every rule, and sign.

A member signs the unbonding, and both slashings for each finality provider in a form that only the provider's own
leaked key can finish: the committee cannot slash on its own.`;

const EXAMPLES = `
tapstake covenant check --help
tapstake covenant sign --help
`;

export const command = (args: readonly string[]) =>
  groupCommand("covenant", { description: DESCRIPTION, examples: EXAMPLES }, COMMANDS, args);
