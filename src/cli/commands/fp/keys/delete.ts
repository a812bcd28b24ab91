import { Command } from "@commander-js/extra-typings";
import { hex } from "../../../../core/bytes.js";
import { deleteKey } from "../../../../finality/key-deletion.js";
import { showKey } from "../../../../finality/keystore.js";
import { jsonOption } from "../../../arguments.js";
import { UsageError } from "../../../errors.js";
import { helpText, paragraphs } from "../../../help.js";
import { keyFacts } from "../../../key-text.js";
import { answer } from "../../../output.js";
import {
  ask,
  cancelled,
  currentPassphrase,
  enterHome,
  homeOption,
  isWatched,
  passphraseOption,
  readPassphrase,
  tell,
  yesOption,
} from "../../../secrets.js";

const DESCRIPTION = `Removes a key's file from the home. Without its words or an export, the key is gone for good.

The stakes that are delegated to the key stay locked and slashable as they were, and its commitments to randomness
stand: only this key can vote under them, and a provider that does not vote is jailed. What the home remembers of
its votes stays too, so that a key that comes back still cannot vote twice.

A signer that runs on this home has to be stopped first: it may have the key open.

A person at the terminal types the key's name; otherwise --yes and the passphrase are needed.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
tapstake fp keys new mistaken > words
tapstake fp keys delete mistaken --yes
`,
  refused: "no such key, a signer runs, a wrong passphrase, another name than the key's",
});

export function command() {
  return new Command("delete")
    .description(paragraphs(DESCRIPTION))
    .argument("<key>", "its name, or its public key")
    .addOption(passphraseOption())
    .addOption(yesOption())
    .addOption(homeOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (name, options) => {
      const home = enterHome(options.home);
      const key = showKey(home, name);
      const passphrase = options.yes
        ? await readPassphrase(currentPassphrase(options.passphraseFile))
        : await mustTypeName(key.name, key.publicKey);
      const deleted = keyFacts(deleteKey(home, key.name, passphrase));
      passphrase?.fill(0);
      answer(options.json === true, { deleted }, () => `deleted key ${deleted.name} (${deleted.publicKey})`);
    });
}

async function mustTypeName(name: string, publicKey: Uint8Array): Promise<null> {
  if (!isWatched()) throw new UsageError("nobody to ask: give --yes, and the passphrase");
  tell(
    `Stakes delegated to ${hex.encode(publicKey)} stay as they are; without the key nobody votes for them.`,
  );
  if ((await ask(`Type ${name} to delete it`)) !== name) throw cancelled();
  return null;
}
