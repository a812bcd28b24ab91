import { encodeHex } from "./bytes.js";
import { describeType, TapstakeError } from "./errors.js";

const SHOWN = 8;

/** A number with its noun: "1 block", "2 blocks". */
export const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

/**
 * A wrong value for a message: only its beginning, because a text pasted into the wrong place could be a secret key.
 */
export function show(value: unknown, shown = SHOWN): string {
  if (value instanceof Uint8Array) {
    const start = encodeHex(value.slice(0, SHOWN / 2));
    return value.length > SHOWN / 2 ? `${start}… (${value.length} bytes)` : start || "0 bytes";
  }
  if (typeof value !== "string") return describeType(value);
  const start = JSON.stringify(value.slice(0, shown));
  return value.length > shown ? `${start}… (${value.length} characters)` : start;
}

/** @throws TapstakeError `invalid-argument` unless `value` is text */
export function assertText(value: unknown, name: string): asserts value is string {
  if (typeof value === "string") return;
  throw new TapstakeError("invalid-argument", `${name} must be text, not ${describeType(value)}`);
}

/** @throws TapstakeError `invalid-argument` unless `value` is one of `choices`: callers without types pass anything */
export function assertChoice<T extends string>(
  value: unknown,
  name: string,
  choices: readonly T[],
): asserts value is T {
  if (!(choices as readonly unknown[]).includes(value)) {
    const text = `${name} must be one of ${choices.join(", ")}, not ${show(value)}`;
    throw new TapstakeError("invalid-argument", text);
  }
}

/** The most similar name, if it differs by few changes: a third of the text's characters. */
export function nearest(text: string, names: readonly string[]): string | undefined {
  const ranked = names
    .map((name) => ({ name, changes: changesBetween(text, name) }))
    .sort((a, b) => a.changes - b.changes);
  const [best] = ranked;
  return best && best.changes <= Math.floor(best.name.length / 3) ? best.name : undefined;
}

/** How many characters must be inserted, removed or replaced (Levenshtein). */
function changesBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, character] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const replaced = row[j]! + (b[j] === character ? 0 : 1);
      next.push(Math.min(replaced, row[j + 1]! + 1, next[j]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
