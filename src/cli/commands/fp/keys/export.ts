import { hex } from "../../../../core/bytes.js";
import { findHome } from "../../../../finality/home.js";
import { exportKey, showKey } from "../../../../finality/keys/keystore.js";
import { lockHome } from "../../../../finality/protection/lock.js";
import { agreedKeyCommand } from "../../../fp-options.js";
import { helpText } from "../../../help.js";
import { keyFacts } from "../../../key-text.js";
import { answer, note } from "../../../output.js";
import { currentPassphrase, mustAgree, withPassphrase } from "../../../secrets.js";

const DESCRIPTION = `Prints a key's secret on standard output: 64 hexadecimal digits, or with --json all that another
home needs to know of the key.

Once a second signer has the key, nothing here can keep the two from voting differently. To move a key, stop the
signer here for good, and take its votes along (tapstake fp protection export).

From then on the key counts as new nowhere: here it goes on where it votes already, and needs
tapstake fp protection init for its first vote on every other chain.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
(umask 077 && tapstake fp keys export validator-1 --yes --json > secret.json)
TAPSTAKE_HOME=./new-home tapstake fp keys import validator-1 --secret-file secret.json
`,
  refused: "no such key, a wrong passphrase, nobody who agrees, a signer runs",
});

export const command = () =>
  agreedKeyCommand("export", DESCRIPTION)
    .addHelpText("after", HELP)
    .action(async (name, options) => {
      const home = findHome(options.home);
      const { publicKey } = showKey(home, name);
      // Before anyone is told, or asked, of what is refused in the end.
      lockHome(home).release();
      note(
        `The secret of ${hex.encode(publicKey)} is about to be printed. Whoever sees it can vote with it, and two different votes at one height give the stake away. Never run it in two places.`,
      );
      await mustAgree("Print the secret?", options.yes === true);
      const key = await withPassphrase(currentPassphrase(options.passphraseFile), (passphrase) =>
        exportKey(home, name, passphrase),
      );
      const secretKey = hex.encode(key.secretKey);
      key.wipe();
      answer(options.json === true, { ...keyFacts(key), secretKey }, (facts) => facts.secretKey);
    });
