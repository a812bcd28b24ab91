import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** Milliseconds matter: a vote takes one or two, deriving randomness a minute. */
const SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.5, 2, 10, 60];

export type Metrics = ReturnType<typeof createMetrics>;

/** What is looked up when somebody reads the page. */
interface State {
  readonly up: () => boolean;
  readonly unlockedKeys: () => number;
}

/** What the signer counts, in a registry of its own. docs/daemon.md lists it. */
export function createMetrics({ up, unlockedKeys }: State) {
  const registry = new Registry();
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Counter({ name: `tapstake_${name}`, help, labelNames, registers });
  const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Gauge({ name: `tapstake_${name}`, help, labelNames, registers });
  const reading = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `tapstake_${name}`,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  reading("up", "1 while the signer answers, 0 while it stops or its store has failed", () => Number(up()));
  reading("unlocked_keys", "Keys that can sign", unlockedKeys);
  return {
    registry,
    signatures: counter(
      "signatures_total",
      "Heights asked for, by outcome: new, same, refused (with its code)",
      ["outcome", "code"],
    ),
    lastHeight: gauge("last_signed_height", "The highest height signed since the start", ["key", "chain"]),
    requests: counter("requests_total", "Calls by method and gRPC status", ["method", "status"]),
    seconds: new Histogram({
      name: "tapstake_request_seconds",
      help: "From the arrival of a call to its answer",
      labelNames: ["method"],
      buckets: SECONDS,
      registers,
    }),
    storeErrors: counter("store_errors_total", "Failures of the protection store; no signature left for any"),
    randomnessDerived: counter(
      "randomness_derived_total",
      "Heights whose randomness was derived for callers",
    ),
    unauthenticated: counter("unauthenticated_total", "Calls without the right authentication code", [
      "method",
    ]),
    denied: counter("denied_total", "Calls for what this signer does for nobody", ["method"]),
    unlockFailures: counter("unlock_failures_total", "Wrong passphrases"),
  };
}
