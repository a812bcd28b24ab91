import { Argument } from "@commander-js/extra-typings";
import { newCommand } from "../command.js";
import { completionOf, SHELLS } from "../completion.js";
import { say } from "../output.js";
import { walk } from "../walk.js";

const COMPLETION = {
  description: `Prints a script that completes the names of commands, options and choices with the Tab key.

The shell loads it when it starts: docs/recipes.md says from where.`,
  examples: `
tapstake completion bash > tapstake.bash
tapstake completion zsh > _tapstake
tapstake completion fish > tapstake.fish
`,
  refused: "does not happen; an unknown shell is wrong usage",
};

export const command = () =>
  newCommand("completion", COMPLETION)
    .addArgument(new Argument("<shell>", "bash, zsh or fish").choices(SHELLS))
    .action(async (shell) => say(completionOf(shell, await walk())));
