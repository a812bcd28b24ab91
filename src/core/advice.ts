import type { ErrorAdvice } from "./error-codes/advice.js";
import { adviceOf } from "./error-codes.js";
import type { ErrorCode } from "./errors.js";

/**
 * The text for a code: its meaning, its causes, what to do and what never to do, each on a line.
 * @param here what is known of this case, after what is true of every case
 * @param instead replaces the code's own advice in this case
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
