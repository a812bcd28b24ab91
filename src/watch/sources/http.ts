import http from "node:http";
import https from "node:https";
import { basicAuth, parseUrl, unreachable } from "../../chain/http.js";
import { TapstakeError } from "../../core/errors.js";
import { bytesWithin } from "../../core/response.js";

/** The most bytes of a block: its weight is at most 4,000,000. */
const MAX_BLOCK = 4_000_000 + 80;

export interface Answer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly bytes: Uint8Array;
}

/** One request, until all of its answer is there. `tooLong` makes the error of an answer above the limit. */
type Exchange = (
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
  limit: number,
  tooLong: () => TapstakeError,
) => Promise<Answer>;

export interface Server {
  /** Without credentials, and with a slash at its end. */
  readonly url: string;
  get(path: string, options?: { readonly signal?: AbortSignal; readonly limit?: number }): Promise<Answer>;
}

/**
 * A server that is asked for bytes by GET.
 * @throws TapstakeError `node-unreachable`; at each request also `unexpected-answer` for one that is too long
 */
export function createServer(url: string, timeout: number, exchange: Exchange = byFetch): Server {
  const { endpoint, credentials } = parseUrl(url);
  const headers: Record<string, string> = {};
  if (credentials) {
    headers["authorization"] = basicAuth(`${credentials.username}:${credentials.password}`);
  }
  const once = (path: string, signal: AbortSignal, limit: number): Promise<Answer> =>
    exchange(endpoint + path, headers, signal, limit, () => {
      const text = `${path}: the answer of ${endpoint} has more than ${limit} bytes`;
      return new TapstakeError("unexpected-answer", text, { url: endpoint, path, reason: "size" });
    });
  return {
    url: endpoint,
    async get(path, { signal, limit = MAX_BLOCK } = {}) {
      const deadline = AbortSignal.timeout(timeout);
      const either = signal ? AbortSignal.any([signal, deadline]) : deadline;
      try {
        return await once(path, either, limit);
      } catch (error) {
        if (error instanceof TapstakeError) throw error;
        if (either.aborted) {
          throw unreachable(
            endpoint,
            signal?.aborted ? "stopped" : `no answer to ${path} in ${timeout} ms`,
            error,
          );
        }
        // A server closes connections that were idle, and the first request on one then fails.
        try {
          return await once(path, either, limit);
        } catch (again) {
          if (again instanceof TapstakeError) throw again;
          throw unreachable(endpoint, reasonOf(again), again);
        }
      }
    },
  };
}

const byFetch: Exchange = async (url, headers, signal, limit, tooLong) => {
  const response = await fetch(url, { headers, signal });
  if (Number(response.headers.get("content-length") ?? 0) > limit) {
    await response.body?.cancel();
    throw tooLong();
  }
  const bytes = await bytesWithin(response, limit);
  if (!bytes) throw tooLong();
  return { status: response.status, headers: response.headers, bytes };
};

/**
 * For one's own bitcoind: it takes less than half of the processor time of `fetch`, which is most of a catch-up. It
 * follows no redirect.
 */
export const byNode: Exchange = (url, headers, signal, limit, tooLong) =>
  new Promise((resolve, reject) => {
    const { get } = url.startsWith("https:") ? https : http;
    const request = get(url, { headers, signal }, (response) => {
      const declared = Number(response.headers["content-length"] ?? 0);
      let bytes = Buffer.allocUnsafe(Math.min(declared, limit));
      let length = 0;
      const fail = (error: Error) => {
        request.destroy();
        reject(error);
      };
      if (declared > limit) return fail(tooLong());
      response.on("data", (part: Buffer) => {
        if (length + part.length > limit) return fail(tooLong());
        if (length + part.length > bytes.length) {
          bytes = Buffer.concat([bytes.subarray(0, length)], 2 * (length + part.length));
        }
        part.copy(bytes, length);
        length += part.length;
      });
      response.on("error", fail);
      response.on("end", () =>
        resolve({
          status: response.statusCode!,
          headers: { get: (name) => response.headers[name]?.toString() ?? null },
          bytes: bytes.subarray(0, length),
        }),
      );
    });
    request.on("error", reject);
  });

/** What a server said in words. */
export const saidBy = ({ bytes }: Answer): string => new TextDecoder().decode(bytes.subarray(0, 300)).trim();

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const code = (cause as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : cause instanceof Error ? cause.message : String(cause);
}
