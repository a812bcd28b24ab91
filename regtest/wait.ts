import { setTimeout as delay } from "node:timers/promises";
import { TapstakeError } from "../src/core/errors.js";

/** How long to wait, and how often to look. */
export interface WaitOptions {
  /** The longest wait, in milliseconds: 120000 by default. */
  readonly deadline?: number;
  /** The awaited condition, for the message: "the stake to confirm". */
  readonly what: string;
}

/** The interval of checks, in milliseconds. */
const INTERVAL = 10;

/**
 * Calls `condition` until its answer is truthy, and returns the answer. An error of `condition` ends the wait.
 * @throws TapstakeError `wait-timeout`
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { deadline = 120_000, what }: WaitOptions,
): Promise<Exclude<T, undefined | null | false | 0 | "">> {
  const end = performance.now() + deadline;
  for (;;) {
    const answer = await condition();
    if (answer) return answer as Exclude<T, undefined | null | false | 0 | "">;
    if (performance.now() >= end) {
      throw new TapstakeError("wait-timeout", `waited ${deadline} ms for ${what}`, { deadline, what });
    }
    await delay(INTERVAL);
  }
}
