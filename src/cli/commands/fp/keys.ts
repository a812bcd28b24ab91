import { InvalidArgumentError } from "@commander-js/extra-typings";
import { hex } from "../../../core/bytes.js";
import { TapstakeError } from "../../../core/errors.js";
import { findHome } from "../../../finality/home.js";
import { DEFAULT_SCRYPT } from "../../../finality/keys/keyfile.js";
import {
  changePassphrase,
  type DamagedKey,
  deleteKey,
  exportKey,
  listKeys,
  showKey,
} from "../../../finality/keys/keystore.js";
import { lockHome } from "../../../finality/protection/lock.js";
import { type Described, groupCommand, type LazyCommands, newCommand } from "../../command.js";
import { UsageError } from "../../errors.js";
import { keyFacts, keyListText, keyText } from "../../format/key.js";
import { checkOneStandardInput } from "../../input.js";
import { homeOption, jsonOption, passphraseOption, wholeNumber, yesOption } from "../../options.js";
import { answer, note } from "../../output.js";
import { currentPassphrase, isWatched, mustAgree, mustType, withPassphrase } from "../../secrets.js";

const newKeys = () => import("./new-keys.js");

const COMMANDS: LazyCommands = {
  new: { summary: "make a key from fresh words", load: async () => (await newKeys()).newKey },
  import: {
    summary: "bring in a key from words or a hex secret",
    load: async () => (await newKeys()).importKey,
  },
  list: { summary: "all keys, without secrets", load: () => list },
  show: { summary: "one key, without its secret", load: () => show },
  passphrase: {
    summary: "encrypt a key anew: another passphrase, costlier to guess",
    load: () => passphrase,
  },
  export: { summary: "print a key's secret", load: () => exportSecret },
  delete: { summary: "remove a key", load: () => remove },
};

const GROUP = {
  description: `Makes, imports and looks after the keys that a finality provider votes with.

Each key is a file in the home, encrypted with a passphrase. A passphrase is read from --passphrase-file, else from
TAPSTAKE_PASSPHRASE, else asked for; it is never an argument, because every process can read arguments. The same
holds for words and secrets.`,
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
tapstake fp keys new validator-1
tapstake fp keys list
`,
};

/** The keys of a home. */
export const command = (args: readonly string[]) => groupCommand("keys", GROUP, COMMANDS, args);

/** A command about one key of the home. */
const keyCommand = (name: string, about: Described) =>
  newCommand(name, about).argument("<key>", "its name, or its public key");

const LIST = {
  description: `Lists the keys of the home. Nothing here is secret, and no passphrase is needed; so what a file
says is taken on trust until its key is unlocked.

A key whose file is damaged, or open to others, is listed with the code of what is wrong, which is explained on
standard error; the exit code is 1 then, as somebody has to see to it. The other keys can be used.`,
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
tapstake fp keys list
tapstake fp keys list --json
`,
  refused: "a damaged key file, or one that others can reach",
};

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
          ? `no keys in ${home.keysFolder}: make one with tapstake fp keys new`
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
  description: `Shows what is known of one key, named or by its public key. Nothing here is secret.`,
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
tapstake fp keys new validator-1
tapstake fp keys show validator-1
`,
  more: `
Two lines of it say more than they seem to:
  origin      an imported key may have signed elsewhere: it votes only from a height that is set
  derivation  how the randomness of its votes follows from it: never changes under a key`,
  refused: "no such key, or a damaged key file",
};

const show = () =>
  keyCommand("show", SHOW)
    .addOption(homeOption())
    .addOption(jsonOption())
    .action((key, options) => {
      answer(options.json === true, keyFacts(showKey(findHome(options.home), key)), keyText);
    });

const PASSPHRASE = {
  description: `Encrypts a key anew, with another passphrase or at a higher cost of guessing it. The key stays the
same, and so does its randomness. Old copies of the file, in backups, still open with the old passphrase.`,
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
TAPSTAKE_NEW_PASSPHRASE='a better phrase' tapstake fp keys passphrase validator-1 --scrypt-log2 18
`,
  more: `
The new passphrase is read from --new-passphrase-file, else from TAPSTAKE_NEW_PASSPHRASE, else
asked for. --scrypt-log2 is the cost: 17 takes about a third of a second and 128 MiB, and each step
more twice as much. Without it a cost that is higher than 17 stays, and a lower one becomes 17.`,
  refused: "no such key, a wrong passphrase, a new one of fewer than 8 characters",
};

const passphrase = () =>
  keyCommand("passphrase", PASSPHRASE)
    .addOption(passphraseOption())
    .option("--new-passphrase-file <file>", "the new passphrase, on its first line; - for standard input")
    .option("--scrypt-log2 <number>", "the cost of guessing: 17 to 20", scryptLog2)
    .addOption(homeOption())
    .addOption(jsonOption())
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
        withPassphrase(next, (given) => changePassphrase(home, name, old, { passphrase: given, scrypt })),
      );
      const facts = { ...keyFacts(changed), scrypt: changed.scrypt };
      answer(options.json === true, facts, () => `key ${facts.name} has a new passphrase`);
    });

function scryptLog2(text: string): number {
  const log2 = wholeNumber(text);
  if (log2 < 17 || log2 > 20) throw new InvalidArgumentError("expected 17 to 20.");
  return log2;
}

const EXPORT = {
  description: `Prints a key's secret on standard output: 64 hexadecimal digits, or with --json all that another
home needs to know of the key.

Once a second signer has the key, nothing here can keep the two from voting differently. To move a key, stop the
signer here for good, and take its votes along (tapstake fp protection export).

From then on the key counts as new nowhere: here it goes on where it votes already, and needs
tapstake fp protection init for its first vote on every other chain.`,
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
(umask 077 && tapstake fp keys export validator-1 --yes --json > secret.json)
TAPSTAKE_HOME=./new-home tapstake fp keys import validator-1 --secret-file secret.json
`,
  refused: "no such key, a wrong passphrase, nobody who agrees, a signer runs",
};

const exportSecret = () =>
  keyCommand("export", EXPORT)
    .addOption(passphraseOption())
    .addOption(yesOption())
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (name, options) => {
      const home = findHome(options.home);
      const { publicKey } = showKey(home, name);
      // What is refused in the end is refused before anyone is asked.
      lockHome(home).release();
      note(
        `The secret of ${hex.encode(publicKey)} is about to be printed. Whoever sees it can vote with it, and two different votes at one height give the stake away. Never run it in two places.`,
      );
      await mustAgree("Print the secret?", options.yes === true);
      const key = await withPassphrase(currentPassphrase(options.passphraseFile), (given) =>
        exportKey(home, name, given),
      );
      const secretKey = hex.encode(key.secretKey);
      key.wipe();
      answer(options.json === true, { ...keyFacts(key), secretKey }, (facts) => facts.secretKey);
    });

const DELETE = {
  description: `Removes a key's file from the home. Without its words or an export, the key is gone for good.

The stakes that are delegated to the key stay locked and slashable as they were, and its commitments to randomness
stand: only this key can vote under them, and a provider that does not vote is jailed. What the home remembers of
its votes stays too, so that a key that comes back still cannot vote twice.

A signer that runs on this home has to be stopped first: it may have the key open.

A person at the terminal types the key's name; otherwise --yes and the passphrase are needed.`,
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new mistaken > words)
tapstake fp keys delete mistaken --yes
`,
  refused: "no such key, a signer runs, a wrong passphrase, another name than the key's",
};

const remove = () =>
  keyCommand("delete", DELETE)
    .addOption(passphraseOption())
    .addOption(yesOption())
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (nameOrPublicKey, options) => {
      const home = findHome(options.home);
      const { name, publicKey } = showKey(home, nameOrPublicKey);
      if (!options.yes) await mustTypeName(name, publicKey);
      const key = options.yes
        ? await withPassphrase(currentPassphrase(options.passphraseFile), (given) =>
            deleteKey(home, name, given),
          )
        : deleteKey(home, name, null);
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
