import type { CommanderError } from "@commander-js/extra-typings";
import { TapstakeError } from "../core/errors.js";
import { tellOf } from "./output.js";

/** The command line itself was wrong: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A mistake in the command line, with where to read more. */
export function withHelp(error: CommanderError | UsageError, path: readonly string[]): UsageError {
  const code = "code" in error ? error.code : "";
  // The help was the answer already.
  if (code === "commander.help") return new UsageError("");
  const message = error.message
    .replace(/^error: /, "")
    .replace(/\s*\n\s*/g, " ")
    .replace(/\.$/, "")
    // What stands after the "=" of an option that there is not may be a secret.
    .replace(/(unknown option '[^'=]*)=[^]*'/, "$1'");
  return new UsageError(`${message}; see ${["tapstake", ...path, "--help"].join(" ")}`);
}

/**
 * Says on standard error what went wrong, without a stack trace.
 * @returns the exit code
 */
export function reportError(error: unknown): number {
  const { code, message, details, exitCode } = describe(error);
  if (message !== "") tellOf({ error: { code, message, details } }, `tapstake: ${code}: ${message}`);
  return exitCode;
}

function describe(error: unknown) {
  if (error instanceof TapstakeError) {
    const { code, message, details } = error;
    return { code, message: [message, ...wayOut(error)].join("; "), details, exitCode: 1 };
  }
  if (error instanceof UsageError) return { code: "usage", message: error.message, details: {}, exitCode: 2 };
  const what = error instanceof Error ? error.message : String(error);
  return { code: "internal-error", message: `a bug in tapstake: ${what}`, details: {}, exitCode: 1 };
}

/** The option that helps, where there is one: the library knows of none. */
function wayOut({ code, details }: TapstakeError): string[] {
  if (code === "no-fee-estimate") return ["say what to pay with --fee-rate"];
  if (code === "commitment-overlap") {
    return [
      "if no earlier one reached the chain, a running daemon signs another and keeps the first: tapstake fp commit --remote --allow-overlap --out",
    ];
  }
  if (code === "insufficient-funds" && "unconfirmed" in details)
    return ["--allow-unconfirmed spends them too"];
  if (code === "node-refused" && GONE.test(String(details["reason"]))) {
    return ["what it spends is not there, or was spent before: tapstake stake check says where the stake is"];
  }
  return [];
}

/** As nodes say it, and those that index addresses. */
const GONE = /bad-txns-inputs-missingorspent|missing inputs/i;

/** What the system says of a file, in words. */
export const fileReason = (code: string): string => REASONS[code] ?? code;

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EEXIST: "it is there already, and is not replaced",
  EISDIR: "it is a folder",
  ENOTDIR: "its folder is a file",
};
