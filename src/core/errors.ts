import type { ERROR_CODES } from "./error-codes.js";

/** One of `ERROR_CODES`. Callers switch on the code; people read the message. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** What an error is about, as data. Never holds a secret. */
export type ErrorDetails = Readonly<Record<string, string | number | bigint | boolean | readonly string[]>>;

/**
 * The error that tapstake throws for everything that a caller can act on. The message says what is wrong with which
 * value, and what to do; `details` says the same as data.
 */
export class TapstakeError extends Error {
  override readonly name = "TapstakeError";
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = details;
  }
}

/** A short description of a value of the wrong type, for messages. Never shows its content. */
export function describeType(value: unknown): string {
  if (value === null) return "null";
  if (value instanceof Uint8Array) return value.length === 1 ? "1 byte" : `${value.length} bytes`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value;
}
