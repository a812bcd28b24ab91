import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { concatBytes, utf8 } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { chainConfig } from "../finality/chains.js";
import { findHome, type Home, homeAt } from "../finality/home.js";
import type { EotsClient } from "../signer-client/client.js";
import { readCertificates } from "../signer-client/endpoint.js";
import { LEAST_HMAC_BYTES } from "../signer-client/metadata.js";
import { DEFAULT_ADDRESS } from "../signer-client/wire.js";
import type { ChainConfig } from "../vote/chain.js";
import { UsageError } from "./errors.js";
import { warn } from "./output.js";
import { several } from "./options.js";
import { readSecretLine, warnOfReaders } from "./secrets.js";
import { isPublicKey, publicKeyNamed, type SignerOptions } from "./signer.js";

export interface RemoteOptions {
  /** True without an address. */
  readonly remote?: string | true | undefined;
  readonly hmacKeyFile?: string | undefined;
  readonly tlsCa?: string | undefined;
  /** Files with the caller's own certificate and its key. */
  readonly tlsClient?: readonly string[] | undefined;
  /** Milliseconds for each call; the client's own limit by default. */
  readonly timeout?: number | undefined;
}

/**
 * Whether a signer elsewhere is asked. The environment variable alone is enough: a caller that uses one signer through
 * it would otherwise start a second one here.
 * @throws UsageError for options that say otherwise
 */
export function asksRemote(options: RemoteOptions & LocalOptions): boolean {
  const { remote, hmacKeyFile, tlsCa, tlsClient, passphraseFile, passphraseCommand, constantTime } = options;
  // The parser has refused options that contradict --remote.
  if (remote !== undefined) return true;
  const isRemote = Boolean(process.env["TAPSTAKE_REMOTE"]);
  const name = isRemote
    ? firstGiven({
        "--passphrase-file": passphraseFile,
        "--passphrase-command": passphraseCommand,
        "--constant-time": constantTime,
      })
    : firstGiven({ "--hmac-key-file": hmacKeyFile, "--tls-ca": tlsCa, "--tls-client": tlsClient });
  if (name !== undefined) {
    throw new UsageError(
      isRemote
        ? `${name} is for signing here, but TAPSTAKE_REMOTE names another signer: leave out ${name}, or unset TAPSTAKE_REMOTE`
        : `${name} is for another signer: give --remote too, or set TAPSTAKE_REMOTE`,
    );
  }
  return isRemote;
}

/** For commands that can also sign here. */
interface LocalOptions {
  readonly passphraseFile?: string | undefined;
  readonly passphraseCommand?: string | undefined;
  readonly constantTime?: true | undefined;
}

const firstGiven = (options: Readonly<Record<string, unknown>>): string | undefined =>
  Object.keys(options).find((name) => options[name] !== undefined);

/** A client of a signer, and the signer's address. */
export type Remote = EotsClient & { readonly address: string };

/**
 * Runs something with a client by the options above, else by the environment.
 * @throws TapstakeError `file-error`, `invalid-address`, `invalid-certificate`
 */
export async function withRemote<T>(options: RemoteOptions, run: (signer: Remote) => Promise<T>): Promise<T> {
  const { remote } = options;
  const address = typeof remote === "string" ? remote : process.env["TAPSTAKE_REMOTE"] || DEFAULT_ADDRESS;
  const hmacKey = await readHmacKey(options.hmacKeyFile);
  const caFile = options.tlsCa ?? process.env["TAPSTAKE_TLS_CA"];
  const ca = caFile ? await readBytes(caFile) : undefined;
  if (ca) readCertificates(ca, caFile!);
  const own = await readOwn(options.tlsClient);
  if (own && !ca) {
    throw new UsageError(
      "--tls-client (TAPSTAKE_TLS_CLIENT) is for TLS: give --tls-ca too, or set TAPSTAKE_TLS_CA",
    );
  }
  // Loaded here: local signing needs no gRPC.
  const { createEotsClient } = await import("../signer-client/client.js");
  const client = createEotsClient({
    address,
    ...(hmacKey !== undefined && { hmacKey }),
    ...(ca && { tls: { ca, ...(own && { certificate: own, key: own }) } }),
    ...(options.timeout !== undefined && { timeout: options.timeout }),
  });
  try {
    return await run({ ...client, address });
  } finally {
    client.close();
  }
}

/** The caller's certificate and its key, as one text: TLS finds each of them in it. */
async function readOwn(given: readonly string[] | undefined): Promise<Uint8Array | undefined> {
  const files = given ?? several(process.env["TAPSTAKE_TLS_CLIENT"] ?? "", undefined);
  if (files.length === 0) return undefined;
  const parts: Uint8Array[] = [];
  for (const file of files) {
    const part = await readBytes(file);
    if (/PRIVATE KEY/.test(new TextDecoder("latin1").decode(part))) await warnOfReaders(file);
    parts.push(part, utf8("\n"));
  }
  const pem = concatBytes(...parts);
  readCertificates(pem, files.join(", "));
  return pem;
}

/** What a signer in another process or machine needs. */
export interface RemoteSigner {
  readonly signer: EotsClient;
  /** X-only. */
  readonly key: Uint8Array;
  /** As configured in this home. */
  readonly chain: ChainConfig;
}

/**
 * Runs something with the signer of `--remote`. If that signer asks for `protection init`, it must be stopped first.
 * @throws TapstakeError the codes of `withRemote`, `findHome`, `publicKeyNamed` and `chainConfig`
 */
export function asRemoteSigner<T>(
  options: SignerOptions & RemoteOptions,
  run: (remote: RemoteSigner) => Promise<T>,
): Promise<T> {
  const home = homeOfCaller(options);
  const chain = chainConfig(home, options.chain);
  const key = publicKeyNamed(home, options.key);
  return withRemote(options, (signer) =>
    run({ signer, key, chain }).catch((error: unknown) => {
      const isInit = error instanceof TapstakeError && error.code === "protection-uninitialised";
      throw isInit ? stoppedFirst(error, signer.address) : error;
    }),
  );
}

function stoppedFirst({ code, message, details }: TapstakeError, address: string): TapstakeError {
  const order = `Where: on the machine of the signer at ${address}, in its home. Stop it first: while it runs, tapstake fp protection init and import are refused there.`;
  return new TapstakeError(code, `${message}\n${order}`, details);
}

/**
 * The caller's home. A call to another signer needs none; but the user who names a home expects it to be used, and only
 * a home knows the names of keys.
 * @throws TapstakeError as `findHome`
 */
function homeOfCaller({ home: path, key }: Pick<SignerOptions, "home" | "key">): Home {
  const home = homeAt(path);
  const isNamed = path !== undefined || Boolean(process.env["TAPSTAKE_HOME"]) || !isPublicKey(key);
  return isNamed || existsSync(home.path) ? findHome(path) : home;
}

/**
 * The HMAC key from a file, else from the environment, which loses it; undefined if there is neither.
 * @throws TapstakeError `file-error`, `unauthenticated` for an empty one
 */
export async function readHmacKey(file: string | undefined): Promise<string | undefined> {
  const given = process.env["TAPSTAKE_HMAC_KEY"];
  delete process.env["TAPSTAKE_HMAC_KEY"];
  const key = file === undefined ? given : await readSecretLine(file);
  if (key === "")
    throw new TapstakeError(
      "unauthenticated",
      "the HMAC key is empty. Do: give the key that the signer was started with (--hmac-key-file in its unit)",
    );
  if (key !== undefined && utf8(key).length < LEAST_HMAC_BYTES) {
    const message = `the HMAC key has fewer than ${LEAST_HMAC_BYTES} bytes, so others can guess it. Do: make a longer one with openssl rand -hex 32`;
    warn({ code: "unauthenticated", message });
  }
  return key;
}

/** @throws TapstakeError `file-error` */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    const { code = "unknown error" } = cause as NodeJS.ErrnoException;
    throw new TapstakeError("file-error", `cannot read ${path}: ${code}`, { path, code }, { cause });
  }
}
