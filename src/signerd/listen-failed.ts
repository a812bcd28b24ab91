import { TapstakeError } from "../core/errors.js";

/**
 * Why an address cannot be listened on.
 * @param option where another address is given
 */
export function listenFailed(address: string, option: string, cause: unknown): TapstakeError {
  const text = cause instanceof Error ? cause.message : String(cause);
  // gRPC wraps the reason into text of its own.
  const code = /\bE[A-Z]{4,}\b/.exec(text)?.[0];
  const why = (code !== undefined && WHY[code]?.(option)) ?? code ?? text;
  return new TapstakeError("listen-failed", `cannot listen on ${address}: ${why}`, { address }, { cause });
}

const WHY: Readonly<Record<string, (option: string) => string>> = {
  EADDRINUSE: (option) =>
    `another program listens there (EADDRINUSE), perhaps another signer: end it, or give another ${option}`,
  EADDRNOTAVAIL: (option) =>
    `this machine does not have that address (EADDRNOTAVAIL): give one that it has as ${option}`,
  EACCES: (option) => `not permitted (EACCES): give a port of 1024 or above as ${option}`,
};
