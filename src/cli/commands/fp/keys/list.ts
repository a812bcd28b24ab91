import { Command } from "@commander-js/extra-typings";
import { listKeys } from "../../../../finality/keystore.js";
import { jsonOption } from "../../../arguments.js";
import { helpText, paragraphs } from "../../../help.js";
import { keyFacts } from "../../../key-text.js";
import { answer, table } from "../../../output.js";
import { enterHome, homeOption } from "../../../secrets.js";

const DESCRIPTION = `Lists the keys of the home. Nothing here is secret, and no passphrase is needed; so what a file
says is taken on trust until its key is unlocked.`;

const HELP = helpText({
  examples: `
tapstake fp keys list
tapstake fp keys list --json
`,
  refused: "a damaged key file, or one that others can reach",
});

export function command() {
  return new Command("list")
    .description(paragraphs(DESCRIPTION))
    .addOption(homeOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action((options) => {
      const home = enterHome(options.home);
      answer(options.json === true, { keys: listKeys(home).map(keyFacts) }, ({ keys }) =>
        keys.length === 0
          ? `no keys in ${home.keysFolder}: make one with tapstake fp keys new`
          : table(keys.map(({ name, publicKey, origin }) => [name, `${publicKey}  ${origin}`])),
      );
    });
}
