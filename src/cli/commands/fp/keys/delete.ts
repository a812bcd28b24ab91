import { hex } from "../../../../core/bytes.js";
import { findHome } from "../../../../finality/home.js";
import { deleteKey, showKey } from "../../../../finality/keys/keystore.js";
import { UsageError } from "../../../errors.js";
import { agreedKeyCommand } from "../../../fp-options.js";
import { helpText } from "../../../help.js";
import { keyFacts } from "../../../key-text.js";
import { answer } from "../../../output.js";
import { currentPassphrase, isWatched, mustType, withPassphrase } from "../../../secrets.js";

const DESCRIPTION = `Removes a key's file from the home. Without its words or an export, the key is gone for good.

The stakes that are delegated to the key stay locked and slashable as they were, and its commitments to randomness
stand: only this key can vote under them, and a provider that does not vote is jailed. What the home remembers of
its votes stays too, so that a key that comes back still cannot vote twice.

A signer that runs on this home has to be stopped first: it may have the key open.

A person at the terminal types the key's name; otherwise --yes and the passphrase are needed.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new mistaken > words)
tapstake fp keys delete mistaken --yes
`,
  refused: "no such key, a signer runs, a wrong passphrase, another name than the key's",
});

export const command = () =>
  agreedKeyCommand("delete", DESCRIPTION)
    .addHelpText("after", HELP)
    .action(async (nameOrPublicKey, options) => {
      const home = findHome(options.home);
      const { name, publicKey } = showKey(home, nameOrPublicKey);
      const remove = (passphrase: Uint8Array | null) => deleteKey(home, name, passphrase);
      if (!options.yes) await mustTypeName(name, publicKey);
      const key = options.yes
        ? await withPassphrase(currentPassphrase(options.passphraseFile), remove)
        : remove(null);
      const deleted = keyFacts(key);
      answer(options.json === true, { deleted }, () => `deleted key ${deleted.name} (${deleted.publicKey})`);
    });

async function mustTypeName(name: string, publicKey: Uint8Array): Promise<void> {
  if (!isWatched()) throw new UsageError("nobody to ask: give --yes, and the passphrase");
  await mustType(name, {
    warning: `Stakes delegated to ${hex.encode(publicKey)} stay as they are; without the key nobody votes for them.`,
    message: `Type ${name} to delete it`,
  });
}
