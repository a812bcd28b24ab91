import { Metadata, type sendUnaryData, status } from "@grpc/grpc-js";
import type { Logger } from "pino";
import { TapstakeError } from "../core/errors.js";
import { isLocalPeer } from "../signer-client/endpoint.js";
import {
  CHAIN_HEIGHT_HEADER,
  first,
  HMAC_HEADER,
  isRequestHmac,
  OPEN_METHODS,
  REFUSE_OVERLAP_HEADER,
} from "../signer-client/metadata.js";
import { toStatus } from "../signer-client/status.js";
import {
  decodeRequest,
  encodeResponse,
  healthCheck,
  type Method,
  methodNames,
  NOT_SERVING,
  SERVICE,
  SERVING,
  wipeRequest,
} from "../signer-client/wire.js";
import type { AnonymousLog } from "./anonymous-log.js";
import { authorize, mayCommit } from "./authorize.js";
import type { AnonymousCalls } from "./connections.js";
import { checkCounts } from "./counts.js";
import type { UnaryCall, UnaryHandler } from "./grpc-server.js";
import type { CallContext, Facts, Handlers } from "./handlers.js";
import type { Metrics } from "./metrics.js";
import type { Permissions } from "./permissions.js";

interface Parts {
  readonly handlers: Handlers;
  readonly hmacKey: string | undefined;
  readonly encrypted: boolean;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** The lines of calls without authentication. */
  readonly anonymousLog: AnonymousLog;
  readonly anonymousCalls: AnonymousCalls;
  readonly stopping: () => boolean;
  /** The list that is in force; without one, every authenticated caller may do everything. */
  readonly permissions?: (() => Permissions) | undefined;
  /** Called for each call in which the store failed. */
  readonly storeFailed?: (error: TapstakeError) => void;
}

/**
 * Every method with its frame: authentication, decoding, counting, logging, and errors in gRPC's form. The bytes that
 * arrive are authenticated before anything parses them.
 */
export const eotsHandlers = (parts: Parts): Record<Method, UnaryHandler> =>
  Object.fromEntries(
    methodNames.map((method) => [
      method,
      (call: UnaryCall, answer: sendUnaryData<Buffer>) => void serveCall(parts, method, call, answer),
    ]),
  ) as Record<Method, UnaryHandler>;

async function serveCall(
  parts: Parts,
  method: Method,
  call: UnaryCall,
  answer: sendUnaryData<Buffer>,
): Promise<void> {
  const { metrics, log, anonymousLog } = parts;
  const started = performance.now();
  const facts: Facts = { method };
  const finish = (code: status, error?: unknown) => {
    const milliseconds = performance.now() - started;
    metrics.seconds.observe({ method }, milliseconds / 1000);
    metrics.requests.inc({ method, status: status[code] });
    const timed = { ...facts, status: status[code], ms: Math.round(milliseconds * 1000) / 1000 };
    if (error !== undefined) logFailure(parts, timed, call, error);
    else if (OPEN_METHODS.has(method)) anonymousLog.write(levelOf(method, facts), timed, "answered");
    else log[levelOf(method, facts)](timed, "answered");
  };
  try {
    const { reply, trailer } = await respond(parts, method, call, {
      note: (more) => Object.assign(facts, more),
      warn: (text) => log.warn({ ...facts }, text),
    });
    finish(status.OK);
    answer(null, reply, trailer);
  } catch (error) {
    countFailure(parts, method, error);
    const failed = toStatus(error);
    finish(failed.code, error);
    answer(failed);
  } finally {
    wipeRequest(method, call.request);
  }
}

async function respond<M extends Method>(
  parts: Parts,
  method: M,
  call: UnaryCall,
  logging: Pick<CallContext, "note" | "warn">,
): Promise<{ reply: Buffer; trailer: Metadata }> {
  if (parts.stopping()) {
    throw new TapstakeError("signer-stopping", "the signer is shutting down and begins nothing new");
  }
  authenticate(parts, method, call);
  checkCounts(method, call.request);
  const request = decodeRequest(method, call.request);
  const permissions = parts.permissions?.();
  if (permissions) authorize(permissions, call.client, method, request);
  const { answer, trailer = {} } = await parts.handlers[method](request, {
    cancelled: () => call.cancelled || parts.stopping(),
    exposed: () => !parts.encrypted && !isLocalPeer(call.getPeer()),
    chainHeight: () => chainHeightOf(call),
    // Metadata is not authenticated either.
    refuseOverlap: first(call.metadata, REFUSE_OVERLAP_HEADER) !== undefined,
    mayCommit: (key, chain) => permissions && mayCommit(permissions, call.client, key, chain),
    ...logging,
  });
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(trailer)) metadata.set(name, value);
  const bytes = encodeResponse(method, answer);
  return { reply: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), trailer: metadata };
}

function authenticate({ hmacKey, anonymousCalls }: Parts, method: Method, call: UnaryCall): void {
  if (OPEN_METHODS.has(method)) {
    if (anonymousCalls.take(call.getPeer())) return;
    throw new TapstakeError(
      "too-many-calls",
      "too many calls without authentication came from this address: make fewer of them",
    );
  }
  const given = first(call.metadata, HMAC_HEADER);
  if (hmacKey === undefined || (given !== undefined && isRequestHmac(hmacKey, call.request, given))) {
    call.prove();
    return;
  }
  const what = given === undefined ? "is missing" : "is not that of this request";
  throw new TapstakeError(
    "unauthenticated",
    `${HMAC_HEADER} ${what}: the caller needs the same HMAC key as this signer`,
  );
}

/** It is not authenticated, so it may only make the signer stricter. */
function chainHeightOf({ metadata }: UnaryCall): bigint | undefined {
  const given = metadata.get(CHAIN_HEIGHT_HEADER);
  if (given.length === 0) return undefined;
  const text = given.join(", ");
  if (/^\d{1,20}$/.test(text) && BigInt(text) < 1n << 64n) return BigInt(text);
  throw new TapstakeError(
    "invalid-number",
    `${CHAIN_HEIGHT_HEADER} must be one height as decimal text, not ${text.length} other characters`,
  );
}

/** What this signer refuses to every caller. */
const DENIED: ReadonlySet<string> = new Set(["not-permitted", "not-a-vote", "client-not-permitted"]);

/** Failures of the store itself; all other codes are its answers. */
const STORE_FAILURES: ReadonlySet<string> = new Set([
  "protection-unwritable",
  "protection-corrupt",
  "protection-replaced",
]);

function countFailure({ metrics, storeFailed }: Parts, method: Method, error: unknown): void {
  const code = error instanceof TapstakeError ? error.code : "signer-error";
  if (code === "unauthenticated") metrics.unauthenticated.inc({ method });
  if (DENIED.has(code)) metrics.denied.inc({ method });
  if (code === "wrong-passphrase") metrics.unlockFailures.inc();
  if (!STORE_FAILURES.has(code)) return;
  metrics.storeErrors.inc();
  storeFailed?.(error as TapstakeError);
}

/** A reader of warnings alone must see every refused height, also those of a batch. */
const levelOf = (method: Method, facts: Facts) =>
  method === "Ping" ? "debug" : "refused" in facts ? "warn" : "info";

/** Where an unforeseen error happened. Its message is left out: it could contain anything. */
function placeOf(error: unknown): Facts {
  if (!(error instanceof Error)) return {};
  const { name, message, stack = "" } = error;
  const frames = /(?:\n +at .*)*$/.exec(stack.replace(message, ""))![0];
  return { name, stack: frames.trimStart() };
}

function logFailure({ log, anonymousLog }: Parts, facts: Facts, call: UnaryCall, error: unknown): void {
  const peer = call.getPeer();
  if (!(error instanceof TapstakeError)) {
    log.error({ ...facts, peer, code: "signer-error", ...placeOf(error) }, "a bug in the signer");
    return;
  }
  const { code, message } = error;
  if (code === "unauthenticated" || OPEN_METHODS.has(facts["method"] as Method)) {
    anonymousLog.write("warn", { ...facts, peer, code }, message);
    return;
  }
  const isGrave = STORE_FAILURES.has(code) || code === "self-check-failed" || code === "arbiter-held";
  const level = isGrave ? "error" : "warn";
  log[level]({ ...facts, peer, code }, message);
}

/** gRPC's standard health check, for load balancers and supervisors. */
export const healthHandler =
  (isHealthy: () => boolean): UnaryHandler =>
  (call, answer) => {
    let service: string;
    try {
      ({ service } = healthCheck.requestDeserialize(call.request));
    } catch {
      answer({ code: status.INVALID_ARGUMENT, details: "the request cannot be read" });
      return;
    }
    if (service === "" || service === SERVICE) {
      answer(null, healthCheck.responseSerialize({ status: isHealthy() ? SERVING : NOT_SERVING }));
    } else answer({ code: status.NOT_FOUND, details: `no service ${service}` });
  };
