import { Command } from "@commander-js/extra-typings";
import { helpText, paragraphs } from "../../help.js";
import { addCommands, type LazyCommands } from "../../lazy.js";

const COMMANDS: LazyCommands = {
  keys: {
    summary: "make, import and look after keys",
    load: () => import("./keys/index.js"),
  },
};

const DESCRIPTION = `Runs a finality provider: who votes on the blocks of a chain, with a key that two different votes
at one height give away.

All of it lives in one folder, the home: --home, else TAPSTAKE_HOME, else ~/.tapstake. Nobody but its owner may be
able to reach it.`;

const HELP = helpText({
  examples: `
tapstake fp keys --help
tapstake fp keys list
`,
  refused: "standard error says why, and the code of the error",
});

export async function command(args: readonly string[]) {
  const fp = new Command("fp").description(paragraphs(DESCRIPTION)).addHelpText("after", HELP);
  await addCommands(fp, COMMANDS, args);
  return fp;
}
