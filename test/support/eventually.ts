import { vi } from "vitest";

/** Waits until a fact holds, however long that takes: what never comes is ended by the limit of the test. */
export const eventually = <T>(fact: () => T | Promise<T>): Promise<T> =>
  vi.waitFor(fact, { timeout: 600_000, interval: 10 });
