import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterFile } from "./after-file.js";

/** Whether certificates can be made. */
export const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

/** A certificate and its key, each as a file in PEM. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
  /** SHA-256 as OpenSSL prints it, with colons. */
  readonly sha256: string;
}

/** A certificate authority of a test's own. */
export interface Authority {
  /** Its certificate in PEM, as a file. */
  readonly file: string;
  /** @param more alternative names, such as `DNS:a.example`; whether it has expired yesterday */
  issue(commonName: string, more?: { readonly names?: string; readonly expired?: boolean }): CertificateFiles;
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

export function newAuthority(): Authority {
  const folder = mkdtempSync(join(tmpdir(), "tapstake-ca-"));
  afterFile(() => rmSync(folder, { recursive: true, force: true }));
  const at = (name: string) => join(folder, name);
  const openssl = (...args: string[]): string => {
    const { status, stdout, stderr } = spawnSync("openssl", args, { encoding: "utf8" });
    if (status !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
    return stdout;
  };
  const authority = ["-keyout", at("ca.key"), "-out", at("ca.pem"), "-subj", "/CN=clients", "-days", "30"];
  openssl("req", "-x509", ...NEW_KEY, ...authority);
  let made = 0;
  return {
    file: at("ca.pem"),
    issue(commonName, { names, expired = false } = {}) {
      const name = `client-${made++}`;
      const [key, request, certificate] = [at(`${name}.key`), at(`${name}.csr`), at(`${name}.pem`)];
      openssl("req", "-new", ...NEW_KEY, "-keyout", key, "-out", request, "-subj", `/CN=${commonName}`);
      const lines = [
        "extendedKeyUsage=clientAuth",
        ...(names === undefined ? [] : [`subjectAltName=${names}`]),
      ];
      writeFileSync(at(`${name}.ext`), `${lines.join("\n")}\n`);
      const signed = ["-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-days", expired ? "-1" : "30"];
      openssl("x509", "-req", "-in", request, ...signed, "-extfile", at(`${name}.ext`), "-out", certificate);
      const print = openssl("x509", "-in", certificate, "-noout", "-fingerprint", "-sha256");
      return { certificate, key, sha256: print.trim().replace(/^.*=/, "") };
    },
  };
}

/** The options of a client that shows a certificate to a signer with a certificate of `ca`. */
export const tlsWith = (ca: Uint8Array, { certificate, key }: CertificateFiles) => ({
  ca,
  certificate: readFileSync(certificate),
  key: readFileSync(key),
});
