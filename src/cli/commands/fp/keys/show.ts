import { Command } from "@commander-js/extra-typings";
import { showKey } from "../../../../finality/keys/keystore.js";
import { findHome } from "../../../../finality/home.js";
import { helpText, paragraphs } from "../../../help.js";
import { keyFacts, keyText } from "../../../key-text.js";
import { homeOption, jsonOption } from "../../../options.js";
import { answer } from "../../../output.js";

const DESCRIPTION = `Shows what is known of one key, named or by its public key. Nothing here is secret.`;

const MORE = `
Two lines of it say more than they seem to:
  origin      an imported key may have signed elsewhere: it votes only from a height that is set
  derivation  how the randomness of its votes follows from it: never changes under a key`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
tapstake fp keys new validator-1
tapstake fp keys show validator-1
`,
  more: MORE,
  refused: "no such key, or a damaged key file",
});

export function command() {
  return new Command("show")
    .description(paragraphs(DESCRIPTION))
    .argument("<key>", "its name, or its public key")
    .addOption(homeOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action((key, options) => {
      answer(options.json === true, keyFacts(showKey(findHome(options.home), key)), keyText);
    });
}
