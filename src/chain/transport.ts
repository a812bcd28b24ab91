import { TapstakeError } from "../core/errors.js";
import { ask, DEFAULT_TIMEOUT, parseUrl, unreachable } from "./http.js";
import { parseLossless } from "./json.js";

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
  /** How long to wait for an answer, in milliseconds: 30000 unless told. */
  readonly timeout?: number;
}

export interface Transport {
  /** The node's address, without credentials. */
  readonly url: string;
  /** Sends one JSON-RPC request and returns its result. */
  request(method: string, params: readonly unknown[]): Promise<unknown>;
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
  const timeout = options.timeout ?? DEFAULT_TIMEOUT;
  let id = 0;

  const request: Transport["request"] = async (method, params) => {
    const user =
      options.cookieFile === undefined ? undefined : await readCookie(options.cookieFile, endpoint);
    const init: RequestInit = {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Basic ${base64(user ?? `${username ?? ""}:${password ?? ""}`)}`,
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: ++id, method, params }),
    };
    const { status, text } = await ask({ endpoint, path, name: method, timeout, init });
    if (status === 401 || status === 403) {
      throw new TapstakeError(
        "node-error",
        `${method}: the node at ${endpoint} refused the user or password`,
        {
          method,
          code: status,
          reason: "unauthorized",
        },
      );
    }
    return readAnswer(method, endpoint, status, text);
  };
  return { url: endpoint, request };
}

function readAnswer(method: string, endpoint: string, status: number, text: string): unknown {
  let answer: unknown;
  try {
    answer = parseLossless(text);
  } catch (error) {
    throw notANode(method, endpoint, status, error);
  }
  if (typeof answer !== "object" || answer === null) throw notANode(method, endpoint, status);
  if ("error" in answer && answer.error !== null) {
    const { code, message } = answer.error as { code?: unknown; message?: unknown };
    if (typeof code !== "number" || typeof message !== "string") throw notANode(method, endpoint, status);
    throw new TapstakeError("node-error", `${method}: ${message} (code ${code})`, {
      method,
      code,
      reason: message,
    });
  }
  if (!("result" in answer)) throw notANode(method, endpoint, status);
  return answer.result;
}

/** Imported where it is used: the rest of this file needs only `fetch`. */
async function readCookie(path: string, endpoint: string): Promise<string> {
  const { readFile } = await import("node:fs/promises");
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    throw unreachable(endpoint, `no cookie file at ${path}; the node is not running, or not there`, error);
  }
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

function notANode(method: string, endpoint: string, status: number, cause?: unknown): TapstakeError {
  const message = `${method}: expected a JSON-RPC answer from ${endpoint}, got HTTP status ${status} and something else`;
  return new TapstakeError("node-unreachable", message, { url: endpoint, method, status }, { cause });
}
