import { base64 } from "@scure/base";
import * as v from "valibot";
import { parseTransaction } from "../../bitcoin/transaction.js";
import type { Transaction } from "../../bitcoin/transaction-class.js";
import { hex } from "../../core/bytes.js";
import { type ErrorCode, TapstakeError } from "../../core/errors.js";
import { parseJson } from "../../core/json.js";
import { show } from "../../core/text.js";

/**
 * What a server answered, in its form. Takes the text, the whole answer, or what is in it under `name`.
 * @throws TapstakeError `invalid-json`; `details.path` says where
 */
export function readAnswer<Form extends v.GenericSchema>(
  form: Form,
  answer: unknown,
  name: string,
): v.InferOutput<Form> {
  const json = typeof answer === "string" ? parseJson(answer, name) : answer;
  const value = isWhole(json, name) ? json[name] : json;
  const result = v.safeParse(form, value, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = name + (issue.path ?? []).map(({ key }) => step(key)).join("");
  const says = issue.type === "custom" || issue.type === "check" || issue.type === "regex";
  const expected = says ? issue.message : issue.expected;
  throw wrong("invalid-json", path, `must be ${expected}, not ${shown(issue.input)}`);
}

const isWhole = (json: unknown, name: string): json is Record<string, unknown> =>
  typeof json === "object" && json !== null && name in json;

const step = (key: unknown): string => (typeof key === "number" ? `[${key}]` : `.${String(key)}`);
const shown = (value: unknown) => (value === undefined ? "nothing" : show(value));

/** An error about a field of an answer. */
export const wrong = (code: ErrorCode, path: string, text: string): TapstakeError =>
  new TapstakeError(code, `${path}: ${text}`, { path });

/** Calls `read`; its error names the field. */
export function at<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
    const { code, message, details } = error;
    const text = message.startsWith(path) ? message : `${path}: ${message}`;
    throw new TapstakeError(code, text, { ...details, path }, { cause: error });
  }
}

/**
 * A key as the chain writes it. It writes each in one way only: the same key in other letters is a second name of it,
 * under which a signature would count twice.
 * @throws TapstakeError `invalid-hex`
 */
export function keyOf(text: string, path: string): Uint8Array {
  if (text !== text.toLowerCase())
    throw wrong("invalid-hex", path, "must be in lower case, as the chain writes keys");
  return at(path, () => hex.decode(text, 32, path));
}

/** @throws TapstakeError `invalid-hex` */
export const hexOf = (text: string, path: string, length?: number): Uint8Array =>
  at(path, () => hex.decode(text, length, path));

/** @throws TapstakeError `invalid-bytes` */
export function bytesOf(text: string, path: string, length: number): Uint8Array {
  const decoded = base64.decode(text);
  if (decoded.length === length) return decoded;
  throw wrong("invalid-bytes", path, `must be ${length} bytes in base64, not ${decoded.length}`);
}

/** @throws TapstakeError `invalid-hex`, `invalid-transaction` */
export const transactionOf = (text: string, path: string): Transaction =>
  at(path, () => parseTransaction(hex.decode(text, undefined, path)));
