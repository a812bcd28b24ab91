import { Option } from "@commander-js/extra-typings";
import { readFile } from "node:fs/promises";
import { TapstakeError } from "../core/errors.js";
import { type ArbiterOptions, connectArbiter } from "../finality/arbiter/open.js";
import { readCertificates } from "../signer-client/endpoint.js";
import { UsageError } from "./errors.js";

/** What names an arbiter on the command line. */
export interface ArbiterFlags {
  readonly arbiter?: string | undefined;
  readonly arbiterCa?: string | undefined;
  readonly arbiterCert?: string | undefined;
  readonly arbiterKey?: string | undefined;
}

export const arbiterOption = () =>
  new Option("--arbiter <url>", "etcd://host:port,host:port,host:port that claims each vote first");

export const arbiterCaOption = () =>
  new Option("--arbiter-ca <file>", "use TLS; PEM of the CA of the arbiter's members");

export const arbiterCertOption = () =>
  new Option("--arbiter-cert <file>", "PEM of this client's certificate for the arbiter");

export const arbiterKeyOption = () =>
  new Option("--arbiter-key <file>", "PEM of the secret key of that certificate");

/**
 * The arbiter that the options name.
 * @throws UsageError without `--arbiter`, or with a part of what TLS needs; TapstakeError `file-error`,
 * `invalid-certificate`
 */
export async function arbiterOptions(flags: ArbiterFlags): Promise<ArbiterOptions> {
  const { arbiter, arbiterCa, arbiterCert, arbiterKey } = flags;
  if (arbiter === undefined) throw new UsageError("no arbiter: give --arbiter");
  if ((arbiterCert === undefined) !== (arbiterKey === undefined))
    throw new UsageError("--arbiter-cert and --arbiter-key go together: give both, or leave both out");
  if (arbiterCa === undefined) {
    if (arbiterCert !== undefined) throw new UsageError("a client certificate needs TLS: give --arbiter-ca");
    return { arbiter };
  }
  const [ca, cert, key] = await Promise.all([arbiterCa, arbiterCert, arbiterKey].map(bytesOf));
  readCertificates(ca!, arbiterCa);
  if (cert) readCertificates(cert, arbiterCert!);
  return { arbiter, tls: { ca: ca!, cert, key } };
}

/** Runs something with a connection to the arbiter that the options name. */
export async function withArbiter<T>(
  flags: ArbiterFlags,
  run: (connection: ReturnType<typeof connectArbiter>) => Promise<T>,
): Promise<T> {
  const connection = connectArbiter(await arbiterOptions(flags));
  try {
    return await run(connection);
  } finally {
    connection.client.close();
  }
}

async function bytesOf(path: string | undefined): Promise<Uint8Array | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path);
  } catch (cause) {
    const { code = "unknown error" } = cause as NodeJS.ErrnoException;
    throw new TapstakeError("file-error", `cannot read ${path}: ${code}`, { path, code }, { cause });
  }
}
