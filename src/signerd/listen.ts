import type { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { utf8 } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import {
  addressText,
  isLoopback,
  type ListenAddress,
  parseAddress,
  readCertificates,
  readPrivateKey,
  reasonOf,
  unusable,
} from "../signer-client/endpoint.js";
import { LEAST_HMAC_BYTES } from "../signer-client/metadata.js";

/** The signer's TLS certificate and key. */
export interface TlsIdentity {
  /** PEM: the certificate, followed by those that certify it. */
  readonly certificate: Uint8Array;
  /** PEM. */
  readonly key: Uint8Array;
  /** The source of the certificate, for messages. */
  readonly certificateFile?: string;
  readonly keyFile?: string;
  /** PEM: the authorities that certify clients. With them, TLS refuses every client without a certificate of theirs. */
  readonly clientCa?: Uint8Array;
  readonly clientCaFile?: string;
}

/**
 * Refuses a certificate or key that TLS cannot use: gRPC would accept it, and then every caller would fail to connect.
 * @returns a line for each certificate of the chain that callers refuse at this time
 * @throws TapstakeError `invalid-certificate`, which names the file
 */
export function checkTls(identity: TlsIdentity, now: Date = new Date()): string[] {
  const { certificate, key, certificateFile = "the certificate", keyFile = "its key" } = identity;
  const { clientCa, clientCaFile = "the certificate of clients' authority" } = identity;
  if (clientCa) readCertificates(clientCa, clientCaFile);
  const chain = readCertificates(certificate, certificateFile);
  const secret = readPrivateKey(key, keyFile);
  if (!chain[0].checkPrivateKey(secret)) {
    throw unusable(`${keyFile} is the key of another certificate than ${certificateFile}`, keyFile);
  }
  try {
    createSecureContext({ cert: Buffer.from(certificate), key: Buffer.from(key) });
  } catch (cause) {
    throw unusable(`${certificateFile} with ${keyFile}: ${reasonOf(cause)}`, certificateFile, cause);
  }
  return chain.flatMap((each) => validityOf(each, certificateFile, now));
}

/**
 * The address to listen on, checked before any file or port is opened.
 * @param source the source of the HMAC key, for messages
 * @param hasClientCa whether TLS authenticates callers: then no HMAC key is needed
 * @throws TapstakeError `insecure-address` for an address that other machines may reach, without an HMAC key or with
 * one that can be guessed; `unauthenticated` for an empty HMAC key
 */
export function signerAddress(
  text: string,
  hmacKey: string | undefined,
  source = "hmacKey",
  hasClientCa = false,
): ListenAddress {
  const address = parseAddress(text);
  if (hmacKey === "") throw new TapstakeError("unauthenticated", "the HMAC key must not be empty");
  const remedy = "give it an HMAC key (--hmac-key-file), and TLS (--tls-cert, --tls-key) to keep it secret";
  assertSafeToListen(address, "the signer", hmacKey === undefined && !hasClientCa ? remedy : undefined);
  const length = hmacKey === undefined ? LEAST_HMAC_BYTES : utf8(hmacKey).length;
  const longer = `the HMAC key (${source}) must have ${LEAST_HMAC_BYTES} bytes or more, not ${length}, which can be guessed: make one with openssl rand -hex 32`;
  assertSafeToListen(address, "the signer", length < LEAST_HMAC_BYTES ? longer : undefined);
  return address;
}

/**
 * Refuses to offer a signer to a network without authentication.
 * @throws TapstakeError `insecure-address`
 */
export function assertSafeToListen(address: ListenAddress, what: string, remedy: string | undefined): void {
  if (isLoopback(address.host) || remedy === undefined) return;
  throw new TapstakeError(
    "insecure-address",
    `${what} would listen on ${addressText(address)}, which other machines may reach: ${remedy}`,
    { address: addressText(address) },
  );
}

/**
 * Why the process cannot listen on an address.
 * @param option the option that sets another address
 */
export function listenFailed(address: string, option: string, cause: unknown): TapstakeError {
  const text = cause instanceof Error ? cause.message : String(cause);
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

function validityOf({ validFrom, validTo, subject }: X509Certificate, file: string, now: Date): string[] {
  const name = subject.replaceAll("\n", ", ");
  const refused = `: callers refuse it`;
  if (now < new Date(validFrom)) return [`${file}: ${name} is not valid before ${validFrom}${refused}`];
  if (now > new Date(validTo)) return [`${file}: ${name} has expired on ${validTo}${refused}`];
  return [];
}
