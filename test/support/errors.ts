import { expect } from "vitest";
import { type ErrorCode, TapstakeError } from "../../src/core/errors.js";

/** The TapstakeError by which a promise fails; the test fails when it does not, or by another code. */
export async function failure(promise: Promise<unknown>, code: ErrorCode): Promise<TapstakeError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(TapstakeError);
  expect((error as TapstakeError).code).toBe(code);
  return error as TapstakeError;
}
