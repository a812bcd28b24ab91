import { afterEach, expect, it, vi } from "vitest";
import { onStopRequest } from "../../src/cli/stop-request.js";

afterEach(() => vi.useRealTimers());

/** The listeners that came since. Other tests of this process may have left some. */
function listenersSince(): () => number {
  const before = new Set(process.listeners("SIGTERM"));
  return () => process.listeners("SIGTERM").filter((listener) => !before.has(listener)).length;
}

it("a request to stop: counts once within a second, and a later one is left to the system", () => {
  vi.useFakeTimers();
  const added = listenersSince();
  const act = vi.fn<(signal: NodeJS.Signals) => void>();
  onStopRequest(act);
  process.emit("SIGINT", "SIGINT");
  process.emit("SIGTERM", "SIGTERM");
  vi.advanceTimersByTime(999);
  process.emit("SIGTERM", "SIGTERM");
  expect(act.mock.calls).toEqual([["SIGINT"]]);
  expect(added()).toBe(1);
  vi.advanceTimersByTime(1);
  expect(added()).toBe(0);
});

it("a request to stop: leaves signal handlers unchanged once its scope ends", () => {
  const added = listenersSince();
  const act = vi.fn<(signal: NodeJS.Signals) => void>();
  onStopRequest(act)();
  expect(added()).toBe(0);
  expect(act).not.toHaveBeenCalled();
});
