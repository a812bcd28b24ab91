import { describeType, TapstakeError } from "./errors.js";

/**
 * Checks that a value is an object: JavaScript callers pass the text of one, or nothing.
 * @param remedy what to give instead, a clause
 * @throws TapstakeError `invalid-argument`
 */
export function assertObject(value: unknown, name: string, remedy?: string): asserts value is object {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return;
  const text = `${name} must be an object, not ${describeType(value)}${remedy === undefined ? "" : `; ${remedy}`}`;
  throw new TapstakeError("invalid-argument", text);
}

/** Checks that a value is a list. @throws TapstakeError `invalid-argument` */
export function assertList(value: unknown, name: string): asserts value is readonly unknown[] {
  if (Array.isArray(value)) return;
  throw new TapstakeError("invalid-argument", `${name} must be a list, not ${describeType(value)}`);
}
