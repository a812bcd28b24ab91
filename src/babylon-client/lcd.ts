import * as v from "valibot";
import { type ChainError, chainError, readErrorText } from "../babylon/errors.js";
import { ask, parseUrl } from "../chain/http.js";
import { type ErrorDetails, TapstakeError } from "../core/errors.js";
import { parseExactJson } from "../core/json.js";
import { show } from "../core/text.js";
import type { Release } from "../params/rules.js";

/** Time, as the client knows it: tests put their own in its place. */
export interface Clock {
  /** Milliseconds. */
  now(): number;
  sleep(milliseconds: number): Promise<void>;
}

export interface ServerOptions {
  /** For example `https://host/api`; credentials in it are used and not shown. */
  readonly url: string;
  /** How long to wait for an answer, in milliseconds. */
  readonly timeout: number;
  /** The most bytes of an answer. */
  readonly limit: number;
  readonly clock: Clock;
  readonly release: Release;
}

/** A server of the chain that answers in JSON. Everything throws the codes of {@link Server.get}. */
export interface Server {
  /** Without credentials. */
  readonly url: string;
  /** The same server, asked about the state of a height. */
  at(height: bigint): Server;
  /**
   * @param path below the server's address, without a slash before it
   * @throws TapstakeError `node-unreachable`, `unexpected-answer`, `chain-refused`, `node-error`
   */
  get<Form extends v.GenericSchema>(path: string, form: Form): Promise<v.InferOutput<Form>>;
  post<Form extends v.GenericSchema>(path: string, body: object, form: Form): Promise<v.InferOutput<Form>>;
  /** An answer that has the right form, and is not what was asked for. */
  mismatch(path: string, field: string, expected: string): TapstakeError;
}

/** How often a server may say that it is busy. */
const TRIES = 4;
/** The longest wait for a busy server, in milliseconds, whatever it asks for. */
const LONGEST_WAIT = 30_000;

/** @throws TapstakeError `node-unreachable` when the URL is none */
export function createServer(options: ServerOptions, height?: bigint): Server {
  const { endpoint, credentials } = parseUrl(options.url);
  const { username, password } = credentials ?? {};
  const basic = btoa(String.fromCharCode(...new TextEncoder().encode(`${username}:${password}`)));
  const headers = {
    ...(credentials && { authorization: `Basic ${basic}` }),
    ...(height !== undefined && { "x-cosmos-block-height": `${height}` }),
  };
  const { timeout, limit, clock, release } = options;

  const request = async (path: string, init: RequestInit) => {
    for (let attempt = 1; ; attempt++) {
      const answer = await ask({ endpoint, path, name: nameOf(path), timeout, limit, init });
      const isBusy = answer.status === 429 || answer.status === 503;
      if (!isBusy || attempt === TRIES) return answer;
      await clock.sleep(waitOf(answer.headers.get("retry-after"), attempt, clock));
    }
  };
  const exchange = async <Form extends v.GenericSchema>(path: string, init: RequestInit, form: Form) => {
    // A server elsewhere is another server than the one that was named.
    const { status, text } = await request(path, { ...init, redirect: "manual" });
    if (status === 0 || (status >= 300 && status < 400)) {
      throw unexpected(path, "redirect", "it leads to another address");
    }
    if (status !== 200) throw errorOf(path, status, text);
    return conform(form, parse(path, text), path);
  };

  const unexpected = (path: string, reason: string, what: string, details: ErrorDetails = {}) =>
    new TapstakeError("unexpected-answer", `${endpoint}${nameOf(path)}: ${what}`, {
      url: endpoint,
      path,
      reason,
      ...details,
    });
  const parse = (path: string, text: string): unknown => {
    try {
      return parseExactJson(text, path);
    } catch {
      const isPage = text.trimStart().startsWith("<");
      throw unexpected(path, isPage ? "html" : "json", isPage ? "a web page, not JSON" : "not JSON, or cut");
    }
  };
  const conform = <Form extends v.GenericSchema>(form: Form, value: unknown, path: string) => {
    const result = v.safeParse(form, value, { abortEarly: true });
    if (result.success) return result.output as v.InferOutput<Form>;
    const [issue] = result.issues;
    const field = v.getDotPath(issue) ?? "";
    throw unexpected(path, "form", `${field || "the answer"} must be ${expectation(issue)}`, { field });
  };
  const errorOf = (path: string, status: number, text: string): TapstakeError => {
    const said = v.safeParse(errorForm, parseQuietly(text));
    if (!said.success) {
      const about = { url: endpoint, path, status };
      return new TapstakeError("node-error", `${endpoint}${nameOf(path)}: HTTP status ${status}`, about);
    }
    const { code, message } = said.output;
    const { error, ...known } = readErrorText(message, release);
    if (known.codespace === undefined) {
      const reason = message.slice(0, LONGEST_REASON);
      const about = { url: endpoint, path, status, grpcCode: code, reason, ...known };
      return new TapstakeError("node-error", `${endpoint}${nameOf(path)}: ${reason}`, about);
    }
    const about = { url: endpoint, path, status };
    const { codespace, code: chainCode = 0, messageIndex } = known;
    return refusal({ codespace, code: chainCode, log: message, release, error }, about, messageIndex);
  };

  return {
    url: endpoint,
    at: (other) => createServer(options, other),
    get: (path, form) => exchange(path, { headers }, form),
    post: (path, body, form) => {
      const json = { ...headers, "content-type": "application/json" };
      return exchange(path, { method: "POST", headers: json, body: JSON.stringify(body) }, form);
    },
    mismatch: (path, field, expected) =>
      unexpected(path, "mismatch", `${field} is not ${expected}, which was asked for`, { field, expected }),
  };
}

/** What the chain said about a message or a request, as an error. */
export function refusal(
  said: {
    readonly codespace: string;
    readonly code: number;
    readonly log: string;
    readonly release: Release;
    readonly error?: ChainError | undefined;
  },
  about: ErrorDetails,
  messageIndex?: number,
): TapstakeError {
  const { codespace, code, release } = said;
  const log = said.log.slice(0, LONGEST_REASON);
  const { name, retry } = said.error ??
    chainError(codespace, code, release) ?? { name: "", retry: "changed" };
  const which = name === "" ? `${codespace} ${code}` : `${codespace} ${code}, ${name}`;
  return new TapstakeError("chain-refused", `the chain refused it (${which}): ${log}`, {
    ...about,
    codespace,
    chainCode: code,
    name,
    retry,
    log,
    ...(messageIndex !== undefined && { messageIndex }),
  });
}

/**
 * Null in place of one of the chain's errors: most often, that there is no such thing.
 * @param errors by codespace and code; errors of gRPC itself have the codespace `grpc`
 */
export async function nullAt<T>(
  promise: Promise<T>,
  ...errors: readonly (readonly [codespace: string, code: number])[]
): Promise<T | null> {
  try {
    return await promise;
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
    const { codespace, chainCode, grpcCode } = error.details;
    const isNotFound = error.code === "node-error" && grpcCode === NOT_FOUND;
    const said =
      error.code === "node-error" ? (["grpc", grpcCode] as const) : ([codespace, chainCode] as const);
    if (isNotFound || errors.some(([space, code]) => space === said[0] && code === said[1])) return null;
    throw error;
  }
}

/** gRPC's code for what there is not. */
const NOT_FOUND = 5;

/** The longest text of a server that is repeated. */
const LONGEST_REASON = 500;

const errorForm = v.object({ code: v.number(), message: v.string() });

/** A path without its query, which can be long. */
const nameOf = (path: string): string => path.split("?")[0]!;

function waitOf(retryAfter: string | null, attempt: number, clock: Clock): number {
  const seconds = retryAfter !== null && /^\d{1,9}$/.test(retryAfter) ? Number(retryAfter) : undefined;
  const date = retryAfter === null ? Number.NaN : Date.parse(retryAfter) - clock.now();
  const asked = seconds !== undefined ? seconds * 1000 : Number.isNaN(date) ? 500 * 2 ** attempt : date;
  return Math.min(Math.max(asked, 0), LONGEST_WAIT);
}

function parseQuietly(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function expectation(issue: v.BaseIssue<unknown>): string {
  const expected = issue.type === "custom" || issue.type === "check" ? issue.message : issue.expected;
  const { input } = issue;
  return `${expected ?? issue.message}, not ${input === undefined ? "nothing" : show(input)}`;
}
