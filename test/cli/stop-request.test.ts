import { afterEach, expect, it, vi } from "vitest";
import { onStopRequest } from "../../src/cli/stop-request.js";

afterEach(() => vi.useRealTimers());

const listeners = () => process.listenerCount("SIGTERM");

it("a request to stop: counts once within a second, and a later one is left to the system", () => {
  vi.useFakeTimers();
  const before = listeners();
  const act = vi.fn<(signal: NodeJS.Signals) => void>();
  onStopRequest(act);
  process.emit("SIGINT", "SIGINT");
  process.emit("SIGTERM", "SIGTERM");
  vi.advanceTimersByTime(999);
  process.emit("SIGTERM", "SIGTERM");
  expect(act.mock.calls).toEqual([["SIGINT"]]);
  expect(listeners()).toBe(before + 1);
  vi.advanceTimersByTime(1);
  expect(listeners()).toBe(before);
});

it("a request to stop: leaves signal handlers unchanged once its scope ends", () => {
  const before = listeners();
  const act = vi.fn<(signal: NodeJS.Signals) => void>();
  onStopRequest(act)();
  expect(listeners()).toBe(before);
  expect(act).not.toHaveBeenCalled();
});
