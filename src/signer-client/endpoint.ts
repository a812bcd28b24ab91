import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { BlockList, isIP } from "node:net";
import { type ErrorCode, TapstakeError } from "../core/errors.js";

/** An address to listen on, or to call. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * `127.0.0.1:12582`, `[::1]:12582` or `name:port`; port 0 takes a free one.
 * @param code the code of the error, for addresses that are called
 * @throws TapstakeError `listen-failed`, or `code`
 */
export function parseAddress(text: string, code: ErrorCode = "listen-failed"): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535 || (match?.[1] !== undefined && isIP(host) !== 6)) {
    const not = text === "" ? "empty" : text;
    throw new TapstakeError(code, `the address must be such as 127.0.0.1:12582, not ${not}`, {
      address: text,
    });
  }
  return { host, port };
}

export const addressText = ({ host, port }: ListenAddress): string =>
  isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** Whether only this machine can reach a host. A name other than localhost may lead to any machine. */
export function isLoopback(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return host === "localhost";
  return loopback.check(host, family === 6 ? "ipv6" : "ipv4");
}

/** Whether a gRPC peer (`127.0.0.1:40000`, `[::1]:40000`, `::1:40000`) is this machine. */
export function isLocalPeer(peer: string): boolean {
  const host = peer.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
  return isLoopback(host.replace(/^::ffff:/, ""));
}

/**
 * The certificates of a PEM file. OpenSSL ignores a file without any, so this function refuses it.
 * @param file where they are from, for messages
 * @throws TapstakeError `invalid-certificate`
 */
export function readCertificates(pem: Uint8Array, file: string): [X509Certificate, ...X509Certificate[]] {
  const blocks = Buffer.from(pem)
    .toString("latin1")
    .match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g);
  if (!blocks) throw unusable(`${file} must have a certificate in PEM`, file);
  try {
    return blocks.map((block) => new X509Certificate(block)) as [X509Certificate];
  } catch (cause) {
    throw unusable(`${file}: a certificate in it cannot be read: ${reasonOf(cause)}`, file, cause);
  }
}

/**
 * A private key in PEM.
 * @param file where it is from, for messages
 * @throws TapstakeError `invalid-certificate`
 */
export function readPrivateKey(pem: Uint8Array, file: string): KeyObject {
  try {
    return createPrivateKey(Buffer.from(pem));
  } catch (cause) {
    const isEncrypted = /ENCRYPTED/.test(Buffer.from(pem).toString("latin1"));
    const not = isEncrypted ? "an encrypted one" : "other content";
    throw unusable(`${file} must have a private key in PEM without a passphrase, not ${not}`, file, cause);
  }
}

/** OpenSSL's own words without its numbers: `error:0A00018F:SSL routines::ee key too small`. */
export const reasonOf = (cause: unknown) => (cause as Error).message.replace(/^error:.*:/, "");

export const unusable = (text: string, file: string, cause?: unknown) =>
  new TapstakeError("invalid-certificate", text, { path: file }, { cause });
