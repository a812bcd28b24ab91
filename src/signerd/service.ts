import {
  Metadata,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServiceDefinition,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
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
  type HealthResponse,
  type Method,
  methodNames,
  NOT_SERVING,
  pathOf,
  SERVICE,
  SERVING,
  wipeRequest,
} from "../signer-client/wire.js";
import type { CallContext, Facts, Handlers } from "./handlers.js";
import type { Metrics } from "./metrics.js";

const asIs = (bytes: Buffer): Buffer => bytes;

/**
 * The service as gRPC sees it: bytes in, bytes out. The bytes that arrive are authenticated before anything parses
 * them.
 */
export const eotsService: ServiceDefinition = Object.fromEntries(
  methodNames.map((method) => [
    method,
    {
      path: pathOf(method),
      requestStream: false,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  ]),
);

interface Parts {
  readonly handlers: Handlers;
  readonly hmacKey: string | undefined;
  readonly encrypted: boolean;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly stopping: () => boolean;
}

type Call = ServerUnaryCall<Buffer, Buffer>;

/** Every method with its frame: authentication, decoding, counting, logging, and errors in gRPC's form. */
export function eotsHandlers(parts: Parts): UntypedServiceImplementation {
  return Object.fromEntries(
    methodNames.map((method) => [
      method,
      (call: Call, answer: sendUnaryData<Buffer>) => void serveCall(parts, method, call, answer),
    ]),
  );
}

async function serveCall(
  parts: Parts,
  method: Method,
  call: Call,
  answer: sendUnaryData<Buffer>,
): Promise<void> {
  const { metrics, log } = parts;
  const started = performance.now();
  const facts: Facts = { method };
  const finish = (code: status, error?: unknown) => {
    const milliseconds = performance.now() - started;
    metrics.seconds.observe({ method }, milliseconds / 1000);
    metrics.requests.inc({ method, status: status[code] });
    const timed = { ...facts, status: status[code], ms: Math.round(milliseconds * 1000) / 1000 };
    if (error === undefined) log[levelOf(method, facts)](timed, "answered");
    else logFailure(log, timed, call, error);
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
  call: Call,
  logging: Pick<CallContext, "note" | "warn">,
): Promise<{ reply: Buffer; trailer: Metadata }> {
  if (parts.stopping()) {
    throw new TapstakeError("signer-stopping", "the signer is shutting down and begins nothing new");
  }
  authenticate(parts.hmacKey, method, call);
  const { answer, trailer = {} } = await parts.handlers[method](decodeRequest(method, call.request), {
    cancelled: () => call.cancelled || parts.stopping(),
    exposed: () => !parts.encrypted && !isLocalPeer(call.getPeer()),
    chainHeight: () => chainHeightOf(call),
    // Metadata is not authenticated either.
    refuseOverlap: first(call.metadata, REFUSE_OVERLAP_HEADER) !== undefined,
    ...logging,
  });
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(trailer)) metadata.set(name, value);
  const bytes = encodeResponse(method, answer);
  return { reply: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), trailer: metadata };
}

function authenticate(key: string | undefined, method: Method, call: Call): void {
  if (key === undefined || OPEN_METHODS.has(method)) return;
  const given = first(call.metadata, HMAC_HEADER);
  if (given !== undefined && isRequestHmac(key, call.request, given)) return;
  const what = given === undefined ? "is missing" : "is not that of this request";
  throw new TapstakeError(
    "unauthenticated",
    `${HMAC_HEADER} ${what}: the caller needs the same HMAC key as this signer`,
  );
}

/** It is not authenticated, so it may only make the signer stricter. */
function chainHeightOf({ metadata }: Call): bigint | undefined {
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
const DENIED: ReadonlySet<string> = new Set(["not-permitted", "not-a-vote"]);

/** Failures of the store itself; all other codes are its answers. */
const STORE_FAILURES: ReadonlySet<string> = new Set([
  "protection-unwritable",
  "protection-corrupt",
  "protection-replaced",
]);

function countFailure({ metrics }: Parts, method: Method, error: unknown): void {
  const code = error instanceof TapstakeError ? error.code : "signer-error";
  if (code === "unauthenticated") metrics.unauthenticated.inc({ method });
  if (DENIED.has(code)) metrics.denied.inc({ method });
  if (code === "wrong-passphrase") metrics.unlockFailures.inc();
  if (STORE_FAILURES.has(code)) metrics.storeErrors.inc();
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

function logFailure(log: Logger, facts: Facts, call: Call, error: unknown): void {
  const peer = call.getPeer();
  if (!(error instanceof TapstakeError)) {
    log.error({ ...facts, peer, code: "signer-error", ...placeOf(error) }, "a bug in the signer");
    return;
  }
  const { code, message } = error;
  const level = STORE_FAILURES.has(code) || code === "self-check-failed" ? "error" : "warn";
  log[level]({ ...facts, peer, code }, message);
}

export const healthService: ServiceDefinition = { Check: healthCheck };

/** gRPC's standard health check, for load balancers and supervisors. */
export function healthHandlers(isHealthy: () => boolean): UntypedServiceImplementation {
  return {
    Check(call: ServerUnaryCall<{ service: string }, HealthResponse>, answer: sendUnaryData<HealthResponse>) {
      const { service } = call.request;
      if (service === "" || service === SERVICE) {
        answer(null, { status: isHealthy() ? SERVING : NOT_SERVING });
      } else answer({ code: status.NOT_FOUND, details: `no service ${service}` });
    },
  };
}
