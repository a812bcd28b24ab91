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
import {
  chainHeights,
  homeOption,
  jsonOption,
  parseKey,
  passphraseCommandOption,
  passphraseOption,
  wholeNumber,
  yesOption,
} from "../../options.js";
import type { DaemonFlags } from "./import-daemons.js";
import { answer, section, tell } from "../../output.js";
import {
  ask,
  askSecret,
  currentPassphrase,
  isWatched,
  type PassphraseFlags,
  readSecretLine,
  warnOfReaders,
  withPassphrase,
} from "../../secrets.js";

const NAME = ["<name>", "name for the key: a-z, 0-9, and . _ - between them"] as const;

/** The new passphrase for a key. */
const newPassphrase = (flags: PassphraseFlags, question: string) => ({
  ...currentPassphrase(flags),
  question,
  isNew: true,
});

const NEW = {
  description: `Encrypts the key with a passphrase, and shows the words (BIP-39) once. Write them on paper: anyone with the words has the key,
and only the words restore it if the home is lost.

At a terminal, tapstake asks for some of the words before it makes the key. Otherwise, or with --no-confirm, it prints them.
Never run one key in two places: two signers cannot see each other's votes.`,
  examples: `
tapstake fp keys new validator-2
`,
  topics: ["secrets", "home"],
  refused: "the name exists, the passphrase is too short, or the words were not confirmed",
} as const;

/** `fp keys new` */
export const newKey = () =>
  newCommand("new", NEW)
    .argument(...NAME)
    .option("--path <path>", "derivation path of the key (BIP-32)", DEFAULT_PATH)
    .option("--no-confirm", "print the words with the answer instead of asking for them")
    .addOption(passphraseOption())
    .addOption(passphraseCommandOption())
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (name, { path, confirm, home, json, ...flags }) => {
      checkNewName(peekHome(home), name);
      const source = newPassphrase(flags, "A passphrase for the new key");
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

/** @throws TapstakeError `cancelled` unless the user can name three of the words */
async function mustRepeat(mnemonic: string): Promise<void> {
  tell(`\nWrite these words down. They are not shown again.\n\n${numberedWords(mnemonic)}\n`);
  const words = mnemonic.split(" ");
  for (const index of threeOf(words.length)) {
    const isRight = async () => {
      if ((await ask(`Word ${index + 1}`)).trim().toLowerCase() === words[index]) return true;
      tell(`That is not word ${index + 1}.`);
      return false;
    };
    // Anyone may mistype. Without the words at hand, the third guess is no better.
    if ((await isRight()) || (await isRight()) || (await isRight())) continue;
    throw new TapstakeError(
      "cancelled",
      `that is not word ${index + 1}, so no key was made. Do: begin again`,
    );
  }
}

/** Three different positions, in order. */
function threeOf(length: number): number[] {
  const chosen = new Set<number>();
  while (chosen.size < 3) chosen.add(randomInt(length));
  return [...chosen].sort((a, b) => a - b);
}

const IMPORT = {
  description: `Danger: an imported key may have signed elsewhere. Stop every other signer with this key, for good, before it votes here.
Then tapstake fp protection init sets the height from which it may vote.

Words give one key per path. The Go key manager (eotsd) used the root by default, --path m; its releases 0.10 to 0.12 used
the default below. Add --public-key to refuse any key but the one that you expect.`,
  examples: `
# words: a file with the 12 to 24 words alone
tapstake fp keys import old-validator --mnemonic-file words --path m

# secret.json: from tapstake fp keys export --json
tapstake fp keys import moved --secret-file secret.json
`,
  more: `--secret-file holds 64 hexadecimal digits, or the JSON of fp keys export. tapstake keeps the secret
unchanged: n minus it has the same public key but other randomness, and cannot use its commitments.
--eotsd and --fpd take the votes and commitments of the Go daemons along (docs/migration.md).`,
  topics: ["secrets", "home"],
  refused: "invalid words or secret, not the key of --public-key, or the name or key exists",
} as const;

/** `fp keys import` */
export const importKey = () =>
  newCommand("import", IMPORT)
    .argument(...NAME)
    .addOption(
      new Option("--mnemonic-file <file>", "words (BIP-39); - for standard input").conflicts("secretFile"),
    )
    .option("--secret-file <file>", "secret key, or an export; - for standard input")
    .option("--path <path>", `derivation path of the key (default: ${DEFAULT_PATH})`)
    .option("--bip39-passphrase-file <file>", "passphrase of the words; - for standard input")
    .addOption(
      new Option("--eotsd <dir>", "folder of a stopped eotsd: its key and its votes").conflicts([
        "mnemonicFile",
        "secretFile",
        "path",
        "derivationVersion",
      ]),
    )
    .option("--fpd <dir>", "folder of a stopped fpd: its commitments too")
    .option("--keyring-passphrase-file <file>", "passphrase of eotsd's keyring")
    .addOption(
      new Option("--keyring-passphrase-command <cmd>", "program that prints it").conflicts(
        "keyringPassphraseFile",
      ),
    )
    .addOption(
      new Option(
        "--last-vote <chain=height>",
        "the key's last vote on a chain; it begins above (repeatable)",
      ).argParser(chainHeights),
    )
    .addOption(yesOption())
    .option("--public-key <key>", "expected public key; refuse any other")
    .option("--derivation-version <number>", "version of the derivation of randomness", wholeNumber)
    .addOption(passphraseOption())
    .addOption(passphraseCommandOption())
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (name, options) => {
      const { mnemonicFile, secretFile, bip39PassphraseFile, passphraseFile } = options;
      const { keyringPassphraseFile } = options;
      checkOneStandardInput(
        mnemonicFile,
        secretFile,
        bip39PassphraseFile,
        passphraseFile,
        keyringPassphraseFile,
      );
      const wanted = options.publicKey === undefined ? undefined : parseKey(options.publicKey, "public key");
      checkNewName(peekHome(options.home), name);
      const source = newPassphrase(options, "A passphrase for the key in this home");
      if (options.eotsd !== undefined) {
        const { importFromDaemons } = await import("./import-daemons.js");
        return importFromDaemons({ name, wanted, passphrase: source }, options);
      }
      checkForDaemons(options);
      const { secretKey, path, derivationVersion } = await readSecret(options);
      try {
        if (wanted) checkWanted(secretKey, wanted, path);
        else if (isWatched()) tell(publicKeyText(secretKey, path));
        if (options.fpd !== undefined) {
          const { importFromDaemons } = await import("./import-daemons.js");
          return await importFromDaemons({ name, wanted, passphrase: source, secretKey }, options);
        }
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
          "\nBefore its first vote, set the height from which it may vote: tapstake fp protection init --help",
        );
      }
    });

/** @throws UsageError for options that say something of daemons that are not named */
function checkForDaemons(options: DaemonFlags): void {
  const { fpd, keyringPassphraseFile, keyringPassphraseCommand, lastVote, yes } = options;
  if (keyringPassphraseFile !== undefined || keyringPassphraseCommand !== undefined)
    throw new UsageError("the passphrase of a keyring is for --eotsd: give both");
  if ((lastVote !== undefined || yes !== undefined) && fpd === undefined)
    throw new UsageError("--last-vote and --yes are for --eotsd and --fpd; else use fp protection init");
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
    throw new UsageError(
      "--path and --bip39-passphrase-file are for words, and this is a secret: leave them out",
    );
  }
  if (!text.trimStart().startsWith("{")) {
    return { secretKey: hex.decode(text.trim(), 32, "secret key"), derivationVersion };
  }
  const exported = exportedKey(text);
  if (derivationVersion !== undefined && derivationVersion !== exported.derivationVersion) {
    exported.secretKey.fill(0);
    throw new UsageError("--derivation-version differs from that of the exported key: leave it out");
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
  throw new UsageError("no key to import: give --mnemonic-file or --secret-file");
}

/** Shows the key for comparison, while Ctrl-C still changes nothing. */
function publicKeyText(secretKey: Uint8Array, path: string | undefined): string {
  const where = path === undefined ? "" : ` at path ${path}`;
  return `The public key${where} is ${hex.encode(publicKeyOf(secretKey))}.\nIf you expect another key, stop here (Ctrl-C): nothing was stored.`;
}

function checkWanted(secretKey: Uint8Array, wanted: Uint8Array, path: string | undefined): void {
  const got = publicKeyOf(secretKey);
  if (equalBytes(got, wanted)) return;
  const other = path === "m" ? `the default, ${DEFAULT_PATH}` : "--path m";
  const hint =
    path === undefined
      ? ""
      : ` at path ${path}. Do: try ${other}, or the path of the tool that made the words`;
  const keys = { expected: hex.encode(wanted), got: hex.encode(got) };
  throw new TapstakeError(
    "key-mismatch",
    `--public-key is ${keys.expected}, but the key is ${keys.got}${hint}`,
    keys,
  );
}
