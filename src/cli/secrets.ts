import { stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { confirm, isCancel, password, text } from "@clack/prompts";
import { utf8 } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { assertNewPassphrase, LEAST_CHARACTERS, passphraseBytes } from "../finality/keys/keyfile.js";
import { Interrupted, UsageError } from "./errors.js";
import { readText } from "./input.js";
import { tell, warn } from "./output.js";

/** Whether a person can be asked. Questions go to standard error: standard output is for the answer. */
export const isWatched = () => process.stdin.isTTY === true && process.stderr.isTTY === true;

export interface PassphraseSource {
  readonly file?: string | undefined;
  /** A command line that prints the passphrase, and the option that it was given with. */
  readonly command?: string | undefined;
  readonly commandOption?: string;
  /** Read if there is neither, then removed, so that no child process inherits it. */
  readonly variable: "TAPSTAKE_PASSPHRASE" | "TAPSTAKE_NEW_PASSPHRASE" | "TAPSTAKE_KEYRING_PASSPHRASE";
  readonly option: string;
  readonly question: string;
  /** For a passphrase that another program made a key of: it counts as that program takes it. */
  readonly isForeign?: boolean;
  /** The user types a new passphrase twice. */
  readonly isNew?: boolean;
}

/** Where the passphrase of an existing key is, by the options of the command. */
export interface PassphraseFlags {
  readonly passphraseFile?: string | undefined;
  readonly passphraseCommand?: string | undefined;
}

/** The passphrase of an existing key. */
export const currentPassphrase = (flags: PassphraseFlags): PassphraseSource => ({
  file: flags.passphraseFile,
  command: flags.passphraseCommand,
  commandOption: "--passphrase-command",
  variable: "TAPSTAKE_PASSPHRASE",
  option: "--passphrase-file",
  question: "Passphrase of the key",
});

/**
 * Reads a passphrase from a file, a command, the environment, or the terminal: never from an argument, which every
 * process of the machine can see. The caller must wipe it.
 * @throws TapstakeError `invalid-passphrase`, `file-error`, `passphrase-command-failed`, `cancelled`; UsageError if no
 * source has one
 */
export async function readPassphrase(source: PassphraseSource): Promise<Uint8Array> {
  const { file, command, commandOption = "", variable, option, question, isNew, isForeign } = source;
  const bytesOf = isForeign ? foreignBytes : passphraseBytes;
  const given = process.env[variable];
  delete process.env[variable];
  if (command !== undefined) {
    const { passphraseFrom } = await import("./passphrase-command.js");
    const printed = await passphraseFrom(command, commandOption, { isForeign });
    if (isNew) assertNewPassphrase(printed);
    return printed;
  }
  const known = file === undefined ? given : await readSecretLine(file);
  if (known !== undefined) {
    const lack = isNew && known !== "" ? lackOf(known) : undefined;
    if (lack !== undefined) throw new TapstakeError("invalid-passphrase", `the new passphrase: ${lack}`);
    return bytesOf(known);
  }
  if (!isWatched()) {
    throw new UsageError(`no terminal to ask for a passphrase at: give ${option} or ${variable}`);
  }
  return bytesOf(isNew ? await askNew(question) : await askSecret(question));
}

/** A passphrase of the Go daemons: without white space around it, and not normalised. */
const foreignBytes = (passphrase: string): Uint8Array => utf8(passphrase.trim());

const lackOf = (passphrase: string): string | undefined =>
  [...passphrase].length < LEAST_CHARACTERS
    ? `fewer than ${LEAST_CHARACTERS} characters. Choose a longer one`
    : undefined;

/** A passphrase that the user has typed twice alike. */
async function askNew(question: string): Promise<string> {
  for (;;) {
    const typed = await askSecret(question, lackOf);
    if ((await askSecret("The same again")) === typed) return typed;
    tell("The two differ. Type the passphrase again, or press Ctrl-C.");
  }
}

/**
 * The first line of a file, with a warning if others than its owner can read the file.
 * @throws TapstakeError `file-error`
 */
export async function readSecretLine(path: string): Promise<string> {
  const line = firstLine(await readText(path));
  if (path !== "-") await warnOfReaders(path);
  return line;
}

/** Warns of a file with a secret that others than its owner can read. */
export async function warnOfReaders(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const stats = await stat(path);
  // The mode of a systemd credential shows who is on its access list.
  const given = process.env["CREDENTIALS_DIRECTORY"];
  const isGiven = given !== undefined && dirname(resolve(path)) === resolve(given);
  if (stats.isFile() && (stats.mode & 0o077) !== 0 && !isGiven) {
    const message = `${path} holds a secret, and others can reach it. Do: chmod 600 ${path}`;
    warn({ code: "insecure-permissions", message });
  }
}

/** Calls `use` with a passphrase, and wipes it in every case; throws as {@link readPassphrase}. */
export async function withPassphrase<T>(
  source: PassphraseSource,
  use: (passphrase: Uint8Array) => T | Promise<T>,
): Promise<T> {
  const passphrase = await readPassphrase(source);
  try {
    return await use(passphrase);
  } finally {
    passphrase.fill(0);
  }
}

/** A terminal of unknown size says 0, and a question would take a line for each character. */
function widen(): void {
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.columns === 0) stream.columns = 80;
  }
}

/** @throws TapstakeError `cancelled` */
export async function askSecret(
  message: string,
  lack: (typed: string) => string | undefined = () => undefined,
): Promise<string> {
  widen();
  const validate = (typed: string | undefined) => (typed ? lack(typed) : "empty");
  return answered<string>(await password({ message, output: process.stderr, validate }));
}

/** @throws TapstakeError `cancelled` */
export async function ask(message: string): Promise<string> {
  widen();
  return answered<string | undefined>(await text({ message, output: process.stderr })) ?? "";
}

/**
 * Goes on after `--yes`, or if the user at the terminal agrees.
 * @throws TapstakeError `cancelled`; UsageError without a terminal
 */
export async function mustAgree(message: string, yes: boolean): Promise<void> {
  if (yes) return;
  if (!isWatched()) throw new UsageError("no terminal to ask at: give --yes");
  widen();
  if (!answered(await confirm({ message, initialValue: false, output: process.stderr }))) throw cancelled();
}

/**
 * Goes on after `--yes`, or if the user at the terminal types a text again after reading the risk: for decisions that
 * are too easy to agree to.
 * @throws TapstakeError `cancelled`; UsageError without a terminal
 */
export async function mustType(
  expected: string,
  { warning, message, yes }: { readonly warning: string; readonly message: string; readonly yes?: boolean },
): Promise<void> {
  if (yes) return;
  if (!isWatched()) throw new UsageError("no terminal to ask at: give --yes");
  tell(warning);
  if ((await ask(message)).trim() !== expected) throw cancelled();
}

/** The line without its end, which editors add. */
const firstLine = (content: string) => content.split(/\r?\n/, 1)[0]!;

export const cancelled = () => new TapstakeError("cancelled", "nothing was changed");

function answered<T>(answer: T | symbol): T {
  if (isCancel(answer)) throw new Interrupted();
  return answer as T;
}
