import { X509Certificate } from "node:crypto";
import { TapstakeError } from "../core/errors.js";

/**
 * The certificates of a PEM file, of which OpenSSL takes no notice where it is none.
 * @param file where they are from, for messages
 * @throws TapstakeError `invalid-certificate`
 */
export function readCertificates(pem: Uint8Array, file: string): [X509Certificate, ...X509Certificate[]] {
  const blocks = Buffer.from(pem)
    .toString("latin1")
    .match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g);
  if (!blocks) throw unusable(`${file}: expected a certificate in PEM, got none`, file);
  try {
    return blocks.map((block) => new X509Certificate(block)) as [X509Certificate];
  } catch (cause) {
    throw unusable(`${file}: a certificate in it cannot be read: ${reasonOf(cause)}`, file, cause);
  }
}

/** OpenSSL's own words without its numbers: `error:0A00018F:SSL routines::ee key too small`. */
export const reasonOf = (cause: unknown) => (cause as Error).message.replace(/^error:.*:/, "");

export const unusable = (text: string, file: string, cause?: unknown) =>
  new TapstakeError("invalid-certificate", text, { path: file }, { cause });
