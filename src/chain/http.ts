import { TapstakeError } from "../core/errors.js";
import { textWithin } from "../core/response.js";
import { parseNumbers } from "../core/json.js";

/** How long to wait for an answer, in milliseconds, by default. */
export const DEFAULT_TIMEOUT = 30_000;

/** The most bytes of an answer from Bitcoin's servers: a block of 4 MB has 8 MB of hexadecimal, and more as JSON. */
export const MAX_ANSWER = 64 * 1024 * 1024;

export interface HttpRequest {
  /** With a slash at its end, and without credentials. */
  readonly endpoint: string;
  /** What is asked for, below the endpoint. */
  readonly path: string;
  /** How messages call the request. */
  readonly name: string;
  readonly timeout: number;
  readonly init?: RequestInit;
  /** The most bytes that an answer may have. */
  readonly limit: number;
}

/**
 * Asks over HTTP, and waits for all of the answer, whatever its status is.
 * @throws TapstakeError `node-unreachable`; `unexpected-answer` when the answer is longer than its limit
 */
export async function ask({ endpoint, path, name, timeout, init, limit }: HttpRequest) {
  try {
    const deadline = AbortSignal.timeout(timeout);
    const signal = init?.signal ? AbortSignal.any([init.signal, deadline]) : deadline;
    const response = await fetch(endpoint + path, { ...init, signal });
    const { status, headers } = response;
    const text = await textWithin(response, limit);
    if (text !== null) return { status, headers, text };
  } catch (error) {
    const why = isTimeout(error) ? `no answer to ${name} in ${timeout} ms` : reasonOf(error);
    throw unreachable(endpoint, why, error);
  }
  const text = `${name}: the answer of ${endpoint} has more than ${limit} bytes`;
  throw new TapstakeError("unexpected-answer", text, { url: endpoint, path, reason: "size" });
}

/** @throws TapstakeError `node-unreachable` when it is no HTTP address; credentials in it are not shown */
export function parseUrl(url: string) {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    // The text itself is not shown: it may hold a password.
    throw unreachable("the given address", "it is not an http or https URL");
  }
  const credentials = takeCredentials(parsed);
  if (!/^https?:$/.test(parsed.protocol)) {
    throw unreachable("the given address", `it is not an http or https URL but ${parsed.protocol}`);
  }
  if (!parsed.pathname.endsWith("/")) parsed.pathname += "/";
  return { endpoint: parsed.href, credentials };
}

/** Removes the user and password of a URL, and returns them; `fetch` refuses a URL that has them. */
export function takeCredentials(url: URL): { username: string; password: string } | undefined {
  const { username, password } = url;
  url.username = "";
  url.password = "";
  return username === "" ? undefined : { username: unescaped(username), password: unescaped(password) };
}

/** A password may hold a percent sign that escapes nothing. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The header of basic authentication. @param user name and password, with a colon between them */
export const basicAuth = (user: string): string =>
  `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(user)))}`;

export function unreachable(endpoint: string, why: string, cause?: unknown): TapstakeError {
  return new TapstakeError(
    "node-unreachable",
    `no node at ${endpoint}: ${why}`,
    { url: endpoint },
    { cause },
  );
}

const isTimeout = (error: unknown): boolean => error instanceof Error && error.name === "TimeoutError";

/** fetch says only "fetch failed"; what failed is in its cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const code = (cause as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : cause instanceof Error ? cause.message : String(cause);
}

/**
 * JSON as bitcoind writes it, without floats: a number that a double cannot hold for certain (one with decimals or
 * an exponent, or beyond 2^53) becomes text, its exponent resolved. Amounts are then read by `parseBtc`.
 * @throws SyntaxError at what is not JSON
 */
export const parseLossless = (text: string): unknown => parseNumbers(text, true);
