import { Option } from "@commander-js/extra-typings";
import { TapstakeError } from "../core/errors.js";
import { createEotsClient, type EotsClient } from "../finality/client.js";
import { readText } from "./files.js";
import { UsageError } from "./errors.js";
import { firstLine } from "./secrets.js";

export const remoteOption = () =>
  new Option("--remote <address>", "sign with the daemon at host:port instead of with a key of this home");

export const hmacOption = () =>
  new Option("--hmac-key-file <file>", "the key that the daemon authenticates callers with, on its first line");

export const tlsCaOption = () =>
  new Option("--tls-ca <file>", "speak TLS, with a daemon that this certificate (PEM) vouches for");

export interface RemoteOptions {
  readonly remote?: string | undefined;
  readonly hmacKeyFile?: string | undefined;
  readonly tlsCa?: string | undefined;
}

/** @throws UsageError for options that say how to reach a daemon, without one */
export function checkRemoteUsage({ remote, hmacKeyFile, tlsCa }: RemoteOptions): void {
  if (remote === undefined && (hmacKeyFile !== undefined || tlsCa !== undefined)) {
    throw new UsageError("--hmac-key-file and --tls-ca go with --remote");
  }
}

/**
 * Runs something with a remote signer, and hangs up.
 * @throws TapstakeError `file-error`, and those of the client
 */
export async function withRemote<T>(
  { remote, hmacKeyFile, tlsCa }: RemoteOptions,
  run: (client: EotsClient) => Promise<T>,
): Promise<T> {
  const hmacKey = hmacKeyFile === undefined ? undefined : firstLine(await readText(hmacKeyFile));
  if (hmacKey === "") {
    throw new TapstakeError("file-error", `${hmacKeyFile}: its first line is empty`, { path: hmacKeyFile! });
  }
  const client = createEotsClient({
    ...(remote !== undefined && { address: remote }),
    ...(hmacKey !== undefined && { hmacKey }),
    ...(tlsCa !== undefined && { tls: { ca: await readPem(tlsCa) } }),
  });
  try {
    return await run(client);
  } finally {
    client.close();
  }
}

async function readPem(path: string): Promise<Uint8Array> {
  return new TextEncoder().encode(await readText(path));
}
