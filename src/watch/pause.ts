import { setTimeout } from "node:timers/promises";

/** Waits, or returns early when the signal aborts. */
export async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  try {
    await setTimeout(milliseconds, undefined, signal && { signal });
  } catch {
    // Aborted.
  }
}
