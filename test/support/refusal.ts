import { expect } from "vitest";
import { type ErrorCode, TapstakeError } from "../../src/core/errors.js";

/** The error that `run` throws, which must be a TapstakeError with `code`. */
export function refusal(code: ErrorCode, run: () => unknown): TapstakeError {
  let caught: unknown;
  try {
    run();
  } catch (error) {
    caught = error;
  }
  expect(caught, `expected a refusal: ${code}`).toBeInstanceOf(TapstakeError);
  const error = caught as TapstakeError;
  expect(error.code).toBe(code);
  return error;
}
