const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** How long repeated signals count as one request, in milliseconds. */
const ECHO = 1_000;

/**
 * Calls `act` at the first signal that asks to stop. A later signal ends the process at once. Within a second it counts
 * as the same request: timeout(1) signals a process and then its group, and so does npm at Ctrl-C.
 * @param signals the signals that ask to stop
 * @returns a function after which signals end the process again
 */
export function onStopRequest(
  act: (signal: NodeJS.Signals) => void,
  signals: readonly NodeJS.Signals[] = SIGNALS,
): () => void {
  let asked = false;
  const release = () => {
    for (const name of signals) process.off(name, listener);
  };
  const listener = (signal: NodeJS.Signals) => {
    if (asked) return;
    asked = true;
    setTimeout(release, ECHO).unref();
    act(signal);
  };
  for (const name of signals) process.on(name, listener);
  return release;
}

/** A signal that Ctrl-C, or another request to stop, aborts; the process goes on. */
export function abortOnSignal(): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const release = onStopRequest(() => controller.abort());
  return { signal: controller.signal, release };
}
