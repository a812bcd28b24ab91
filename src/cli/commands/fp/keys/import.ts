import { Command, Option } from "@commander-js/extra-typings";
import { equalBytes, hex } from "../../../../core/bytes.js";
import { TapstakeError } from "../../../../core/errors.js";
import { publicKeyOf } from "../../../../core/keys.js";
import { checkNewName, createKey } from "../../../../finality/keys/keystore.js";
import { DEFAULT_PATH, secretFromMnemonic } from "../../../../finality/keys/mnemonic.js";
import { openHome, peekHome } from "../../../../finality/home.js";
import { UsageError } from "../../../errors.js";
import { exportedKey } from "../../../exported-key.js";
import { helpText, paragraphs } from "../../../help.js";
import { checkOneStandardInput, readText } from "../../../input.js";
import { keyFacts, keyText } from "../../../key-text.js";
import { homeOption, jsonOption, parseKey, passphraseOption, wholeNumber } from "../../../options.js";
import { answer, tell } from "../../../output.js";
import {
  askSecret,
  currentPassphrase,
  isWatched,
  readSecretLine,
  warnOfReaders,
  withPassphrase,
} from "../../../secrets.js";

const DESCRIPTION = `Brings in a key from BIP-39 words or from its secret in hexadecimal, and keeps it encrypted with a
passphrase. Words and secrets come from a file, from standard input or from a prompt, never from an argument.

An imported key may have signed elsewhere. Stop every other signer that has it, for good, before it votes here: two
signers cannot see each other's votes, and one vote too many gives the key away. Its protection asks from which
height on it may sign.

Words of another tool give its key only at its path. The keys add of the Go key manager (eotsd) used the tree's root
unless it was given a path: say --path m; only its releases 0.10 to 0.12 used the default of this command. With
--public-key nothing is imported but the key that you mean.`;

const MORE = `
The file of --mnemonic-file holds the words alone, in their order, on one line or several. What keys
new prints has more around them, with --json too: copy the words out of it.

The file of --secret-file holds 64 hexadecimal digits, or what tapstake fp keys export --json
printed. The secret is kept as it is given: n minus it has the same public key, but other
randomness, and so cannot keep its commitments.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && echo 'zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong' > words)
tapstake fp keys import old-validator --mnemonic-file words --path m
echo 0000000000000000000000000000000000000000000000000000000000000003 |
  tapstake fp keys import three --secret-file - \\
    --public-key f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9
`,
  more: MORE,
  refused: "no valid words or secret, not the key of --public-key, a name or key already there",
});

export function command() {
  return new Command("import")
    .description(paragraphs(DESCRIPTION))
    .argument("<name>", "lower-case letters, digits, and . _ - between them")
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
    .addHelpText("after", HELP)
    .action(async (name, options) => {
      const { mnemonicFile, secretFile, bip39PassphraseFile, passphraseFile } = options;
      checkOneStandardInput(mnemonicFile, secretFile, bip39PassphraseFile, passphraseFile);
      const wanted = options.publicKey === undefined ? undefined : parseKey(options.publicKey, "public key");
      checkNewName(peekHome(options.home), name);
      const imported = await readSecret(options);
      const { secretKey, path, derivationVersion } = imported;
      try {
        if (wanted) checkWanted(secretKey, wanted, path);
        else if (isWatched()) tell(publicKeyText(secretKey, path));
        const question = "A passphrase for the key in this home";
        const source = { ...currentPassphrase(passphraseFile), question, isNew: true };
        const key = { name, secretKey, origin: "imported", path, derivationVersion } as const;
        const created = await withPassphrase(source, (passphrase) =>
          createKey(openHome(options.home), { ...key, passphrase }),
        );
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
}

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
  throw new TapstakeError(
    "key-mismatch",
    `expected the key ${hex.encode(wanted)}, got ${hex.encode(got)}${hint}`,
    { expected: hex.encode(wanted), got: hex.encode(got) },
  );
}
