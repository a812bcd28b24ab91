import type { ErrorCode, ErrorDetails } from "../core/errors.js";
import { tellOf } from "./output.js";

interface Warning {
  /** The code of the error that is to be feared. */
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: ErrorDetails;
}

/** Says in one line on standard error what does not stop a command, and that somebody has to see to. */
export function warn({ code, message, details = {} }: Warning): void {
  tellOf({ warning: { code, message, ...details } }, `tapstake: warning: ${message}`);
}
