import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { ErrorCode } from "../core/errors.js";
import { statusName } from "../signer-client/grpc.js";
import { OPEN_METHODS } from "../signer-client/metadata.js";
import { ANSWERS } from "../signer-client/status.js";
import { methodNames } from "../signer-client/wire.js";
import { REFUSAL_CODES } from "../vote/vote.js";
import { type ArbiterHealth, CLAIM_OUTCOMES, type WatchedArbiter } from "./arbiter.js";
import { REFUSALS } from "./connections.js";

/** Bounds in seconds: a vote takes one or two milliseconds, deriving randomness thousands. */
const SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.5, 2, 10, 60];

/** Codes that refuse a call with all its heights. Failures of the store are counted separately. */
export const REFUSED_TOGETHER: ReadonlySet<ErrorCode> = new Set([
  "protection-uninitialised",
  "too-many-chains",
  "duplicate-height",
  "not-a-vote",
  "context-mismatch",
  "key-locked",
  "arbiter-unclear",
  "arbiter-halted",
  "arbiter-held",
  "arbiter-required",
  "arbiter-uninitialised",
  "arbiter-version",
]);

export type Metrics = ReturnType<typeof createMetrics>;

/** Metrics whose label values are known at the start. */
interface Counted {
  readonly signatures: Counter<"outcome" | "code">;
  readonly requests: Counter<"method" | "status">;
  readonly seconds: Histogram<"method">;
  readonly unauthenticated: Counter<"method">;
  readonly denied: Counter<"method">;
  readonly refusedByLimit: Counter<"limit">;
  readonly arbiterClaims: Counter<"outcome">;
}

/** State that is read when the page is requested. */
interface State {
  readonly up: () => boolean;
  readonly unlockedKeys: () => number;
  /** Of the keys that are bound to one. */
  readonly arbiter?: () => Pick<WatchedArbiter, "health" | "pending"> | undefined;
}

/** The signer's metrics, in a registry of their own. docs/service.md lists them. */
export function createMetrics({ up, unlockedKeys, arbiter = () => undefined }: State) {
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
  const isArbiter = (state: ArbiterHealth["state"]) => () => Number(arbiter()?.health.state === state);
  reading(
    "arbiter_pending",
    "Heights that are being claimed from the arbiter",
    () => arbiter()?.pending ?? 0,
  );
  reading("arbiter_unclear", "1 if the arbiter's last answer was unclear", isArbiter("unclear"));
  reading("arbiter_halted", "1 if the arbiter is halted", isArbiter("halted"));
  reading(
    "arbiter_held",
    "1 while this signer signs nothing new for bound keys until a person acts",
    isArbiter("held"),
  );
  const metrics = {
    registry,
    signatures: counter(
      "signatures_total",
      "Heights asked for, by outcome: new, same, refused (with its code)",
      ["outcome", "code"],
    ),
    lastHeight: gauge(
      "last_signed_height",
      "The highest height that is recorded as signed, of keys that can sign",
      ["key", "chain"],
    ),
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
    randomnessMistrusted: counter(
      "randomness_mistrusted_total",
      "Batches of randomness that were computed wrongly, noticed and computed again: a faulty machine",
    ),
    unauthenticated: counter("unauthenticated_total", "Calls without the right authentication code", [
      "method",
    ]),
    denied: counter("denied_total", "Calls for what this signer never does", ["method"]),
    refusedByLimit: counter(
      "refused_by_limit_total",
      "Connections and calls that a limit before authentication kept out",
      ["limit"],
    ),
    unlockFailures: counter("unlock_failures_total", "Wrong passphrases"),
    arbiterClaims: counter(
      "arbiter_claims_total",
      "Heights claimed from the arbiter, by what became of them",
      ["outcome"],
    ),
  };
  startAtZero(metrics);
  return metrics;
}

/** A series that begins with its first event hides that event from Prometheus' `increase()`. */
function startAtZero(counted: Counted): void {
  const { signatures, requests, seconds, unauthenticated, denied, refusedByLimit, arbiterClaims } = counted;
  for (const outcome of CLAIM_OUTCOMES) arbiterClaims.inc({ outcome }, 0);
  for (const limit of REFUSALS) refusedByLimit.inc({ limit }, 0);
  for (const outcome of ["new", "same"]) signatures.inc({ outcome, code: "" }, 0);
  for (const code of [...REFUSAL_CODES, ...REFUSED_TOGETHER]) signatures.inc({ outcome: "refused", code }, 0);
  for (const method of methodNames) {
    for (const answer of ANSWERS) requests.inc({ method, status: statusName(answer) }, 0);
    seconds.zero({ method });
    denied.inc({ method }, 0);
    if (!OPEN_METHODS.has(method)) unauthenticated.inc({ method }, 0);
  }
}
