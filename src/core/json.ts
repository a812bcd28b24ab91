import * as v from "valibot";
import { describeType, TapstakeError } from "./errors.js";

/**
 * Parses JSON. A number that a float would round to a whole one becomes its text, and no schema accepts that as a whole
 * number.
 * @throws TapstakeError `invalid-json` if `text` is not JSON
 */
export const parseJson = (text: string, name: string): unknown => parseBy(unrounded, text, name);

/**
 * JSON with amounts, as {@link parseNumbers} reads it.
 * @throws TapstakeError `invalid-json` when `text` is not JSON
 */
export const parseExactJson = (text: string, name: string): unknown => parseBy(parseNumbers, text, name);

function parseBy(parse: (text: string) => unknown, text: string, name: string): unknown {
  try {
    return parse(text);
  } catch {
    // The library's message quotes the text, which may hold a secret.
    throw new TapstakeError("invalid-json", `${name}: not JSON`, { path: name });
  }
}

/**
 * JSON without floats. However a number is spelt (`1000`, `1E3`, `1000.0`), a whole one below 2^53 is a number, and any
 * other becomes its decimal text, exactly: `5.46e-05` is `"0.0000546"`.
 * @param wholeOnly also leaves whole numbers with decimals or an exponent as text
 * @throws SyntaxError if the text is not JSON
 */
export function parseNumbers(text: string, wholeOnly = false): unknown {
  return replaced(text, (token) => exactToken(token, wholeOnly));
}

const unrounded = (text: string): unknown =>
  replaced(text, (token) => (isRounded(token) ? `"${token}"` : token));

/** JSON with other tokens. What is not JSON is refused first: in text with open quotes {@link TOKENS} is quadratic. */
function replaced(text: string, token: (token: string) => string): unknown {
  JSON.parse(text);
  return JSON.parse(text.replace(TOKENS, token));
}

/** Strings (left alone) and numbers. A string is matched whole, so that digits inside it do not change. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;

/** Anything else that begins like a number is left for the parser to refuse. */
const NUMBER = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** Above this exponent a number keeps its written form: it is not an amount, and its digits could fill the memory. */
const MOST_EXPONENT = 400;

function exactToken(token: string, wholeOnly: boolean): string {
  const [, sign, whole, decimals, exponent] = NUMBER.exec(token) ?? [];
  if (whole === undefined) return token;
  const isInteger = decimals === undefined && exponent === undefined;
  const decimal = isInteger ? token : plainDecimal(sign!, whole, decimals, exponent);
  if (decimal === null) return `"${token}"`;
  const isNumber =
    !decimal.includes(".") && Number.isSafeInteger(Number(decimal)) && (isInteger || !wholeOnly);
  return isNumber ? decimal : `"${wholeOnly && exponent === undefined ? token : decimal}"`;
}

function isRounded(token: string): boolean {
  const [, sign, whole, decimals, exponent] = NUMBER.exec(token) ?? [];
  if (whole === undefined || !Number.isInteger(Number(token))) return false;
  return plainDecimal(sign!, whole, decimals, exponent)?.includes(".") ?? true;
}

/** A number without its exponent and without zeros at either end; null when its exponent is too large. */
function plainDecimal(sign: string, whole: string, decimals = "", exponent = "0"): string | null {
  const shift = Number(exponent);
  if (Math.abs(shift) > MOST_EXPONENT) return null;
  const digits = `${"0".repeat(Math.max(0, -shift))}${whole}${decimals}${"0".repeat(Math.max(0, shift))}`;
  const point = Math.max(0, -shift) + whole.length + shift;
  const before = digits.slice(0, point).replace(/^0+(?=\d)/, "");
  const behind = digits.slice(point).replace(/0+$/, "");
  const size = behind === "" ? before : `${before}.${behind}`;
  return size === "0" ? size : `${sign}${size}`;
}

/** A value as JSON text, indented and with a line's end: for files that people read and compare. */
export const jsonText = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;

/**
 * A value from JSON in the form of `schema`. An array in the place of the whole is no object.
 * @param name what the value is, for messages; the path inside it is appended
 * @throws TapstakeError `invalid-json`; `details.path` says where
 */
export function readJson<Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  name: string,
): v.InferOutput<Schema> {
  // valibot takes an array where an object is expected, and ignores its elements.
  if (schema.expects === "Object" && Array.isArray(value)) {
    const text = `${name}: must be ${schema.expects}, not ${describeType(value)}`;
    throw new TapstakeError("invalid-json", text, { path: name });
  }
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

/** A block height: decimal text, or a number below 2^53, which is exact. */
export const blockHeight = v.pipe(
  v.custom<number | string>(
    (value) => typeof value === "string" || (Number.isSafeInteger(value) && (value as number) >= 0),
    "a height as decimal text, or a whole number below 2^53",
  ),
  v.transform((value) => `${value}`),
  decimalText,
);

/** A decimal number of {@link parseExactJson}, as its text. */
export const decimalNumber = v.pipe(
  v.custom<number | string>(
    (value) => typeof value === "string" || Number.isSafeInteger(value),
    "a decimal number, as text or as a number",
  ),
  v.transform((value) => `${value}`),
);

/** Forms are described by their `custom` message, built-in schemas by what they expect. */
function explain(issue: v.BaseIssue<unknown>): string {
  if (issue.expected === "never") return "unknown field";
  // What valibot expects of an object without a field is the field's name.
  if (issue.input === undefined && issue.expected === `"${String(issue.path?.at(-1)?.key)}"`)
    return "is missing";
  const expected = issue.type === "custom" ? issue.message : issue.expected;
  return `must be ${expected}, not ${given(issue.input, expected)}`;
}

/** Content may be a secret, so it is not shown. Only where a number is expected, a number is. */
function given(input: unknown, expected: string | null): string {
  if (input === undefined) return "nothing";
  const isNumber =
    typeof input === "number" || (typeof input === "string" && /^[+-]?\d{1,20}(?:\.\d{1,20})?$/.test(input));
  if (!isNumber || !/\bnumber\b|\bheight\b|^[<>]/.test(expected ?? "")) return describeType(input);
  return typeof input === "string" ? `"${input}"` : `${input}`;
}

const step = (key: unknown): string => (typeof key === "number" ? `[${key}]` : `.${String(key)}`);
