import { Option } from "@commander-js/extra-typings";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { TapstakeError } from "../core/errors.js";
import { type ArbiterOptions, connectArbiter } from "../finality/arbiter/open.js";
import { readCertificates } from "../signer-client/endpoint.js";
import { UsageError } from "./errors.js";

/** What names an arbiter on the command line. */
export interface ArbiterFlags {
  readonly arbiter?: string | undefined;
  readonly arbiterTls?: string | undefined;
}

export const arbiterOption = () =>
  new Option("--arbiter <url>", "etcd://host:port,host:port,host:port that claims each vote first");

export const arbiterTlsOption = () =>
  new Option("--arbiter-tls <dir>", "use TLS for the arbiter; with ca.pem, cert.pem and key.pem");

/** Whether an option is of an arbiter: the other one is then missing. */
export const namesArbiter = ({ arbiter, arbiterTls }: ArbiterFlags): boolean =>
  arbiter !== undefined || arbiterTls !== undefined;

/**
 * The arbiter that the options name.
 * @throws UsageError without `--arbiter`; TapstakeError `file-error`, `invalid-certificate`
 */
export async function arbiterOptions({ arbiter, arbiterTls }: ArbiterFlags): Promise<ArbiterOptions> {
  if (arbiter === undefined) throw new UsageError("no arbiter: give --arbiter");
  if (arbiterTls === undefined) return { arbiter };
  const paths = ["ca.pem", "cert.pem", "key.pem"].map((name) => join(arbiterTls, name));
  const [ca, cert, key] = (await Promise.all(paths.map(bytesOf))) as [Uint8Array, Uint8Array, Uint8Array];
  readCertificates(ca, paths[0]!);
  readCertificates(cert, paths[1]!);
  return { arbiter, tls: { ca, cert, key } };
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

async function bytesOf(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    const { code = "unknown error" } = cause as NodeJS.ErrnoException;
    throw new TapstakeError("file-error", `cannot read ${path}: ${code}`, { path, code }, { cause });
  }
}
