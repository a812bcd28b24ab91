import { TapstakeError } from "../core/errors.js";

/**
 * JSON in which no object has a field twice: parsers differ about which of the two counts.
 * @throws TapstakeError `invalid-json`
 */
export function parseOnce(text: string, path: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new TapstakeError("invalid-json", `${path}: not JSON`, { path });
  }
  // The parser keeps one of two fields of the same name.
  if (fieldsWritten(text) !== fieldsKept(value)) {
    throw new TapstakeError("invalid-json", `${path}: a field is given twice`, { path });
  }
  return value;
}

/** Outside of texts, a colon stands for each field. */
function fieldsWritten(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === COLON) count++;
    else if (unit === QUOTE) {
      for (i++; text.charCodeAt(i) !== QUOTE; i++) if (text.charCodeAt(i) === BACKSLASH) i++;
    }
  }
  return count;
}

/** No recursion: a file can nest deep. */
function fieldsKept(value: unknown): number {
  let count = 0;
  const left = [value];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next !== "object" || next === null) continue;
    const inside: unknown[] = Object.values(next);
    if (!Array.isArray(next)) count += inside.length;
    for (const each of inside) left.push(each);
  }
  return count;
}

const [QUOTE, BACKSLASH, COLON] = [0x22, 0x5c, 0x3a];
