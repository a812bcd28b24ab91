import { afterEach, expect, it, vi } from "vitest";
import { onStopRequest } from "../../src/cli/stop-request.js";

afterEach(() => vi.useRealTimers());

const listeners = () => process.listenerCount("SIGTERM");

it("a request to stop is one, however often it arrives within a second, and a later one is the system's to answer", () => {
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

it("what is done before a request to stop leaves signals as they were", () => {
  const before = listeners();
  const act = vi.fn<(signal: NodeJS.Signals) => void>();
  onStopRequest(act)();
  expect(listeners()).toBe(before);
  expect(act).not.toHaveBeenCalled();
});
