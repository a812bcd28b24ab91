import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { hex } from "../../../core/bytes.js";
import { TapstakeError } from "../../../core/errors.js";
import { findHome } from "../../../finality/home.js";
import { DEFAULT_SCRYPT } from "../../../finality/keys/keyfile.js";
import {
  changePassphrase,
  type DamagedKey,
  deleteKey,
  listKeys,
  showKey,
  unlockKey,
} from "../../../finality/keys/keystore.js";
import { type Described, groupCommand, type LazyCommands, newCommand } from "../../command.js";
import { UsageError } from "../../errors.js";
import { keyFacts, keyListText, keyText } from "../../format/key.js";
import { checkOneStandardInput } from "../../input.js";
import {
  homeOption,
  jsonOption,
  passphraseCommandOption,
  passphraseOption,
  wholeNumber,
  yesOption,
} from "../../options.js";
import { answer, note } from "../../output.js";
import { currentPassphrase, isWatched, mustAgree, mustType, withPassphrase } from "../../secrets.js";

const newKeys = () => import("./new-keys.js");

const COMMANDS: LazyCommands = {
  new: { summary: "Make a key from 24 fresh words", load: async () => (await newKeys()).newKey },
  import: {
    summary: "Import a key from words or from a hexadecimal secret",
    load: async () => (await newKeys()).importKey,
  },
  list: { summary: "List all keys, without secrets", load: () => list },
  show: { summary: "Show one key, without its secret", load: () => show },
  passphrase: {
    summary: "Change the passphrase of a key",
    load: () => passphrase,
  },
  export: { summary: "Print the secret of a key", load: () => exportSecret },
  delete: { summary: "Delete a key", load: () => remove },
};

const GROUP = {
  description: `A finality provider votes with these keys. Each is one file in the home, encrypted with a passphrase.`,
  examples: `
tapstake fp keys new validator-1
tapstake fp keys list
`,
  topics: ["home", "secrets"],
} as const;

/** The keys of a home. */
export const command = (args: readonly string[]) => groupCommand("keys", GROUP, COMMANDS, args);

/** A command about one key of the home. */
const keyCommand = (name: string, about: Described) =>
  newCommand(name, about).argument("<key>", "name or public key of the key");

const LIST = {
  description: `Needs no passphrase, so tapstake cannot verify a key file here: unlocking verifies it.

A key whose file is damaged, or that others can reach, is listed with the code of its error. Standard error explains
it, and the exit code is 1. You can still use the other keys.`,
  examples: `
tapstake fp keys list
`,
  topics: ["home"],
  refused: "a damaged key file, or one that others can reach",
} as const;

const list = () =>
  newCommand("list", LIST)
    .addOption(homeOption())
    .addOption(jsonOption())
    .action((options) => {
      const home = findHome(options.home);
      const { keys, damaged } = listKeys(home);
      const facts = {
        keys: keys.map(keyFacts),
        damaged: damaged.map(({ name, error: { code, message } }) => ({ name, code, message })),
      };
      answer(options.json === true, facts, () =>
        keys.length + damaged.length === 0
          ? `no keys in ${home.keysFolder}. Do: make one with tapstake fp keys new`
          : keyListText(facts),
      );
      if (damaged.length > 0) throw damageError(damaged);
    });

function damageError(damaged: readonly DamagedKey[]): TapstakeError {
  const names = damaged.map(({ name }) => name);
  const [first] = damaged;
  const message =
    damaged.length === 1
      ? first!.error.message
      : `${damaged.length} keys cannot be used:\n${damaged.map(({ error }) => `  ${error.message}`).join("\n")}`;
  return new TapstakeError(first!.error.code, message, { names });
}

const SHOW = {
  description: `origin: an imported key may have signed elsewhere, so it votes only from a height that you set (fp protection init).
derivation: how the randomness of its votes follows from the key. It never changes.`,
  examples: `
tapstake fp keys show validator-1
`,
  topics: ["home"],
  refused: "no such key, or a damaged key file",
} as const;

const show = () =>
  keyCommand("show", SHOW)
    .addOption(homeOption())
    .addOption(jsonOption())
    .action((key, options) => {
      answer(options.json === true, keyFacts(showKey(findHome(options.home), key)), keyText);
    });

const PASSPHRASE = {
  description: `Encrypts the key file again, with another passphrase or a higher cost of guessing it. The key and its randomness stay the
same. Old copies of the file, in backups, still open with the old passphrase.`,
  examples: `
TAPSTAKE_NEW_PASSPHRASE='a better phrase' tapstake fp keys passphrase validator-1
`,
  more: `--scrypt-log2 17 takes about a third of a second and 128 MiB; each step doubles both. Without
it, the cost stays, but is at least 17.`,
  topics: ["secrets"],
  refused: "no such key, a wrong passphrase, or a new one of fewer than 8 characters",
} as const;

const passphrase = () =>
  keyCommand("passphrase", PASSPHRASE)
    .addOption(passphraseOption())
    .addOption(passphraseCommandOption())
    .option("--new-passphrase-file <file>", "new passphrase, first line; - for standard input")
    .addOption(
      new Option("--new-passphrase-command <cmd>", "program that prints the new passphrase").conflicts(
        "newPassphraseFile",
      ),
    )
    .option("--scrypt-log2 <number>", "cost of guessing, 17 to 20", scryptLog2)
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (name, options) => {
      const { passphraseFile, newPassphraseFile, scryptLog2: log2 } = options;
      checkOneStandardInput(passphraseFile, newPassphraseFile);
      const home = findHome(options.home);
      showKey(home, name);
      const next = {
        file: newPassphraseFile,
        command: options.newPassphraseCommand,
        commandOption: "--new-passphrase-command",
        variable: "TAPSTAKE_NEW_PASSPHRASE",
        option: "--new-passphrase-file",
        question: "The new passphrase",
        isNew: true,
      } as const;
      const scrypt = log2 === undefined ? undefined : { ...DEFAULT_SCRYPT, n: 2 ** log2 };
      const changed = await withPassphrase(currentPassphrase(options), (old) =>
        withPassphrase(next, (given) => changePassphrase(home, name, old, { passphrase: given, scrypt })),
      );
      const facts = { ...keyFacts(changed), scrypt: changed.scrypt };
      answer(options.json === true, facts, () => `key ${facts.name} has a new passphrase`);
    });

function scryptLog2(text: string): number {
  const log2 = wholeNumber(text);
  if (log2 < 17 || log2 > 20) throw new InvalidArgumentError("It must be 17 to 20.");
  return log2;
}

const EXPORT = {
  description: `Danger: a second signer with this key can vote differently, and two votes at one height reveal the key. To move a key, stop
the signer here for good, and take its votes along (tapstake fp protection export).

Prints 64 hexadecimal digits, or with --json all that another home needs.`,
  examples: `
(umask 077 && tapstake fp keys export validator-1 --yes --json > secret.json)
`,
  topics: ["secrets", "home"],
  refused: "no such key, a wrong passphrase, or not confirmed",
} as const;

const exportSecret = () =>
  keyCommand("export", EXPORT)
    .addOption(passphraseOption())
    .addOption(passphraseCommandOption())
    .addOption(yesOption())
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (name, options) => {
      const home = findHome(options.home);
      const { publicKey } = showKey(home, name);
      note(
        `tapstake will print the secret of ${hex.encode(publicKey)}. Anyone who sees it can vote with it, and two different votes at one height give the stake away. Never run it in two places.`,
      );
      await mustAgree("Print the secret?", options.yes === true);
      const key = await withPassphrase(currentPassphrase(options), (given) => unlockKey(home, name, given));
      const secretKey = hex.encode(key.secretKey);
      key.wipe();
      answer(options.json === true, { ...keyFacts(key), secretKey }, (facts) => facts.secretKey);
    });

const DELETE = {
  description: `Danger: without its words or an export, the key is lost for good. Its stakes stay locked and slashable. Its commitments stand,
and only this key can vote under them: the chain jails a provider that does not vote.

Stop a running signer first. At a terminal, type the key's name; otherwise give --yes and the passphrase. The home keeps
the vote history, so a key that comes back still cannot vote twice.`,
  examples: `
tapstake fp keys delete validator-1 --yes
`,
  topics: ["secrets", "home"],
  refused: "no such key, a signer runs, a wrong passphrase, or another name than the key's",
} as const;

const remove = () =>
  keyCommand("delete", DELETE)
    .addOption(passphraseOption())
    .addOption(passphraseCommandOption())
    .addOption(yesOption())
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (nameOrPublicKey, options) => {
      const home = findHome(options.home);
      const { name, publicKey } = showKey(home, nameOrPublicKey);
      if (!options.yes) await mustTypeName(name, publicKey);
      const key = options.yes
        ? await withPassphrase(currentPassphrase(options), (given) => deleteKey(home, name, given))
        : deleteKey(home, name, null);
      const deleted = keyFacts(key);
      answer(options.json === true, { deleted }, () => `deleted key ${deleted.name} (${deleted.publicKey})`);
    });

async function mustTypeName(name: string, publicKey: Uint8Array): Promise<void> {
  if (!isWatched()) throw new UsageError("no terminal to ask at: give --yes, and the passphrase");
  await mustType(name, {
    warning: `Stakes delegated to ${hex.encode(publicKey)} stay locked. Without the key, no vote counts for them.`,
    message: `Type ${name} to delete it`,
  });
}
