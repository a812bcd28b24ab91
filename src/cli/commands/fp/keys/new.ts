import { randomInt } from "node:crypto";
import { Command } from "@commander-js/extra-typings";
import { TapstakeError } from "../../../../core/errors.js";
import { checkNewName, createKey } from "../../../../finality/keys/keystore.js";
import { DEFAULT_PATH, newMnemonic, secretFromMnemonic } from "../../../../finality/keys/mnemonic.js";
import { openHome, peekHome } from "../../../../finality/home.js";
import { helpText, paragraphs } from "../../../help.js";
import { keyFacts, keyText } from "../../../key-text.js";
import { homeOption, jsonOption, passphraseOption } from "../../../options.js";
import { answer, section, tell } from "../../../output.js";
import { ask, currentPassphrase, isWatched, readPassphrase } from "../../../secrets.js";

const DESCRIPTION = `Makes a key from 24 fresh words (BIP-39) and keeps it encrypted with a passphrase.

The words are shown once. Whoever has them has the key, and they are all that brings it back when the home is lost:
write them on paper. A person at the terminal is asked for some of them before the key is made; otherwise, and with
--no-confirm, they are printed with the answer.

Never run one key in two places: two signers cannot see each other's votes.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home
(umask 077 && echo 'correct horse battery staple' > passphrase)
tapstake fp keys new validator-1 --passphrase-file passphrase
tapstake fp keys new validator-2 --passphrase-file passphrase --json
`,
  refused: "the name is taken, the passphrase is too short, the words were not confirmed",
});

export function command() {
  return new Command("new")
    .description(paragraphs(DESCRIPTION))
    .argument("<name>", "lower-case letters, digits, and . _ - between them")
    .option("--path <path>", "where in the tree of the words the key is (BIP-32)", DEFAULT_PATH)
    .option("--no-confirm", "print the words with the answer, and do not ask for them")
    .addOption(passphraseOption())
    .addOption(homeOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (name, { path, confirm, ...options }) => {
      checkNewName(peekHome(options.home), name);
      const question = "A passphrase for the new key";
      const source = { ...currentPassphrase(options.passphraseFile), question, isNew: true };
      const passphrase = await readPassphrase(source);
      const mnemonic = newMnemonic();
      const secretKey = secretFromMnemonic(mnemonic, path);
      try {
        const confirmed = confirm && isWatched();
        if (confirmed) await mustRepeat(mnemonic);
        const made = { name, passphrase, secretKey, origin: "generated", path } as const;
        const facts = keyFacts(createKey(openHome(options.home), made));
        if (confirmed) answer(options.json === true, facts, keyText);
        else {
          answer(options.json === true, { ...facts, mnemonic }, ({ mnemonic: words, ...key }) =>
            [
              keyText(key),
              section("\nWrite these words down: they are not shown again", numbered(words)),
            ].join("\n"),
          );
        }
      } finally {
        passphrase.fill(0);
        secretKey.fill(0);
      }
    });
}

/** @throws TapstakeError `cancelled` unless the person can name three of the words */
async function mustRepeat(mnemonic: string): Promise<void> {
  tell(`\nWrite these words down. They are not shown again.\n\n${numbered(mnemonic)}\n`);
  const words = mnemonic.split(" ");
  for (const index of threeOf(words.length)) {
    const isRight = async () => {
      if ((await ask(`Word ${index + 1}`)).trim().toLowerCase() === words[index]) return true;
      tell(`That is not word ${index + 1}.`);
      return false;
    };
    // Anyone may mistype; who has no words to look at, guesses no better the third time.
    if ((await isRight()) || (await isRight()) || (await isRight())) continue;
    throw new TapstakeError("cancelled", `that is not word ${index + 1}: no key was made; begin again`);
  }
}

/** Three different positions, in order. */
function threeOf(length: number): number[] {
  const chosen = new Set<number>();
  while (chosen.size < 3) chosen.add(randomInt(length));
  return [...chosen].sort((a, b) => a - b);
}

/** Four words a line. */
function numbered(mnemonic: string): string {
  return mnemonic
    .split(" ")
    .map((word, i) => `${String(i + 1).padStart(2)} ${word.padEnd(9)}${i % 4 === 3 ? "\n" : ""}`)
    .join(" ")
    .replace(/\s*\n ?/g, "\n")
    .trimEnd();
}
