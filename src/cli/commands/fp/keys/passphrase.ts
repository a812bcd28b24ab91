import { Command, InvalidArgumentError } from "@commander-js/extra-typings";
import { DEFAULT_SCRYPT } from "../../../../finality/keys/keyfile.js";
import { changePassphrase, showKey } from "../../../../finality/keys/keystore.js";
import { findHome } from "../../../../finality/home.js";
import { helpText, paragraphs } from "../../../help.js";
import { checkOneStandardInput } from "../../../input.js";
import { keyFacts } from "../../../key-text.js";
import { homeOption, jsonOption, passphraseOption, wholeNumber } from "../../../options.js";
import { answer } from "../../../output.js";
import { currentPassphrase, withPassphrase } from "../../../secrets.js";

const DESCRIPTION = `Encrypts a key anew, with another passphrase or at a higher cost of guessing it. The key stays the
same, and so does its randomness. Old copies of the file, in backups, still open with the old passphrase.`;

const MORE = `
The new passphrase is read from --new-passphrase-file, else from TAPSTAKE_NEW_PASSPHRASE, else
asked for. --scrypt-log2 is the cost: 17 takes about a third of a second and 128 MiB, and each step
more twice as much. Without it a cost that is higher than 17 stays, and a lower one becomes 17.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
TAPSTAKE_NEW_PASSPHRASE='a better phrase' tapstake fp keys passphrase validator-1 --scrypt-log2 18
`,
  more: MORE,
  refused: "no such key, a wrong passphrase, a new one of fewer than 8 characters",
});

export function command() {
  return new Command("passphrase")
    .description(paragraphs(DESCRIPTION))
    .argument("<key>", "its name, or its public key")
    .addOption(passphraseOption())
    .option("--new-passphrase-file <file>", "the new passphrase, on its first line; - for standard input")
    .option("--scrypt-log2 <number>", "the cost of guessing: 17 to 20", scryptLog2)
    .addOption(homeOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (name, options) => {
      const { passphraseFile, newPassphraseFile, scryptLog2: log2 } = options;
      checkOneStandardInput(passphraseFile, newPassphraseFile);
      const home = findHome(options.home);
      showKey(home, name);
      const next = {
        file: newPassphraseFile,
        variable: "TAPSTAKE_NEW_PASSPHRASE",
        option: "--new-passphrase-file",
        question: "The new passphrase",
        isNew: true,
      } as const;
      const scrypt = log2 === undefined ? undefined : { ...DEFAULT_SCRYPT, n: 2 ** log2 };
      const changed = await withPassphrase(currentPassphrase(passphraseFile), (old) =>
        withPassphrase(next, (passphrase) => changePassphrase(home, name, old, { passphrase, scrypt })),
      );
      const key = keyFacts(changed);
      answer(
        options.json === true,
        { ...key, scrypt: changed.scrypt },
        () => `key ${key.name} has a new passphrase`,
      );
    });
}

function scryptLog2(text: string): number {
  const log2 = wholeNumber(text);
  if (log2 < 17 || log2 > 20) throw new InvalidArgumentError("expected 17 to 20.");
  return log2;
}
