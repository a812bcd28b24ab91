const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** How long the same request may go on arriving, in milliseconds. */
const ECHO = 1_000;

/**
 * Acts on the first signal that asks to stop. A later one ends the process at once, whatever it does; but within a second
 * it is the same request: timeout(1) signals a process and then its group, and so does npm at Ctrl-C.
 * @returns what lets signals end the process again
 */
export function onStopRequest(act: (signal: NodeJS.Signals) => void): () => void {
  let asked = false;
  const release = () => {
    for (const name of SIGNALS) process.off(name, listener);
  };
  const listener = (signal: NodeJS.Signals) => {
    if (asked) return;
    asked = true;
    setTimeout(release, ECHO).unref();
    act(signal);
  };
  for (const name of SIGNALS) process.on(name, listener);
  return release;
}

/** A signal that Ctrl-C, or a request to end, aborts instead of ending the process at once. */
export function abortOnSignal(): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const release = onStopRequest(() => controller.abort());
  return { signal: controller.signal, release };
}
