import { createPrivateKey, type KeyObject, type X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { readCertificates, reasonOf, unusable } from "../signer-client/certificates.js";

/** What the signer shows and proves to callers. */
export interface TlsIdentity {
  /** PEM: the certificate, and those that vouch for it after it. */
  readonly certificate: Uint8Array;
  /** PEM. */
  readonly key: Uint8Array;
  /** Where they are from, for messages. */
  readonly certificateFile?: string;
  readonly keyFile?: string;
}

/**
 * Refuses what TLS cannot be served with: gRPC would take it, and no caller could connect.
 * @returns a line for each certificate of the chain that callers refuse at this time
 * @throws TapstakeError `invalid-certificate`, which names the file
 */
export function checkTls(identity: TlsIdentity, now: Date = new Date()): string[] {
  const { certificate, key, certificateFile = "the certificate", keyFile = "its key" } = identity;
  const chain = readCertificates(certificate, certificateFile);
  const secret = readKey(key, keyFile);
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

function readKey(pem: Uint8Array, file: string): KeyObject {
  try {
    return createPrivateKey(Buffer.from(pem));
  } catch (cause) {
    const isEncrypted = /ENCRYPTED/.test(Buffer.from(pem).toString("latin1"));
    const got = isEncrypted ? "an encrypted one" : "none that can be read";
    throw unusable(`${file}: expected a private key in PEM without a passphrase, got ${got}`, file, cause);
  }
}

function validityOf({ validFrom, validTo, subject }: X509Certificate, file: string, now: Date): string[] {
  const name = subject.replaceAll("\n", ", ");
  const refused = `: callers refuse it`;
  if (now < new Date(validFrom)) return [`${file}: ${name} is not valid before ${validFrom}${refused}`];
  if (now > new Date(validTo)) return [`${file}: ${name} has expired on ${validTo}${refused}`];
  return [];
}
