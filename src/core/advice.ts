import { adviceOf, type ErrorAdvice } from "./error-codes.js";
import type { ErrorCode } from "./errors.js";

/**
 * What a code means, its causes, what to do and what not to do, a line each.
 * @param here what is known of this very case, after what is true of every one
 * @param instead what replaces the code's own advice in this very case
 */
export function adviceText(
  code: ErrorCode,
  here: Partial<ErrorAdvice> = {},
  instead: Partial<ErrorAdvice> = {},
): string {
  const advice = { ...adviceOf(code), ...instead };
  const parts = (["means", "causes", "do", "never"] as const).flatMap((part) => {
    const said = [advice[part], here[part]].filter((text) => text !== undefined);
    return said.length === 0 ? [] : [TITLES[part] + said.join(" ")];
  });
  return parts.join("\n");
}

const TITLES = {
  means: "What it means: ",
  causes: "Causes: ",
  do: "What to do: ",
  never: "What not to do: ",
} as const satisfies Record<keyof ErrorAdvice, string>;
