import { TapstakeError } from "../../core/errors.js";
import { textWithin } from "../../core/response.js";
import { show } from "../../core/text.js";

/** Where an Ethereum node is, and how long and how often it is asked. */
export interface EthereumOptions {
  /** An http or https URL. A user and password in it are used and not shown. */
  readonly url: string;
  /** How long to wait for an answer, in milliseconds (default: 30000). */
  readonly timeout?: number;
  /** The most bytes of an answer (default: 64 MiB). */
  readonly maxAnswer?: number;
  /** How often to ask a node that does not answer, or is busy (default: 4). */
  readonly tries?: number;
  /** Waits, in milliseconds: tests put their own in its place. */
  readonly sleep?: (milliseconds: number) => Promise<void>;
}

/** A node that answers in JSON-RPC. */
export interface EthereumRpc {
  /** Without credentials. */
  readonly url: string;
  /**
   * @throws TapstakeError `node-unreachable`; `node-error` with the node's own code and reason; `unexpected-answer`
   */
  request(method: string, params: readonly unknown[]): Promise<unknown>;
  /** An answer of the right form that is not what was asked for. */
  unexpected(method: string, reason: string, what: string): TapstakeError;
}

const MAX_ANSWER = 64 * 1024 * 1024;
/** The longest wait for a busy node, in milliseconds, whatever it asks for. */
const LONGEST_WAIT = 30_000;
/** The longest text of a node that is repeated. */
const LONGEST_REASON = 300;
const BUSY: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** @throws TapstakeError `node-unreachable` when the URL is none */
export function ethereumRpc(options: EthereumOptions): EthereumRpc {
  const { timeout = 30_000, maxAnswer = MAX_ANSWER, tries = 4 } = options;
  const { sleep = (wait) => new Promise((resolve) => void setTimeout(resolve, wait)) } = options;
  const { endpoint, name, headers } = endpointOf(options.url);
  let next = 1;

  const unexpected: EthereumRpc["unexpected"] = (method, reason, what) =>
    new TapstakeError("unexpected-answer", `${name}: ${method}: ${what}`, {
      url: name,
      path: method,
      reason,
    });

  const once = async (method: string, body: string): Promise<Answer | "busy" | Wait> => {
    const init: RequestInit = { method: "POST", headers, body, redirect: "manual" };
    const response = await fetch(endpoint, { ...init, signal: AbortSignal.timeout(timeout) });
    const { status } = response;
    if (BUSY.has(status)) {
      await response.body?.cancel();
      return waitOf(response.headers.get("retry-after"));
    }
    if (response.type === "opaqueredirect" || (status >= 300 && status < 400)) {
      throw unexpected(method, "redirect", "it leads to another address");
    }
    const text = await textWithin(response, maxAnswer);
    if (text === null) throw unexpected(method, "size", `the answer has more than ${maxAnswer} bytes`);
    return { status, text };
  };

  const exchange = async (method: string, body: string): Promise<Answer> => {
    for (let attempt = 1; ; attempt++) {
      let wait = 500 * 2 ** attempt;
      try {
        const answer = await once(method, body);
        if (answer !== "busy" && "text" in answer) return answer;
        if (attempt >= tries) throw failed(name, method, "it is busy");
        if (answer !== "busy") wait = answer.wait;
      } catch (error) {
        if (error instanceof TapstakeError) throw error;
        if (attempt >= tries) throw failed(name, method, reasonOf(error, timeout), error);
      }
      await sleep(wait);
    }
  };

  return {
    url: name,
    unexpected,
    async request(method, params) {
      const id = next++;
      const body = JSON.stringify({ jsonrpc: "2.0", id, method, params });
      const { status, text } = await exchange(method, body);
      let json: unknown;
      try {
        json = JSON.parse(text);
      } catch {
        if (status !== 200) throw statusError(name, method, status);
        throw unexpected(method, "json", "not JSON, or cut");
      }
      const answer = (typeof json === "object" && json !== null ? json : {}) as Record<string, unknown>;
      if (typeof answer["error"] === "object" && answer["error"] !== null) {
        const { code, message } = answer["error"] as Record<string, unknown>;
        const reason = typeof message === "string" ? printable(message) : "no reason given";
        throw new TapstakeError("node-error", `${name}: ${method}: ${reason}`, {
          method,
          reason,
          ...(typeof code === "number" && { code }),
        });
      }
      if (status !== 200) throw statusError(name, method, status);
      if (answer["id"] !== id || !Object.hasOwn(answer, "result")) {
        throw unexpected(method, "form", `expected the result of request ${id}, got ${show(json)}`);
      }
      return answer["result"];
    },
  };
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

interface Wait {
  readonly wait: number;
}

function waitOf(retryAfter: string | null): Wait | "busy" {
  if (retryAfter === null || !/^\d{1,9}$/.test(retryAfter)) return "busy";
  return { wait: Math.min(1000 * Number(retryAfter), LONGEST_WAIT) };
}

function endpointOf(url: string) {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    // The text itself is not shown: it may hold a password.
    throw failed("the given address", "the request", "it is not an http or https URL");
  }
  const { username, password, protocol } = parsed;
  if (!/^https?:$/.test(protocol)) {
    throw failed("the given address", "the request", `it is not an http or https URL but ${protocol}`);
  }
  const text = new TextEncoder().encode(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`);
  const basic = btoa(String.fromCharCode(...text));
  parsed.username = "";
  parsed.password = "";
  const headers = {
    "content-type": "application/json",
    ...(username !== "" && { authorization: `Basic ${basic}` }),
  };
  // Paths and queries of hosted nodes hold the key of an account.
  return { endpoint: parsed.href, name: parsed.origin, headers };
}

const failed = (name: string, method: string, why: string, cause?: unknown) =>
  new TapstakeError("node-unreachable", `no node at ${name}: ${method}: ${why}`, { url: name }, { cause });

const statusError = (name: string, method: string, status: number) =>
  new TapstakeError("node-error", `${name}: ${method}: HTTP status ${status}`, { method, status });

function reasonOf(error: unknown, timeout: number): string {
  if (error instanceof Error && error.name === "TimeoutError") return `no answer in ${timeout} ms`;
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const code = (cause as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "the connection failed";
}

/** Without control characters, which a terminal would obey. */
const printable = (text: string): string => text.slice(0, LONGEST_REASON).replace(/[\p{Cc}\p{Cf}]/gu, " ");
