import type { CommanderError } from "@commander-js/extra-typings";
import { adviceOf } from "../core/error-codes.js";
import { type ErrorCode, TapstakeError } from "../core/errors.js";
import { tellOf } from "./output.js";

/** The command line itself was wrong: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Ctrl-C at a question: exit code 130, as shells have it for an interrupt. */
export class Interrupted extends TapstakeError {
  constructor() {
    super("cancelled", "nothing was changed");
  }
}

/** An error in the command line, with where to read more. */
export function withHelp(error: CommanderError | UsageError, path: readonly string[]): UsageError {
  const code = "code" in error ? error.code : "";
  // The help was already the answer.
  if (code === "commander.help") return new UsageError("");
  const message = error.message
    .replace(/^error: /, "")
    .replace(/\s*\n\s*/g, " ")
    .replace(/\.$/, "")
    // Text after the "=" of an unknown option may be a secret.
    .replace(/(unknown option '[^'=]*)=[^]*'/, "$1'");
  return new UsageError(`${message}; see ${["tapstake", ...path, "--help"].join(" ")}`);
}

/**
 * Says on standard error what went wrong and what to do, without a stack trace.
 * @returns the exit code
 */
export function reportError(error: unknown): number {
  if (error instanceof TapstakeError) {
    const { code, message, details } = error;
    const remedy = REMEDY.exec(message)?.[1] ?? remedyOf(error);
    const help = `tapstake help ${code}`;
    const lines = [`tapstake: ${code}: ${message}`];
    if (!SAYS_WHAT_TO_DO.test(message)) lines.push(`Do: ${remedy}`);
    if (saysMore(code)) lines.push(`More: ${help}`);
    tellOf({ error: { code, message, do: remedy, help, details } }, lines.join("\n"));
    return error instanceof Interrupted ? 130 : 1;
  }
  if (error instanceof UsageError) {
    const { message } = error;
    if (message !== "")
      tellOf({ error: { code: "usage", message, details: {} } }, `tapstake: usage: ${message}`);
    return 2;
  }
  const message = `a bug in tapstake: ${error instanceof Error ? error.message : String(error)}`;
  tellOf({ error: { code: "internal-error", message, details: {} } }, `tapstake: internal-error: ${message}`);
  return 1;
}

/** A message that names a command or an option, or has the whole advice, needs no further advice. */
const SAYS_WHAT_TO_DO = /\btapstake [a-z]|(?:^|\s|\()--[a-z]|^What to do: |\. Do: /m;

/** The remedy for this case, at the end of a message. It is better than the code's advice. */
const REMEDY = /\. Do: (.+)$/s;

/** Whether the help of a code has more than the remedy: causes, or what never to do. */
function saysMore(code: ErrorCode): boolean {
  const { causes, never } = adviceOf(code);
  return causes !== undefined || never !== undefined;
}

/**
 * Runs `work`. If its error means that an option of this command is missing, the message names the option: the code's
 * advice does not know the command.
 */
export async function advising<T>(
  code: ErrorCode,
  advice: string | ((error: TapstakeError) => string),
  run: () => T | Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof TapstakeError) || error.code !== code || isTweak(error)) throw error;
    const remedy = typeof advice === "string" ? advice : advice(error);
    throw new TapstakeError(code, `${error.message}. Do: ${remedy}`, error.details, { cause: error });
  }
}

/** A wallet signed with the other one of its two keys. */
const isTweak = ({ details }: TapstakeError): boolean =>
  details["tweaked"] === true || details["untweaked"] === true;

/** The remedy: from what is known of the case, else the code's. The library knows no options. */
function remedyOf(error: TapstakeError): string {
  const { code, details } = error;
  if (isTweak(error)) {
    return "Ask the wallet again, with the options that `tapstake stake psbt --json` prints for it: they name the right one of its keys.";
  }
  if (code === "double-vote" && details["imported"] === true) {
    return "Stop every signer of this key now. If both votes can have left, follow “The key leaked” in docs/emergency.md.";
  }
  if (code === "insufficient-funds" && "unconfirmed" in details) {
    return "Wait for a confirmation, or spend the unconfirmed coins too with `--allow-unconfirmed`.";
  }
  if (code === "node-refused" && GONE.test(String(details["reason"]))) {
    return "What it spends is not there, or was spent before. With `--rpc` or `--esplora`, `tapstake stake check stake.json` says where the stake is.";
  }
  return adviceOf(code).do;
}

/** The words of nodes, and of address indexes. */
const GONE = /bad-txns-inputs-missingorspent|missing inputs/i;

/** The system's reason for a file error, in words. */
export const fileReason = (code: string): string => REASONS[code] ?? code;

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EEXIST: "it exists already, and tapstake does not replace it",
  EISDIR: "it is a folder",
  ENOTDIR: "its folder is a file",
};
