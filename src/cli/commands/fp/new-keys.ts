import { randomInt } from "node:crypto";
import { Option } from "@commander-js/extra-typings";
import { equalBytes, hex } from "../../../core/bytes.js";
import { TapstakeError } from "../../../core/errors.js";
import { publicKeyOf } from "../../../core/keys.js";
import { openHome, peekHome } from "../../../finality/home.js";
import { checkNewName, createKey } from "../../../finality/keys/keystore.js";
import { DEFAULT_PATH, newMnemonic, secretFromMnemonic } from "../../../finality/keys/mnemonic.js";
import { newCommand } from "../../command.js";
import { UsageError } from "../../errors.js";
import { exportedKey, keyFacts, keyText, numberedWords } from "../../format/key.js";
import { checkOneStandardInput, readText } from "../../input.js";
import { homeOption, jsonOption, parseKey, passphraseOption, wholeNumber } from "../../options.js";
import { answer, section, tell } from "../../output.js";
import {
  ask,
  askSecret,
  currentPassphrase,
  isWatched,
  readSecretLine,
  warnOfReaders,
  withPassphrase,
} from "../../secrets.js";

const NAME = ["<name>", "lower-case letters, digits, and . _ - between them"] as const;

/** A passphrase that a key is encrypted with from now on. */
const newPassphrase = (file: string | undefined, question: string) => ({
  ...currentPassphrase(file),
  question,
  isNew: true,
});

const NEW = {
  description: `Makes a key from 24 fresh words (BIP-39) and keeps it encrypted with a passphrase.

The words are shown once. Whoever has them has the key, and they are all that brings it back when the home is lost:
write them on paper. A person at the terminal is asked for some of them before the key is made; otherwise, and with
--no-confirm, they are printed with the answer.

Never run one key in two places: two signers cannot see each other's votes.`,
  examples: `
export TAPSTAKE_HOME=./home
(umask 077 && echo 'correct horse battery staple' > passphrase)
tapstake fp keys new validator-1 --passphrase-file passphrase
tapstake fp keys new validator-2 --passphrase-file passphrase --json
`,
  refused: "the name is taken, the passphrase is too short, the words were not confirmed",
};

/** `fp keys new` */
export const newKey = () =>
  newCommand("new", NEW)
    .argument(...NAME)
    .option("--path <path>", "where in the tree of the words the key is (BIP-32)", DEFAULT_PATH)
    .option("--no-confirm", "print the words with the answer, and do not ask for them")
    .addOption(passphraseOption())
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (name, { path, confirm, home, passphraseFile, json }) => {
      checkNewName(peekHome(home), name);
      const source = newPassphrase(passphraseFile, "A passphrase for the new key");
      await withPassphrase(source, async (passphrase) => {
        const mnemonic = newMnemonic();
        const secretKey = secretFromMnemonic(mnemonic, path);
        try {
          const confirmed = confirm && isWatched();
          if (confirmed) await mustRepeat(mnemonic);
          const key = { name, passphrase, secretKey, origin: "generated", path } as const;
          const facts = keyFacts(createKey(openHome(home), key));
          answer(json === true, confirmed ? facts : { ...facts, mnemonic }, () => {
            const words = section(
              "\nWrite these words down: they are not shown again",
              numberedWords(mnemonic),
            );
            return [keyText(facts), ...(confirmed ? [] : [words])].join("\n");
          });
        } finally {
          secretKey.fill(0);
        }
      });
    });

/** @throws TapstakeError `cancelled` unless the person can name three of the words */
async function mustRepeat(mnemonic: string): Promise<void> {
  tell(`\nWrite these words down. They are not shown again.\n\n${numberedWords(mnemonic)}\n`);
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

const IMPORT = {
  description: `Brings in a key from BIP-39 words or from its secret in hexadecimal, and keeps it encrypted with a
passphrase. Words and secrets come from a file, from standard input or from a prompt, never from an argument.

An imported key may have signed elsewhere. Stop every other signer that has it, for good, before it votes here: two
signers cannot see each other's votes, and one vote too many gives the key away. Its protection asks from which
height on it may sign.

Words of another tool give its key only at its path. The keys add of the Go key manager (eotsd) used the tree's root
unless it was given a path: say --path m; only its releases 0.10 to 0.12 used the default of this command. With
--public-key nothing is imported but the key that you mean.`,
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && echo 'zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong' > words)
tapstake fp keys import old-validator --mnemonic-file words --path m
echo 0000000000000000000000000000000000000000000000000000000000000003 |
  tapstake fp keys import three --secret-file - \\
    --public-key f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9
`,
  more: `
The file of --mnemonic-file holds the words alone, in their order, on one line or several. What keys
new prints has more around them, with --json too: copy the words out of it.

The file of --secret-file holds 64 hexadecimal digits, or what tapstake fp keys export --json
printed. The secret is kept as it is given: n minus it has the same public key, but other
randomness, and so cannot keep its commitments.`,
  refused: "no valid words or secret, not the key of --public-key, a name or key already there",
};

/** `fp keys import` */
export const importKey = () =>
  newCommand("import", IMPORT)
    .argument(...NAME)
    .addOption(
      new Option("--mnemonic-file <file>", "the words; - for standard input").conflicts("secretFile"),
    )
    .option("--secret-file <file>", "the secret; - for standard input")
    .option("--path <path>", `where in the tree of the words the key is (default: "${DEFAULT_PATH}")`)
    .option(
      "--bip39-passphrase-file <file>",
      "a passphrase that the words were chosen with; - for standard input",
    )
    .option("--public-key <key>", "refuse any other key than this")
    .option("--derivation-version <number>", "how the key's randomness is derived", wholeNumber)
    .addOption(passphraseOption())
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (name, options) => {
      const { mnemonicFile, secretFile, bip39PassphraseFile, passphraseFile } = options;
      checkOneStandardInput(mnemonicFile, secretFile, bip39PassphraseFile, passphraseFile);
      const wanted = options.publicKey === undefined ? undefined : parseKey(options.publicKey, "public key");
      checkNewName(peekHome(options.home), name);
      const { secretKey, path, derivationVersion } = await readSecret(options);
      try {
        if (wanted) checkWanted(secretKey, wanted, path);
        else if (isWatched()) tell(publicKeyText(secretKey, path));
        const source = newPassphrase(passphraseFile, "A passphrase for the key in this home");
        const created = await withPassphrase(source, (passphrase) => {
          const key = { name, passphrase, secretKey, origin: "imported", path, derivationVersion } as const;
          return createKey(openHome(options.home), key);
        });
        answer(options.json === true, keyFacts(created), keyText);
      } finally {
        secretKey.fill(0);
      }
      if (isWatched()) {
        tell(
          "\nIts protection needs to know from which height on it may sign: tapstake fp protection init --help",
        );
      }
    });

interface Sources {
  readonly mnemonicFile?: string | undefined;
  readonly secretFile?: string | undefined;
  readonly path?: string | undefined;
  readonly bip39PassphraseFile?: string | undefined;
  readonly derivationVersion?: number | undefined;
}

interface Imported {
  readonly secretKey: Uint8Array;
  readonly path?: string | undefined;
  readonly derivationVersion?: number | undefined;
}

async function readSecret(options: Sources): Promise<Imported> {
  const { mnemonicFile, secretFile, bip39PassphraseFile, derivationVersion } = options;
  const text = await readWordsOrSecret(mnemonicFile ?? secretFile);
  const isSecret = secretFile !== undefined || (mnemonicFile === undefined && !/\S\s+\S/.test(text));
  if (!isSecret) {
    const path = options.path ?? DEFAULT_PATH;
    const bip39Passphrase =
      bip39PassphraseFile === undefined ? "" : await readSecretLine(bip39PassphraseFile);
    return { secretKey: secretFromMnemonic(text, path, bip39Passphrase), path, derivationVersion };
  }
  if (options.path !== undefined || bip39PassphraseFile !== undefined) {
    throw new UsageError("--path and --bip39-passphrase-file go with words, not with a secret");
  }
  if (!text.trimStart().startsWith("{")) {
    return { secretKey: hex.decode(text.trim(), 32, "secret key"), derivationVersion };
  }
  const exported = exportedKey(text);
  if (derivationVersion !== undefined && derivationVersion !== exported.derivationVersion) {
    exported.secretKey.fill(0);
    throw new UsageError("--derivation-version contradicts the exported key, which says its own");
  }
  return exported;
}

async function readWordsOrSecret(file: string | undefined): Promise<string> {
  if (file !== undefined) {
    const text = await readText(file);
    if (file !== "-") await warnOfReaders(file);
    return text;
  }
  if (isWatched()) return askSecret("The words, or the secret in hexadecimal");
  throw new UsageError("give --mnemonic-file or --secret-file");
}

/** For who has the key before their eyes to compare, while Ctrl-C still leaves everything as it was. */
function publicKeyText(secretKey: Uint8Array, path: string | undefined): string {
  const where = path === undefined ? "" : ` at path ${path}`;
  return `The public key${where} is ${hex.encode(publicKeyOf(secretKey))}.\nIf that is not the key that you mean, stop here (Ctrl-C): nothing was stored.`;
}

function checkWanted(secretKey: Uint8Array, wanted: Uint8Array, path: string | undefined): void {
  const got = publicKeyOf(secretKey);
  if (equalBytes(got, wanted)) return;
  const other = path === "m" ? `the default, ${DEFAULT_PATH}` : "--path m";
  const hint =
    path === undefined
      ? ""
      : `; that is the words' key at path ${path}: try ${other}, or the path of the tool`;
  const keys = { expected: hex.encode(wanted), got: hex.encode(got) };
  throw new TapstakeError("key-mismatch", `expected the key ${keys.expected}, got ${keys.got}${hint}`, keys);
}
