import { TapstakeError } from "../core/errors.js";
import { ask, basicAuth, DEFAULT_TIMEOUT, MAX_ANSWER, parseLossless, parseUrl, unreachable } from "./http.js";

/** Where a node is and who asks. */
export interface RpcOptions {
  /** For example `http://127.0.0.1:8332`; a user and password in it are used and never shown. */
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  /** The path of bitcoind's `.cookie`, read anew for each request: it changes when the node restarts. Node only. */
  readonly cookieFile?: string;
  /** The wallet that wallet methods act on. */
  readonly wallet?: string;
  /** How long to wait for an answer, in milliseconds: 30000 by default. */
  readonly timeout?: number;
  /** The most bytes of an answer: 64 MiB by default. A longer one is `unexpected-answer`. */
  readonly maxAnswer?: number;
  /** Ends every request with `node-unreachable` when it aborts. */
  readonly signal?: AbortSignal;
}

/** Requests to one node, or to one of its wallets. */
export interface Transport {
  /** The node's address, without credentials. */
  readonly url: string;
  /** Sends one JSON-RPC request and returns its result. */
  request(method: string, params: readonly unknown[]): Promise<unknown>;
  /** Sends many, as one batch. */
  requestEach(method: string, calls: readonly (readonly unknown[])[]): Promise<unknown[]>;
}

interface Answer {
  readonly method: string;
  readonly endpoint: string;
  /** Of HTTP. */
  readonly status: number;
  readonly text: string;
}

/**
 * JSON-RPC over HTTP as bitcoind speaks it. Messages name the method and the address, never credentials.
 * @throws TapstakeError `node-unreachable` (no answer, or not from a node), `node-error` (the node's own error,
 * with `method`, `code` and `reason`)
 */
export function createTransport(options: RpcOptions): Transport {
  const { endpoint, credentials } = parseUrl(options.url);
  const username = options.username ?? credentials?.username;
  const password = options.password ?? credentials?.password;
  const path = options.wallet === undefined ? "" : `wallet/${encodeURIComponent(options.wallet)}`;
  const { timeout = DEFAULT_TIMEOUT, maxAnswer: limit = MAX_ANSWER } = options;
  let id = 0;

  const send = async (method: string, body: unknown): Promise<Answer> => {
    const user =
      options.cookieFile === undefined ? undefined : await readCookie(options.cookieFile, endpoint);
    const init: RequestInit = {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: basicAuth(user ?? `${username ?? ""}:${password ?? ""}`),
      },
      body: JSON.stringify(body),
      ...(options.signal && { signal: options.signal }),
    };
    const { status, text } = await ask({ endpoint, path, name: method, timeout, limit, init });
    if (status === 401 || status === 403) {
      const why =
        status === 401
          ? "refused the user or password"
          : "does not let this user call it, or this address: see its -rpcwhitelist and -rpcallowip";
      const details = { method, code: status, reason: status === 401 ? "unauthorized" : "forbidden" };
      throw new TapstakeError("node-error", `${method}: the node at ${endpoint} ${why}`, details);
    }
    return { method, endpoint, status, text };
  };
  const callOf = (method: string, params: readonly unknown[]) => ({
    jsonrpc: "2.0",
    id: ++id,
    method,
    params,
  });
  return {
    url: endpoint,
    async request(method, params) {
      const answer = await send(method, callOf(method, params));
      return resultOf(parseAnswer(answer), answer);
    },
    async requestEach(method, calls) {
      if (calls.length === 0) return [];
      const sent = calls.map((params) => callOf(method, params));
      const answer = await send(method, sent);
      const parsed = parseAnswer(answer);
      // A node that takes no batches, or refuses this one, answers with one object.
      if (!Array.isArray(parsed)) {
        resultOf(parsed, answer);
        throw notANode(answer);
      }
      const byId = new Map(parsed.map((each: { id?: unknown } | null) => [each?.id, each]));
      return sent.map((each) => resultOf(byId.get(each.id), answer));
    },
  };
}

function parseAnswer(answer: Answer): unknown {
  try {
    const plain: unknown = JSON.parse(answer.text);
    // A block is one text of megabytes, in which no number need be looked for.
    if (typeof (plain as { result?: unknown } | null)?.result === "string") return plain;
    return parseLossless(answer.text);
  } catch (error) {
    throw notANode(answer, error);
  }
}

function resultOf(parsed: unknown, answer: Answer): unknown {
  if (typeof parsed !== "object" || parsed === null) throw notANode(answer);
  if ("error" in parsed && parsed.error !== null) {
    const { code, message } = parsed.error as { code?: unknown; message?: unknown };
    if (typeof code !== "number" || typeof message !== "string") throw notANode(answer);
    const { method } = answer;
    throw new TapstakeError("node-error", `${method}: ${message} (code ${code})`, {
      method,
      code,
      reason: message,
    });
  }
  if (!("result" in parsed)) throw notANode(answer);
  return parsed.result;
}

/** Not imported: the rest of this file needs only `fetch`, and browsers have no files. */
async function readCookie(path: string, endpoint: string): Promise<string> {
  const files = globalThis.process?.getBuiltinModule?.("fs/promises");
  if (!files) throw unreachable(endpoint, "only Node can read a cookie file");
  try {
    return (await files.readFile(path, "utf8")).trim();
  } catch (error) {
    throw unreachable(endpoint, `no cookie file at ${path}; the node is not running, or not there`, error);
  }
}

function notANode({ method, endpoint, status }: Answer, cause?: unknown): TapstakeError {
  const message = `${method}: ${endpoint} did not give a JSON-RPC answer (HTTP status ${status})`;
  return new TapstakeError("node-unreachable", message, { url: endpoint, method, status }, { cause });
}
