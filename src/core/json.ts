import * as v from "valibot";
import { describeType, TapstakeError } from "./errors.js";

/** @throws TapstakeError `invalid-json` when `text` is not JSON */
export function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The library's message quotes the text, which may hold a secret.
    throw new TapstakeError("invalid-json", `${name}: not JSON`, { path: name });
  }
}

/** A value as JSON text, indented and with a line's end: for files that people read and compare. */
export const jsonText = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;

/**
 * A value from JSON in the form of `schema`.
 * @param name what the value is, for messages; the path inside it is appended
 * @throws TapstakeError `invalid-json`; `details.path` says where
 */
export function readJson<Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  name: string,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = name + (issue.path ?? []).map(({ key }) => step(key)).join("");
  throw new TapstakeError("invalid-json", `${path}: ${explain(issue)}`, { path });
}

/** A whole number written as decimal text, as amounts are in JSON: a JSON number may have lost digits. */
export const decimalText = v.pipe(
  v.custom<string>(
    (value) => typeof value === "string" && /^(0|[1-9]\d{0,19})$/.test(value),
    "a whole number as decimal text",
  ),
  v.transform((text) => BigInt(text)),
);

/** A block height: decimal text, or a number below 2^53, which has lost no digits. */
export const blockHeight = v.pipe(
  v.custom<number | string>(
    (value) => typeof value === "string" || (Number.isSafeInteger(value) && (value as number) >= 0),
    "a height as decimal text, or a whole number below 2^53",
  ),
  v.transform((value) => `${value}`),
  decimalText,
);

/** Forms are described by their `custom` message, built-in schemas by what they expect; content is not shown. */
function explain(issue: v.BaseIssue<unknown>): string {
  if (issue.expected === "never") return "unknown field";
  const expected = issue.type === "custom" ? issue.message : issue.expected;
  return `expected ${expected}, got ${issue.input === undefined ? "nothing" : describeType(issue.input)}`;
}

const step = (key: unknown): string => (typeof key === "number" ? `[${key}]` : `.${String(key)}`);
