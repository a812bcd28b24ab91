import { createRequire } from "node:module";
import type * as Grpc from "@grpc/grpc-js";
import { loadPackage } from "../core/optional.js";

let library: typeof Grpc | undefined;

/** gRPC, an optional package: loaded by the first connection. @throws TapstakeError `package-missing` */
export const grpc = (): typeof Grpc =>
  (library ??= loadPackage<typeof Grpc>(createRequire(import.meta.url), "@grpc/grpc-js"));

/** gRPC's status codes by name, known before the library is loaded. */
export const status = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const satisfies Record<keyof typeof Grpc.status, Grpc.status>;

/** One of gRPC's status codes. */
export type Status = (typeof status)[keyof typeof status];

/** The name of a status code, or its number when it has none. */
export const statusName = (code: number): string =>
  Object.entries(status).find(([, value]) => value === code)?.[0] ?? String(code);

/**
 * TLS names no server by its IP address (RFC 6066, section 3), and Node warns about such a name. gRPC has no option for
 * that. Without the name, Node compares the certificate with the address, as before.
 */
export function withoutServerName(all: Grpc.ChannelCredentials): Grpc.ChannelCredentials {
  const connectorOf = all._createSecureConnector.bind(all);
  all._createSecureConnector = (...args) => {
    const connector = connectorOf(...args) as ReturnType<typeof connectorOf> & {
      readonly connectionOptions?: { servername?: string };
    };
    delete connector.connectionOptions?.servername;
    return connector;
  };
  return all;
}
