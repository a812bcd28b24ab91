import type { Metadata, ServiceError } from "@grpc/grpc-js";
import { ERROR_CODES } from "../core/error-codes.js";
import { type ErrorCode, type ErrorDetails, TapstakeError } from "../core/errors.js";
import { grpc, type Status, status, statusName } from "./grpc.js";
import { CODE_HEADER, first } from "./metadata.js";

/** Refusals to sign one height: FailedPrecondition, as the Go key manager answers a double sign (PROTOCOL 10). */
const STATUS: Partial<Record<ErrorCode, Status>> = {
  "double-vote": status.FAILED_PRECONDITION,
  "unknown-earlier-vote": status.FAILED_PRECONDITION,
  "below-watermark": status.FAILED_PRECONDITION,
  "at-or-below-chain-height": status.FAILED_PRECONDITION,
  "no-commitment": status.FAILED_PRECONDITION,
  "height-too-high": status.FAILED_PRECONDITION,
  "protection-uninitialised": status.FAILED_PRECONDITION,
  "too-many-chains": status.FAILED_PRECONDITION,
  "commitment-overlap": status.FAILED_PRECONDITION,
  unauthenticated: status.UNAUTHENTICATED,
  "not-permitted": status.PERMISSION_DENIED,
  "client-not-permitted": status.PERMISSION_DENIED,
  "wrong-passphrase": status.PERMISSION_DENIED,
  "insecure-address": status.PERMISSION_DENIED,
  "key-not-found": status.NOT_FOUND,
  "key-mismatch": status.PERMISSION_DENIED,
  "key-locked": status.UNAVAILABLE,
  // Never FailedPrecondition: callers would take the height for one that is signed, and leave it out.
  "arbiter-unclear": status.UNAVAILABLE,
  "arbiter-halted": status.UNAVAILABLE,
  "arbiter-held": status.UNAVAILABLE,
  "arbiter-required": status.UNAVAILABLE,
  "arbiter-uninitialised": status.UNAVAILABLE,
  "arbiter-version": status.UNAVAILABLE,
  "signer-stopping": status.UNAVAILABLE,
  "too-many-calls": status.RESOURCE_EXHAUSTED,
  "too-many-attempts": status.RESOURCE_EXHAUSTED,
  "backup-running": status.RESOURCE_EXHAUSTED,
  "disk-nearly-full": status.RESOURCE_EXHAUSTED,
  "message-too-large": status.RESOURCE_EXHAUSTED,
  "not-a-vote": status.INVALID_ARGUMENT,
  "context-mismatch": status.INVALID_ARGUMENT,
  "duplicate-height": status.INVALID_ARGUMENT,
  "invalid-chain-id": status.INVALID_ARGUMENT,
  "invalid-request": status.INVALID_ARGUMENT,
  "invalid-bytes": status.INVALID_ARGUMENT,
  "invalid-number": status.INVALID_ARGUMENT,
  "invalid-public-key": status.INVALID_ARGUMENT,
  "invalid-key-name": status.INVALID_ARGUMENT,
  "invalid-passphrase": status.INVALID_ARGUMENT,
};

/** Every status that this software answers with. */
export const ANSWERS: readonly Status[] = [
  ...new Set([status.OK, ...Object.values(STATUS), status.INTERNAL]),
];

/** The meaning of a status if the server is another software, which sends no code of ours. */
const CODE: Partial<Record<Status, ErrorCode>> = {
  [status.FAILED_PRECONDITION]: "double-vote",
  [status.UNAUTHENTICATED]: "unauthenticated",
  [status.PERMISSION_DENIED]: "not-permitted",
  [status.NOT_FOUND]: "key-not-found",
  [status.INVALID_ARGUMENT]: "invalid-request",
  [status.RESOURCE_EXHAUSTED]: "message-too-large",
  [status.UNAVAILABLE]: "signer-unreachable",
  [status.DEADLINE_EXCEEDED]: "signer-unreachable",
};

/** An error in gRPC's form: status, message, and the code in trailing metadata. */
export function toStatus(error: unknown): { code: Status; details: string; metadata: Metadata } {
  const metadata = new (grpc().Metadata)();
  if (!(error instanceof TapstakeError)) {
    // Where an internal error happened goes to the log; its text could contain anything, so no caller gets it.
    metadata.set(CODE_HEADER, "signer-error");
    return { code: status.INTERNAL, details: "signer-error: a bug in the signer; see its log", metadata };
  }
  metadata.set(CODE_HEADER, error.code);
  const code = STATUS[error.code] ?? status.INTERNAL;
  return { code, details: `${error.code}: ${error.message}`, metadata };
}

/**
 * The TapstakeError of a failed call: with its original code if the signer is this software.
 * @param isEncrypted whether the call was made with TLS
 */
export function fromStatus(error: ServiceError, address: string, isEncrypted: boolean): TapstakeError {
  const sent = first(error.metadata, CODE_HEADER);
  const details: ErrorDetails = { address, status: statusName(error.code) };
  if (sent !== undefined && Object.hasOwn(ERROR_CODES, sent)) {
    const message = error.details.startsWith(`${sent}: `)
      ? error.details.slice(sent.length + 2)
      : error.details;
    return new TapstakeError(sent as ErrorCode, message, details, { cause: error });
  }
  const code = CODE[error.code as Status] ?? "signer-error";
  const text =
    code === "signer-unreachable"
      ? `no signer answers at ${address}: ${withoutNoise(error.details, isEncrypted)}`
      : `the signer answered: ${error.details}`;
  return new TapstakeError(code, text, details, { cause: error });
}

/** gRPC's text about a failed connection, in words for an operator. */
function withoutNoise(details: string, isEncrypted: boolean): string {
  const reason = /^No connection established\. Last error: ([^]*?)\s*\. Resolution note: $/.exec(
    details,
  )?.[1];
  if (reason === undefined) return details;
  // OpenSSL reads the other side's plain bytes as a TLS record.
  if (isEncrypted && /wrong version number|packet length too long/.test(reason)) {
    return "what listens there does not speak TLS: leave --tls-ca out (TAPSTAKE_TLS_CA), or give the signer --tls-cert";
  }
  // With TLS 1.3 the client learns after the handshake only that its certificate is missing or refused.
  if (isEncrypted && /^Failed to connect|alert|ECONNRESET/.test(reason)) {
    return "what listens there closed the connection: it may want a client certificate (--tls-client), or refuse this one. The signer's log says why";
  }
  if (!reason.startsWith("Failed to connect")) return reason.replace(/^Error: /, "");
  return "what listens there closed the connection; if the signer has TLS, say whom to trust (--tls-ca)";
}
